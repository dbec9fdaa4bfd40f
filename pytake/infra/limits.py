"""Sliding-window rate limits in Redis: check and count are one step, expiry is not refreshed by traffic.

A window is approximated by two fixed ones, the older weighted by how much of it still counts, so a limit
costs two small keys whatever the traffic. Several windows are asked in one call and counted only if all
of them let the request pass.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal

import redis

from pytake.infra import redis_client

# What to do when Redis is away: let pass, refuse, or count in this process only.
OnFailure = Literal["open", "closed", "local"]

# KEYS: current and previous fixed window of each limit. ARGV for each: limit, weight of the previous
# window, lifetime in ms. Returns whether all pass, then what each has used.
_SCRIPT: Final = """
local used, pass = {}, 1
for i = 1, #KEYS / 2 do
  local current = tonumber(redis.call('GET', KEYS[2 * i - 1]) or '0')
  local previous = tonumber(redis.call('GET', KEYS[2 * i]) or '0')
  local sum = current + previous * tonumber(ARGV[3 * i - 1])
  if sum + 1 > tonumber(ARGV[3 * i - 2]) then pass = 0 end
  used[i] = sum
end
local answer = {pass}
for i = 1, #used do
  if pass == 1 then
    used[i] = used[i] + 1
    if redis.call('INCR', KEYS[2 * i - 1]) == 1 then
      redis.call('PEXPIRE', KEYS[2 * i - 1], ARGV[3 * i])
    end
  end
  answer[i + 1] = tostring(used[i])
end
return answer
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """At most `limit` requests in any `period_s` seconds."""

    key: str
    limit: int
    period_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a request may pass, and the state of its tightest window. `reset_at` is Unix seconds."""

    allowed: bool
    limit: int
    remaining: int
    reset_at: int
    retry_after_s: int


@lru_cache(maxsize=1)
def _script() -> Any:
    return redis_client.client().register_script(_SCRIPT)


def check(windows: Sequence[Window], *, now: datetime, on_failure: OnFailure = "open") -> Verdict:
    """Count a request in all windows if all let it pass; return the state of the tightest one."""
    at = now.timestamp()
    if not windows:
        return Verdict(allowed=True, limit=0, remaining=0, reset_at=int(at), retry_after_s=0)
    try:
        allowed, used = _ask(windows, at)
    except redis.RedisError:
        allowed, used = _without_redis(windows, at, on_failure)
    return _verdict(windows, used, at, allowed=allowed)


def _ask(windows: Sequence[Window], at: float) -> tuple[bool, list[float]]:
    keys: list[str] = []
    arguments: list[str | int] = []
    for window in windows:
        slot = int(at // window.period_s)
        keys += [redis_client.key("limit", window.key, slot), redis_client.key("limit", window.key, slot - 1)]
        arguments += [window.limit, f"{1 - (at % window.period_s) / window.period_s:.6f}", window.period_s * 2000]
    answer = _script()(keys=keys, args=arguments)
    return bool(answer[0]), [float(value) for value in answer[1:]]


def _verdict(windows: Sequence[Window], used: Sequence[float], at: float, *, allowed: bool) -> Verdict:
    tightest = min(range(len(windows)), key=lambda index: windows[index].limit - used[index])
    window = windows[tightest]
    reset_at = (int(at // window.period_s) + 1) * window.period_s
    return Verdict(
        allowed=allowed,
        limit=window.limit,
        remaining=max(0, math.floor(window.limit - used[tightest])),
        reset_at=reset_at,
        retry_after_s=0 if allowed else max(1, math.ceil(reset_at - at)),
    )


_LOCAL: dict[tuple[str, int], int] = {}
_LOCK = threading.Lock()


def _without_redis(windows: Sequence[Window], at: float, on_failure: OnFailure) -> tuple[bool, list[float]]:
    """Decide without Redis: open and closed ignore the count, local counts in this process."""
    if on_failure != "local":
        return on_failure == "open", [0.0] * len(windows)
    with _LOCK:
        if len(_LOCAL) > 10_000:
            _LOCAL.clear()
        slots = [(window.key, int(at // window.period_s)) for window in windows]
        allowed = all(_LOCAL.get(slot, 0) < window.limit for slot, window in zip(slots, windows, strict=True))
        for slot in slots if allowed else ():
            _LOCAL[slot] = _LOCAL.get(slot, 0) + 1
        return allowed, [float(_LOCAL.get(slot, 0)) for slot in slots]
