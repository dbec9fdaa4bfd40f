"""The whole health of one number, for its page and the API: the same few queries however much it sends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from conversations.health import figures, risk, sending_state, watch, words
from conversations.health.brake import AUTOMATIC
from conversations.health.figures import Queue
from conversations.health.sending_state import Breaker, Window
from conversations.health.watch import Standing
from conversations.health.words import Failure
from conversations.models import NumberEvent, WhatsAppNumber
from conversations.official.news import active_restrictions

EVENTS: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How a number fares."""

    number: WhatsAppNumber
    standing: Standing
    reasons: list[tuple[str, str]]
    queue: Queue
    windows: list[Window]
    breakers: list[Breaker]
    failures: list[Failure]
    restrictions: list[str]
    events: list[tuple[NumberEvent, str]]

    @property
    def delivered_share(self) -> int | None:
        """Return the percentage of messages that arrived; None below what says something."""
        volume = self.standing.volume
        return round(100 * volume.delivered / volume.sent) if volume.sent else None

    @property
    def undeliverable_share(self) -> float | None:
        """Return the percentage of messages that reach nobody."""
        volume = self.standing.volume
        return round(100 * volume.undeliverable / volume.sent, 1) if volume.sent else None

    @property
    def opt_out_share(self) -> float | None:
        """Return the percentage of people written to who asked to stop."""
        people = self.standing.volume.people
        return round(100 * self.standing.opt_outs_day / people, 1) if people else None

    @property
    def portfolio_share(self) -> int | None:
        """Return the percentage of the people allowed in 24 hours."""
        used, limit = self.standing.portfolio_used, self.standing.portfolio_limit
        return min(100, round(100 * used / limit)) if used is not None and limit else None


def of(number: WhatsAppNumber, *, now: datetime) -> Report:
    """Gather it. Inside the organization's context."""
    volume = figures.volumes(number.organization_id, [number.pk], spam=risk.SPAM_CODES, now=now)[number.pk]
    standing = watch.standing(number, volume, now=now)
    happened = NumberEvent.objects.filter(number=number).select_related("actor_user").order_by("-occurred_at", "-pk")
    return Report(
        number=number,
        standing=standing,
        reasons=[(reason.level, words.reason(reason.to_json())) for reason in standing.risk.reasons],
        queue=figures.queues([number.pk], automatic=AUTOMATIC)[number.pk],
        windows=sending_state.windows(number, now=now),
        breakers=sending_state.breakers(number),
        failures=[words.failure(group) for group in figures.failures(number.pk, now=now)],
        restrictions=[words.restriction(row["type"]) for row in active_restrictions(number, now=now)],
        events=[(row, words.event(row)) for row in happened[:EVENTS]],
    )
