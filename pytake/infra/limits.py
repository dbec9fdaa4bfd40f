"""Sliding windows in Redis: check and count in one atomic step.

A window keeps the instants of what it let through, so it never lets more than `limit` pass in any
period, and what it refuses does not prolong the wait. Instants are given by the caller.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import redis
import structlog

from pytake.infra import redis_client
from pytake.infra.ids import new_id

log = structlog.get_logger(__name__)

# What to do when Redis is away: let pass, refuse, or count in this process only.
OnFailure = Literal["open", "closed", "local"]
_LOCAL_KEYS_MAX: Final = 10_000

# KEYS: one sorted set a window. ARGV: now (µs), entry, then limit and period (µs) of each window.
# All windows are checked before any is counted. Answers: whether all pass, then for each window its
# free places and the instant whose ageing makes the next one free.
_SCRIPT: Final = """
local answer, allowed = {}, 1
for i, key in ipairs(KEYS) do
    local limit, period = tonumber(ARGV[1 + 2 * i]), tonumber(ARGV[2 + 2 * i])
    redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', tonumber(ARGV[1]) - period))
    local used = redis.call('ZCARD', key)
    local rank = math.max(0, used - limit)
    local entry = redis.call('ZRANGE', key, rank, rank, 'WITHSCORES')
    answer[i] = {limit - used, entry[2] or ARGV[1]}
    if used >= limit then allowed = 0 end
end
if allowed == 1 then
    for i, key in ipairs(KEYS) do
        redis.call('ZADD', key, ARGV[1], ARGV[2])
        redis.call('PEXPIRE', key, math.ceil(tonumber(ARGV[2 + 2 * i]) / 1000))
        answer[i][1] = answer[i][1] - 1
    end
end
return {allowed, answer}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """At most `limit` in any `period_s` seconds under `key`."""

    key: str
    limit: int
    period_s: int

    @property
    def period_us(self) -> int:
        """Return the period in microseconds."""
        return self.period_s * 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether it may pass, and the state of the window that matters. `reset_at` is in Unix seconds."""

    allowed: bool
    limit: int
    remaining: int
    reset_at: int
    retry_after_s: int


def sliding_window(key: str, *, limit: int, period_s: int, now: datetime, on_failure: OnFailure = "open") -> Verdict:
    """Count one event under `key` if its window has room."""
    return check([Window(key=key, limit=limit, period_s=period_s)], now=now, on_failure=on_failure)


def check(windows: Sequence[Window], *, now: datetime, on_failure: OnFailure = "open") -> Verdict:
    """Count one event in all windows if all have room, else in none. `now` is an aware instant."""
    instant = int(now.timestamp() * 1_000_000)
    if not windows:
        return Verdict(allowed=True, limit=0, remaining=0, reset_at=instant // 1_000_000, retry_after_s=0)
    arguments: list[str | int] = [instant, f"{instant}-{new_id().hex}"]
    for window in windows:
        arguments += [window.limit, window.period_us]
    keys = [redis_client.key("window", window.key) for window in windows]
    try:
        passed, answers = redis_client.client().eval(_SCRIPT, len(keys), *keys, *arguments)
    except redis.RedisError:
        log.warning("limits.unavailable", on_failure=on_failure)
        return _without_redis(windows, instant, on_failure)
    rooms = [(int(room), int(float(frees))) for room, frees in answers]
    return _verdict(windows, rooms, instant, allowed=bool(passed))


def forget(key: str) -> None:
    """Empty a window."""
    redis_client.client().delete(redis_client.key("window", key))


def _verdict(windows: Sequence[Window], rooms: Sequence[tuple[int, int]], instant: int, *, allowed: bool) -> Verdict:
    """Report the window with the longest wait if refused, else the one with the least room."""
    waits = [frees + window.period_us - instant for window, (_, frees) in zip(windows, rooms, strict=True)]
    indices = range(len(windows))
    if allowed:
        chosen = min(indices, key=lambda index: rooms[index][0])
    else:
        chosen = max((index for index in indices if rooms[index][0] <= 0), key=lambda index: waits[index])
    wait_s = max(1, math.ceil(waits[chosen] / 1_000_000))
    return Verdict(
        allowed=allowed,
        limit=windows[chosen].limit,
        remaining=max(0, rooms[chosen][0]),
        reset_at=instant // 1_000_000 + wait_s,
        retry_after_s=0 if allowed else wait_s,
    )


_passed_here: dict[str, list[int]] = {}
_lock = threading.Lock()


def _without_redis(windows: Sequence[Window], instant: int, on_failure: OnFailure) -> Verdict:
    """Decide without Redis: open and closed ignore the count, local counts in this process."""
    if on_failure != "local":
        allowed = on_failure == "open"
        rooms = [(window.limit if allowed else 0, instant) for window in windows]
        return _verdict(windows, rooms, instant, allowed=allowed)
    with _lock:
        if len(_passed_here) > _LOCAL_KEYS_MAX:
            _passed_here.clear()
        rooms = [_room_here(window, instant) for window in windows]
        allowed = all(room > 0 for room, _ in rooms)
        for window in windows if allowed else ():
            _passed_here[window.key].append(instant)
    return _verdict(windows, [(room - allowed, frees) for room, frees in rooms], instant, allowed=allowed)


def _room_here(window: Window, instant: int) -> tuple[int, int]:
    recent = [at for at in _passed_here.get(window.key, []) if at > instant - window.period_us]
    _passed_here[window.key] = recent
    return window.limit - len(recent), recent[0] if recent else instant
