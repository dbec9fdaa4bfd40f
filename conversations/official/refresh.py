"""Asking WhatsApp how its numbers are: the rating and limits that no webhook tells, tokens that end."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import transaction
from django.db.models import F

from conversations import number_line, numbers
from conversations.gateway.management import Management, ProviderError
from conversations.models import NumberEvent, WhatsAppNumber
from conversations.number_line import Happening
from conversations.official import proofs, state
from pytake.infra import tenancy
from pytake.infra.crypto import DecryptionError

log = structlog.get_logger(__name__)
# WhatsApp allows an app 200 such calls an hour and account; one number takes two a turn.
EVERY: Final = timedelta(hours=1)
A_ROUND: Final = 50
WARN_BEFORE: Final = timedelta(days=7)
_TOLD: Final = ("quality_rating", "messaging_limit_tier", "throughput_level", "status", "name_state")
_WORSE: Final = {"quality_rating": {"RED", "FLAGGED"}, "status": {"error", "disconnected"}}


def due(*, now: datetime, number_id: uuid.UUID | None = None) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Return (organization, number) of official numbers that were not asked about lately, the longest first; or one."""
    with tenancy.platform_scope("find numbers to ask WhatsApp about"):
        rows = (
            WhatsAppNumber.objects.alive()
            .filter(is_active=True, connection_type=WhatsAppNumber.ConnectionType.OFFICIAL, verified_at__isnull=False)
            .order_by(F("health_checked_at").asc(nulls_first=True))
        )
        rows = rows.filter(pk=number_id) if number_id else rows.exclude(health_checked_at__gt=now - EVERY)
        return list(rows.values_list("organization_id", "pk")[:A_ROUND])


def refresh(number_id: uuid.UUID, *, now: datetime) -> bool:
    """Take over what WhatsApp says of a number now; False when it gave no answer. Inside the organization's context."""
    number = WhatsAppNumber.objects.alive().filter(pk=number_id, is_active=True).first()
    if number is None or not number.phone_number_id:
        return False
    try:
        line = proofs.management(numbers.access_token(number))
        facts = line.token_facts()
        values: dict[str, Any] = dict(state.read(line.number(number.phone_number_id)).columns())
        values["token_expires_at"] = state.expiry(facts)
        if not number.business_portfolio_id:
            # Numbers of one portfolio share the limit of people a day.
            values["business_portfolio_id"] = _portfolio(line, number.whatsapp_business_account_id)
    except DecryptionError:
        values = {}
    except ProviderError as exc:
        if not exc.is_refusal:
            log.info("number.not_refreshed", number_id=str(number_id), detail=exc.detail)
            WhatsAppNumber.objects.filter(pk=number_id).update(health_checked_at=now)
            return False
        values = {"status": WhatsAppNumber.Status.ERROR, "status_reason": f"WhatsApp: {exc.number}"}
    _apply(number, values, now=now)
    return True


def _portfolio(line: Management, account_id: str) -> str:
    """Return the account's portfolio; empty when this token may not know it, which says nothing about the number."""
    try:
        return line.portfolio_of(account_id)
    except ProviderError:
        return ""


@transaction.atomic
def _apply(number: WhatsAppNumber, values: dict[str, Any], *, now: datetime) -> None:
    changed = {name: value for name, value in values.items() if getattr(number, name) != value}
    happened = [
        Happening(
            number=number,
            kind="changed",
            at=now,
            severity=_severity(name, str(changed[name])),
            data={"field": name, "from": str(getattr(number, name)), "to": str(changed[name])},
        )
        for name in _TOLD
        if name in changed and (getattr(number, name) or _severity(name, str(changed[name])) != "info")
    ]
    ends = values.get("token_expires_at")
    if ends is not None and ends - now < WARN_BEFORE:
        happened.append(
            Happening(
                number=number,
                kind="token_ends",
                at=now,
                severity=NumberEvent.Severity.CRITICAL,
                data={"until": ends.isoformat()},
                key=f"token:{ends.isoformat()}",
            )
        )
        happened = [item for item in happened if not _was_told(item)]
    for name, value in changed.items():
        setattr(number, name, value)
    WhatsAppNumber.objects.filter(pk=number.pk).update(**changed, health_checked_at=now)
    number_line.record(happened, now=now)


def _was_told(item: Happening) -> bool:
    return item.key is not None and bool(number_line.known([item.number.pk], [item.key]))


def _severity(name: str, value: str) -> str:
    return NumberEvent.Severity.CRITICAL if value in _WORSE.get(name, ()) else NumberEvent.Severity.INFO
