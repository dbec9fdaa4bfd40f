"""Counting thousands of events a second: an estimate that never lets much more than the limit pass."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from pytake.infra import redis_client
from pytake.infra.ids import new_id
from pytake.infra.tally import Tally

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def tally() -> Tally:
    return Tally(f"test-{new_id().hex}")


def admitted(tally: Tally, start_s: float, count: int, *, over_s: float, limit: int, key: str = "key") -> int:
    """Let so many events happen, evenly; return how many were let through."""
    instants = [NOW + timedelta(seconds=start_s + over_s * index / count) for index in range(count)]
    return [tally.admit(key, limit=limit, now=instant) for instant in instants].count(0)


def test_the_limit_passes_in_a_minute_and_each_key_counts_for_itself(tally: Tally) -> None:
    assert admitted(tally, 0, 500, over_s=50, limit=100) == 100
    assert admitted(tally, 0, 500, over_s=50, limit=100, key="another") == 100


@pytest.mark.parametrize("rate", [2, 5, 50])
def test_under_a_lasting_flood_the_limit_passes_on_average(tally: Tally, rate: int) -> None:
    passed = [admitted(tally, minute * 60, 60 * rate, over_s=60, limit=60) for minute in range(10)]

    assert passed[0] == 60
    assert all(50 <= count <= 62 for count in passed[1:]), passed


def test_a_burst_around_the_turn_of_a_minute_is_one_burst(tally: Tally) -> None:
    assert admitted(tally, 50, 100, over_s=9, limit=100) == 100
    assert admitted(tally, 60, 100, over_s=6, limit=100) <= 10


def test_below_the_limit_nobody_waits(tally: Tally) -> None:
    assert admitted(tally, 0, 590, over_s=600, limit=60) == 590


def test_a_refusal_says_when_to_come_again(tally: Tally) -> None:
    assert admitted(tally, 0, 100, over_s=10, limit=100) == 100
    wait_s = tally.admit("key", limit=100, now=NOW + timedelta(seconds=30))

    assert 30 <= wait_s <= 31
    assert tally.admit("key", limit=100, now=NOW + timedelta(seconds=30 + wait_s)) == 0


def test_processes_learn_of_each_other_within_a_second_or_two(tally: Tally) -> None:
    other = Tally(tally._name)
    deadline = time.monotonic() + 10
    refused = False
    while not refused and time.monotonic() < deadline:
        for one in (tally, other):
            for _ in range(10):
                refused = refused or one.admit("key", limit=3000, now=NOW) > 0
        time.sleep(0.02)

    assert refused
    assert tally._own["key"] < 3000
    assert other._own["key"] < 3000
    assert tally._own["key"] + other._own["key"] <= 3000 + 2500


def test_without_redis_each_counts_for_itself(tally: Tally, monkeypatch: pytest.MonkeyPatch, settings: object) -> None:
    redis_client.client.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # type: ignore[attr-defined]  # pytest-django's
    try:
        assert admitted(tally, 0, 500, over_s=50, limit=100) == 100
        time.sleep(0.1)
        assert not tally._sharing
    finally:
        redis_client.client.cache_clear()


def test_strangers_without_end_take_no_memory_without_end(tally: Tally) -> None:
    for index in range(120_000):
        tally.admit(f"stranger {index}", limit=10, now=NOW)

    assert len(tally._own) <= 50_001
