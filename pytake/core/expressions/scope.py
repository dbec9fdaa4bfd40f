"""What an evaluation may see, and how much it may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from pytake.core.expressions.values import ExpressionError, Lookup

STEPS_MAX: Final = 10_000


@dataclass(slots=True)
class Budget:
    """How many steps are left to one expression, or to one template with all its loops."""

    steps: int = STEPS_MAX

    def spend(self, steps: int) -> None:
        """Take steps; raises ExpressionError when none are left."""
        self.steps -= steps
        if self.steps < 0:
            raise ExpressionError(f"it takes more than {STEPS_MAX} steps")


@dataclass(slots=True, kw_only=True)
class Scope:
    """What an evaluation may see: variables by root name, the time, a zone, a generator."""

    lookup: Lookup
    now: datetime
    zone: ZoneInfo
    rng: Random
    budget: Budget = field(default_factory=Budget)
    _today: str | None = field(default=None, init=False, repr=False, compare=False)
    _local: datetime | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def local(self) -> datetime:
        """Return the present time in the zone."""
        if self._local is None:
            self._local = self.now.astimezone(self.zone)
        return self._local

    @property
    def today(self) -> str:
        """Return the present day in the zone, as the language writes it."""
        if self._today is None:
            self._today = self.local.date().isoformat()
        return self._today

    def within(self, lookup: Lookup) -> Scope:
        """Return a scope that sees other variables and draws on the same budget."""
        return Scope(lookup=lookup, now=self.now, zone=self.zone, rng=self.rng, budget=self.budget)
