"""Watching numbers: risk judged from the figures, kept with the number, and the brake when it is high."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from conversations import number_health, number_line
from conversations.health import brake, figures, risk, sending_state
from conversations.health.figures import Volume
from conversations.health.risk import Facts, Risk
from conversations.models import WhatsAppNumber
from conversations.official.news import active_restrictions
from pytake.infra import tenancy

_PAUSED: Final = ("PAUSED", "DISABLED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Everything that the risk of a number is judged by."""

    volume: Volume
    opt_outs_day: int
    opt_outs_week: int
    portfolio_used: int | None
    portfolio_limit: int | None
    templates: dict[str, int]
    facts: Facts
    risk: Risk


def organizations() -> list[uuid.UUID]:
    """Return organizations with numbers in use."""
    with tenancy.platform_scope("find organizations with numbers to watch"):
        rows = WhatsAppNumber.objects.alive().filter(is_active=True)
        return list(rows.values_list("organization_id", flat=True).distinct().order_by("organization_id"))


def watch(organization_id: uuid.UUID, *, now: datetime) -> int:
    """Judge the numbers of an organization; returns how many were held. Inside the organization's context."""
    rows = list(WhatsAppNumber.objects.alive().filter(is_active=True).order_by("pk"))
    volumes = figures.volumes(organization_id, [row.pk for row in rows], spam=risk.SPAM_CODES, now=now)
    held = 0
    for number in rows:
        _lift(number, now=now)
        found = standing(number, volumes[number.pk], now=now)
        held += apply(number, found.risk, now=now)
    return held


def standing(number: WhatsAppNumber, volume: Volume, *, now: datetime) -> Standing:
    """Return what is known of a number (three small queries)."""
    day, week = figures.opt_outs(number.organization_id, number.pk, now=now)
    used, limit = sending_state.portfolio(number, now=now)
    templates = sending_state.templates(number)
    facts = _facts(number, volume, day, used, limit, templates, now=now)
    return Standing(
        volume=volume,
        opt_outs_day=day,
        opt_outs_week=week,
        portfolio_used=used,
        portfolio_limit=limit,
        templates=templates,
        facts=facts,
        risk=risk.judge(facts),
    )


def _facts(
    number: WhatsAppNumber,
    volume: Volume,
    opt_outs: int,
    used: int | None,
    limit: int | None,
    templates: dict[str, int],
    *,
    now: datetime,
) -> Facts:
    codes = [str(reason.get("code")) for reason in number.health_reasons or []]
    ends = number.token_expires_at
    return Facts(
        quality=number.quality_rating,
        connection=number.status,
        is_blocked=number_health.is_blocked(number),
        is_banned=number_health.BANNED in codes,
        restrictions=[row["type"] for row in active_restrictions(number, now=now)],
        sent=volume.sent,
        failed=volume.failed,
        undeliverable=volume.undeliverable,
        opt_outs=opt_outs,
        people=volume.people,
        spam_errors=volume.spam + sum(code in risk.SPAM_CODES for code in codes),
        templates_paused=sum(count for name, count in templates.items() if name in _PAUSED),
        portfolio_used=used,
        portfolio_limit=limit,
        token_days_left=(ends - now).total_seconds() / 86400 if ends else None,
    )


def _lift(number: WhatsAppNumber, *, now: datetime) -> None:
    """Forget restrictions whose time is over; what they made degraded is well again."""
    if not number.restrictions or active_restrictions(number, now=now):
        return
    number.restrictions = []
    if number.health_state == number.Health.DEGRADED:
        number.health_state = number.Health.OK
    WhatsAppNumber.objects.filter(pk=number.pk).update(restrictions=[], health_state=number.health_state)
    number_line.tell(number, now=now)


def apply(number: WhatsAppNumber, found: Risk, *, now: datetime) -> bool:
    """Keep the risk with the number; hold automatic sends when it has become high. Returns whether it held them."""
    reasons = [reason.to_json() for reason in found.reasons]
    # Released by a person: that stands until the risk has been lower in between.
    released_at = number.brake_released_at if found.level == "high" else None
    is_new = (number.risk_level, number.risk_reasons, number.brake_released_at) != (found.level, reasons, released_at)
    with transaction.atomic():
        if is_new:
            has_moved = number.risk_level != found.level
            number.risk_level, number.risk_reasons, number.brake_released_at = found.level, reasons, released_at
            WhatsAppNumber.objects.filter(pk=number.pk).update(
                risk_level=found.level, risk_reasons=reasons, brake_released_at=released_at
            )
            if has_moved:
                number_line.tell(number, now=now)
        if found.level == "high" and number.braked_at is None and released_at is None:
            brake.engage(number, found, now=now)
            return True
    return False
