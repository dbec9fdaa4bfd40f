"""How often something happened in the last minute, cheap enough for thousands of events a second.

Each process counts for itself and adds its counts to Redis about once a second, where it learns those of the
others: what is let through may exceed a limit by a second's worth. `pytake.infra.limits` is exact, at the price
of a round trip for every event.
"""

from __future__ import annotations

import math
import threading
import time
from datetime import datetime
from typing import Final

import redis
import structlog

from pytake.infra import redis_client

log = structlog.get_logger(__name__)
_PERIOD_S: Final = 60
_SHARE_EVERY_S: Final = 1.0
_KEYS_MAX: Final = 50_000
# What is far from any limit is nobody else's business.
_SHARED_FROM: Final = 50


class Tally:
    """Counts by key. The last minute is estimated: this minute's count and the fitting part of the one before."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._minute = 0
        self._own: dict[str, int] = {}
        self._shared: dict[str, int] = {}
        self._others: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self._share_at = 0.0
        self._sharing = False

    def admit(self, key: str, *, limit: int, now: datetime) -> int:
        """Count an event and return 0; at the limit, return the seconds to wait and count nothing."""
        instant = now.timestamp()
        with self._lock:
            self._turn(int(instant) // _PERIOD_S)
            passed = instant % _PERIOD_S
            current = self._own.get(key, 0) + self._others.get(key, 0)
            earlier = self._before.get(key, 0)
            if current + earlier * (1 - passed / _PERIOD_S) >= limit:
                return _wait(current, earlier, limit, passed)
            self._own[key] = self._own.get(key, 0) + 1
            share = not self._sharing and time.monotonic() >= self._share_at
            self._sharing = self._sharing or share
        if share:
            threading.Thread(target=self._share, daemon=True).start()
        return 0

    def _turn(self, minute: int) -> None:
        """Begin another minute when its time has come; forget everything rather than grow without end."""
        if minute == self._minute and len(self._own) <= _KEYS_MAX:
            return
        totals = {key: count + self._others.get(key, 0) for key, count in self._own.items()}
        self._before = totals if minute == self._minute + 1 else {}
        self._minute, self._own, self._shared, self._others = minute, {}, {}, {}

    def _share(self) -> None:
        """Add to Redis what was counted since the last time; learn the counts of all processes."""
        with self._lock:
            minute = self._minute
            fresh = {key: n - self._shared.get(key, 0) for key, n in self._own.items() if n >= _SHARED_FROM}
            own = {key: self._own[key] for key in fresh}
        totals: dict[str, int] = {}
        try:
            totals = self._add(minute, fresh) if fresh else {}
        except redis.RedisError:
            log.warning("tally.unshared", tally=self._name)
        with self._lock:
            if minute == self._minute:
                self._shared |= {key: own[key] for key in totals}
                self._others |= {key: max(0, total - own[key]) for key, total in totals.items()}
            self._share_at = time.monotonic() + _SHARE_EVERY_S
            self._sharing = False

    def _add(self, minute: int, fresh: dict[str, int]) -> dict[str, int]:
        pipeline = redis_client.client().pipeline(transaction=False)
        for key, count in fresh.items():
            name = redis_client.key("tally", self._name, minute, key)
            pipeline.incrby(name, count)
            pipeline.expire(name, 2 * _PERIOD_S)
        return dict(zip(fresh, pipeline.execute()[::2], strict=True))


def _wait(current: int, earlier: int, limit: int, passed: float) -> int:
    """Return after how many whole seconds the estimate has fallen below the limit."""
    left = _PERIOD_S - passed
    if current >= limit:
        # Not before this minute's count is the earlier one, of which a part no longer matters.
        return math.floor(left + (1 - limit / current) * _PERIOD_S) + 1
    return math.floor(left - (limit - current) / earlier * _PERIOD_S) + 1
