"""Time that tests can move: a clock (real, faster, or moved by hand) and a heap of what is due on it."""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
from collections.abc import Callable
from typing import Any, Final

log = logging.getLogger("simulator.clock")

# A timer of the event loop may fire a little early.
SLACK_S: Final = 0.001


class Clock:
    """Unix seconds as the simulated world sees them. Speed 0 means that only `advance` moves it."""

    def __init__(self, *, speed: float = 1.0, start_at: float | None = None) -> None:
        self.speed = speed
        self._origin = time.time() if start_at is None else start_at
        self._mark = time.monotonic()

    def now(self) -> float:
        """Return the simulated instant, in Unix seconds."""
        return self._origin + (time.monotonic() - self._mark) * self.speed

    def move_to(self, instant: float) -> None:
        """Make `instant` the current time; the speed stays."""
        self._origin = instant
        self._mark = time.monotonic()

    def set_speed(self, speed: float) -> None:
        """Run `speed` simulated seconds a second from now on."""
        self.move_to(self.now())
        self.speed = speed


class Scheduler:
    """Calls things when the clock reaches their time, in the order of their times."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._closed = False

    def __len__(self) -> int:
        return len(self._heap)

    def after(self, delay_s: float, call: Callable[..., None], *args: Any) -> None:
        """Call `call(*args)` once `delay_s` simulated seconds have passed."""
        self.at(self.clock.now() + delay_s, call, *args)

    def at(self, when: float, call: Callable[..., None], *args: Any) -> None:
        """Call `call(*args)` when the clock shows `when`."""
        if self._closed:
            return
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, call, args))
        if self._timer is None or when < self._timer_at:
            self._arm()

    def advance(self, seconds: float) -> None:
        """Move the clock by `seconds`, stopping at everything that falls due on the way."""
        target = self.clock.now() + seconds
        while self._heap and self._heap[0][0] <= target:
            when, _, call, args = heapq.heappop(self._heap)
            self.clock.move_to(max(when, self.clock.now()))
            call(*args)
        self.clock.move_to(max(target, self.clock.now()))
        self._arm()

    def set_speed(self, speed: float) -> None:
        """Change the speed and what the event loop waits for."""
        self.clock.set_speed(speed)
        self._arm()

    def close(self) -> None:
        """Forget everything; later calls are ignored."""
        self._closed = True
        self._heap.clear()
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if not self._heap or not self.clock.speed:
            return
        self._timer_at = self._heap[0][0]
        delay = max(0.0, (self._timer_at - self.clock.now()) / self.clock.speed)
        self._timer = asyncio.get_running_loop().call_later(delay, self._run_due)

    def _run_due(self) -> None:
        self._timer = None
        limit = self.clock.now() + SLACK_S * max(1.0, self.clock.speed)
        while self._heap and self._heap[0][0] <= limit:
            _, _, call, args = heapq.heappop(self._heap)
            try:
                call(*args)
            except Exception:
                # One poisoned event must not stop the clock for all others.
                log.exception("event failed")
        if self._timer is None:
            self._arm()
