"""Sliding windows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from pytake.infra import limits, redis_client
from pytake.infra.ids import new_id

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def key() -> str:
    return f"test:{new_id().hex}"


def take(key: str, seconds: float, limit: int = 3) -> limits.Verdict:
    return limits.sliding_window(key, limit=limit, period_s=60, now=NOW + timedelta(seconds=seconds))


def test_never_more_than_the_limit_in_any_period(key: str) -> None:
    passed = [second for second in range(200) if take(key, second).allowed]

    for start in passed:
        assert len([second for second in passed if start <= second < start + 60]) <= 3
    assert passed == [0, 1, 2, 60, 61, 62, 120, 121, 122, 180, 181, 182]


def test_a_refusal_says_exactly_when_to_come_back(key: str) -> None:
    for second in (0, 10, 20):
        assert take(key, second).allowed
    refused = take(key, 25)

    assert (refused.allowed, refused.remaining, refused.retry_after_s) == (False, 0, 35)
    assert not take(key, 59.9).allowed
    assert take(key, 25 + refused.retry_after_s).allowed


def test_what_is_left_counts_down(key: str) -> None:
    assert [take(key, second).remaining for second in (0, 1, 2)] == [2, 1, 0]


def test_several_windows_are_counted_together_or_not_at_all(key: str) -> None:
    wide = limits.Window(key=f"{key}:wide", limit=10, period_s=60)
    narrow = limits.Window(key=f"{key}:narrow", limit=1, period_s=60)
    assert limits.check([wide, narrow], now=NOW).allowed
    refused = limits.check([wide, narrow], now=NOW)

    assert (refused.allowed, refused.limit) == (False, 1)
    assert limits.check([wide], now=NOW).remaining == 8


def test_many_at_once_never_exceed_the_limit(key: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(lambda _: take(key, 0, limit=20).allowed, range(100)))

    assert verdicts.count(True) == 20


def test_without_redis_it_opens_closes_or_counts_here(key: str, settings: object) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # type: ignore[attr-defined]  # pytest-django's
    redis_client.client.cache_clear()
    try:
        window = [limits.Window(key=key, limit=1, period_s=60)]
        assert limits.check(window, now=NOW, on_failure="open").allowed
        assert not limits.check(window, now=NOW, on_failure="closed").allowed
        assert limits.check(window, now=NOW, on_failure="local").allowed
        assert not limits.check(window, now=NOW, on_failure="local").allowed
        assert limits.check(window, now=NOW + timedelta(seconds=61), on_failure="local").allowed
    finally:
        redis_client.client.cache_clear()
