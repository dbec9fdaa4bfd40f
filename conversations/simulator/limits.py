"""The limits of section 8: messages a second of a number, messages to one person, people a day of a portfolio.

Everything is looked at first and taken only when a message is accepted, so a refused request costs nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from conversations.simulator.config import Limits
from conversations.simulator.model import Number, User

DAY_S: Final = 24 * 3600.0
SLIDING_S: Final = 1.0
BURST_S: Final = 6.0
# Pair states that are long free again are dropped once there are this many.
SWEEP_AT: Final = 200_000


@dataclass(slots=True)
class Debt:
    """The documented example of the pair limit: a burst is lent, then paid back six seconds a message."""

    since: float = 0.0
    count: int = 0


@dataclass(slots=True)
class Limiter:
    """The state of all limits."""

    settings: Limits
    _passed: dict[str, deque[float]] = field(default_factory=dict)
    _free_at: dict[tuple[str, str], float] = field(default_factory=dict)
    _debts: dict[tuple[str, str], Debt] = field(default_factory=dict)
    _people: dict[str, dict[str, float]] = field(default_factory=dict)

    def number_is_over(self, number: Number, now: float) -> bool:
        """Say whether the number has used up this second (sent and received, a sliding window)."""
        passed = self._passed.get(number.id)
        if passed is None:
            return False
        while passed and passed[0] <= now - SLIDING_S:
            passed.popleft()
        return len(passed) >= number.per_second

    def pair_is_over(self, number: Number, user: User, now: float) -> bool:
        """Say whether this person has to be left in peace for now."""
        pair = (number.id, user.id)
        if self.settings.pair_mode == "debt":
            return self._debt_is_over(self._debts.get(pair), now)
        tolerance = (self.settings.pair_burst - 1) * self.settings.pair_increment_s
        return self._free_at.get(pair, 0.0) - now > tolerance

    def _debt_is_over(self, debt: Debt | None, now: float) -> bool:
        if debt is None:
            return False
        if now - debt.since < BURST_S:
            return debt.count >= self.settings.pair_burst
        return now < debt.since + debt.count * self.settings.pair_increment_s

    def take(self, number: Number, user: User, now: float) -> None:
        """Count an accepted message."""
        self.count(number, now)
        pair = (number.id, user.id)
        if self.settings.pair_mode == "debt":
            debt = self._debts.setdefault(pair, Debt(since=now))
            if now - debt.since >= BURST_S:
                debt.since, debt.count = now, 0
            debt.count += 1
            return
        self._free_at[pair] = max(self._free_at.get(pair, 0.0), now) + self.settings.pair_increment_s
        if len(self._free_at) > SWEEP_AT:
            self._free_at = {key: at for key, at in self._free_at.items() if at > now}

    def count(self, number: Number, now: float) -> None:
        """Count a message of either direction against the number's throughput."""
        passed = self._passed.get(number.id)
        if passed is None:
            passed = self._passed[number.id] = deque()
        passed.append(now)
        if len(passed) > number.per_second * 4:
            while passed[0] <= now - SLIDING_S:
                passed.popleft()

    def portfolio_is_over(self, portfolio: str, user: User, now: float) -> bool:
        """Count one more person written to outside a window; say whether that is one too many today."""
        if not self.settings.portfolio_users:
            return False
        people = self._people.setdefault(portfolio, {})
        for key in [key for key, at in people.items() if at <= now - DAY_S]:
            del people[key]
        if user.id not in people and len(people) >= self.settings.portfolio_users:
            return True
        people[user.id] = now
        return False
