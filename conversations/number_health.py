"""Whether a number can send, as people see it: its breakers, the limits that hold messages back, what waits.

`health_state` and `health_reasons` on the number are what lists show; `delivery` is the whole picture for a page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from conversations.consent import rules
from conversations.models import CircuitBreaker, SendingLane, WhatsAppNumber

PROMOTIONS_FROM: Final = rules.PROMOTIONS_FROM
_HEALTH: Final = WhatsAppNumber.Health
_SCOPE: Final = CircuitBreaker.Scope
# The reason for which WhatsApp has switched the account off.
BANNED: Final = "banned"
# Sends of a number paired by QR code were never acknowledged.
NO_ACK: Final = "no_ack"


# Why messages wait, in words.
LIMITS: Final[Mapping[str, Promise]] = {
    "second": _("Messages per second of the number"),
    "minute": _("Messages per minute of the number"),
    "hour": _("Messages per hour of the number"),
    "day": _("Messages per day of the number"),
    "gap": _("Gap between two messages of the number"),
    "pair": _("Messages to the same person in a short time"),
    "turns": _("Bot turns per minute of your plan"),
    "campaign": _("Messages per second of a campaign"),
    "first": _("First contacts per day that WhatsApp tolerates from a number connected by QR code"),
    "unconfirmed": _("WhatsApp does not confirm what the number sends: automations and campaigns wait"),
    "people": _("New people per day that WhatsApp allows"),
    "provider": _("WhatsApp asked to slow down"),
    "redis": _("Limits cannot be checked at the moment"),
    "held_number": _("The number was stopped after failures"),
    "held_promotions": _("Automations and campaigns were stopped after failures"),
    "held_template": _("A template was stopped after failures"),
    "held_campaign": _("A campaign was stopped after failures"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveLimit:
    """A limit that holds messages back (a key of `LIMITS`), until when, and how many in the last turn."""

    name: str
    until: datetime
    count: int

    @property
    def label(self) -> Promise | str:
        """Return why messages wait, in words."""
        return LIMITS.get(self.name, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a page shows of a number's sending."""

    breakers: Sequence[CircuitBreaker]
    limits: Sequence[ActiveLimit]
    served_at: datetime | None
    resting_until: datetime | None


def delivery(number: WhatsAppNumber, *, now: datetime) -> Delivery:
    """Return the open breakers and the limits that hold messages back now; two queries."""
    lane = SendingLane.objects.filter(number=number).first()
    resting = lane.resting_until if lane else None
    return Delivery(
        breakers=list(CircuitBreaker.objects.filter(number=number).holding().order_by("scope", "scope_key")),
        limits=active_limits(lane, now=now) if lane else [],
        served_at=lane.served_at if lane else None,
        resting_until=resting if resting and resting > now else None,
    )


def active_limits(lane: SendingLane, *, now: datetime) -> list[ActiveLimit]:
    """Return the limits of a lane that hold messages back now."""
    kept: dict[str, dict[str, Any]] = lane.limits
    found = [(name, parse_datetime(entry["until"]), int(entry["count"])) for name, entry in sorted(kept.items())]
    return [ActiveLimit(name=name, until=until, count=count) for name, until, count in found if until and until > now]


def is_blocked(number: WhatsAppNumber) -> bool:
    """Return whether nothing of the number leaves, but for single tries."""
    return number.health_state == _HEALTH.BLOCKED


def show(number: WhatsAppNumber, open_rows: Sequence[CircuitBreaker]) -> None:
    """Write the state of the number's own breakers where lists show it."""
    rows = [row for row in open_rows if row.scope in {_SCOPE.NUMBER, _SCOPE.PROMOTIONS}]
    whole = [row for row in rows if row.scope == _SCOPE.NUMBER]
    # What WhatsApp itself said of the number stands, whatever the breakers do.
    standing = [reason for reason in number.health_reasons or [] if reason.get("code") in {BANNED, NO_ACK}]
    banned = any(reason["code"] == BANNED for reason in standing)
    is_degraded = bool(rows or standing or number.restrictions)
    state = _HEALTH.BLOCKED if whole or banned else _HEALTH.DEGRADED if is_degraded else _HEALTH.OK
    reasons = standing + [
        {
            "code": row.reason_code,
            "detail": row.reason_detail,
            "since": row.opened_at.isoformat() if row.opened_at else "",
        }
        for row in [*whole, *(row for row in rows if row not in whole)]
    ]
    number.health_state, number.health_reasons = state, reasons
    WhatsAppNumber.objects.filter(pk=number.pk).update(health_state=state, health_reasons=reasons)
