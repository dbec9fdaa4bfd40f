"""How near a number is to being limited or banned: from figures to a level with its reasons. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

Level = Literal["low", "medium", "high"]
ORDER: Final[dict[Level, int]] = {"low": 0, "medium": 1, "high": 2}

# Below so many messages (or people) a share says nothing.
ENOUGH: Final = 50
# Shares from which a figure counts as medium and as high.
OPT_OUTS: Final = (0.02, 0.05)
UNDELIVERABLE: Final = (0.10, 0.25)
FAILED: Final = (0.15, 0.40)
LIMIT_USED: Final = 0.80
SPAM_CODES: Final = ("131048", "131064", "368")
BUSINESS_INITIATED: Final = "RESTRICTED_BIZ_INITIATED_MESSAGING"
SOON_DAYS: Final = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a number. Counts are of the last 24 hours, opt-outs of 7 days."""

    quality: str = "UNKNOWN"
    connection: str = "connected"
    is_blocked: bool = False
    is_banned: bool = False
    restrictions: Sequence[str] = field(default_factory=tuple)
    sent: int = 0
    failed: int = 0
    # Not delivered although the address is right: blocked, not on WhatsApp, or spared by WhatsApp.
    undeliverable: int = 0
    opt_outs: int = 0
    people: int = 0
    spam_errors: int = 0
    templates_paused: int = 0
    # People newly written to by the portfolio, and how many the tier allows (None: unknown or without limit).
    portfolio_used: int | None = None
    portfolio_limit: int | None = None
    token_days_left: float | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a stable code, how much it weighs, and the figure behind it (a share, a count or a name)."""

    code: str
    level: Level
    value: float | None = None
    name: str = ""

    def to_json(self) -> dict[str, object]:
        """Return what is stored with the number."""
        return {"code": self.code, "level": self.level, "value": self.value, "name": self.name}


@dataclass(frozen=True, slots=True)
class Risk:
    """The level and its reasons, the heaviest first."""

    level: Level
    reasons: tuple[Reason, ...]


def judge(facts: Facts) -> Risk:
    """Return the risk. The heaviest reason decides; two that weigh medium do not add up to high."""
    reasons = sorted(_reasons(facts), key=lambda reason: -ORDER[reason.level])
    return Risk(reasons[0].level if reasons else "low", tuple(reasons))


def _reasons(facts: Facts) -> Iterator[Reason]:
    if facts.is_banned:
        yield Reason("banned", "high")
    for name in facts.restrictions:
        yield Reason("restricted", "high" if name == BUSINESS_INITIATED else "medium", name=name)
    if facts.quality in {"RED", "FLAGGED"}:
        yield Reason("quality", "high", name=facts.quality)
    elif facts.quality == "YELLOW":
        yield Reason("quality", "medium", name=facts.quality)
    if facts.spam_errors:
        yield Reason("spam", "high", float(facts.spam_errors))
    if facts.is_blocked and not facts.is_banned:
        yield Reason("blocked", "medium")
    if facts.connection not in {"connected", "pending"}:
        yield Reason("connection", "medium", name=facts.connection)
    yield from _shares(facts)
    if facts.templates_paused:
        yield Reason("templates", "medium", float(facts.templates_paused))
    if facts.token_days_left is not None and facts.token_days_left < SOON_DAYS:
        yield Reason("token", "medium", max(0.0, facts.token_days_left))


def _shares(facts: Facts) -> Iterator[Reason]:
    table = (
        ("undeliverable", facts.undeliverable, facts.sent, UNDELIVERABLE),
        ("failed", facts.failed, facts.sent, FAILED),
        ("opt_outs", facts.opt_outs, facts.people, OPT_OUTS),
    )
    for code, part, whole, (medium, high) in table:
        share = part / whole if whole >= ENOUGH else 0.0
        if share >= medium:
            yield Reason(code, "high" if share >= high else "medium", share)
    if facts.portfolio_limit and facts.portfolio_used is not None:
        share = facts.portfolio_used / facts.portfolio_limit
        if share >= LIMIT_USED:
            # Reaching the limit delays messages; it does not endanger the number.
            yield Reason("portfolio", "medium", share)
