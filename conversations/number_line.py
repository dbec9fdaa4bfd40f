"""What happens to a number, written down once, told to pages at once, and mailed to people when it is serious."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from conversations.models import NumberEvent, WhatsAppNumber
from notifications import events
from pytake.accounts.models import User
from pytake.infra.nudge import nudge

_S = NumberEvent.Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happened; `key` names it, so that it is written down once."""

    number: WhatsAppNumber
    kind: str
    at: datetime
    severity: str = _S.INFO
    data: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    by: User | None = None


def record(happenings: Sequence[Happening], *, now: datetime) -> None:
    """Write down what is new, and tell it. Call it in the transaction that applies it."""
    if not happenings:
        return
    NumberEvent.objects.bulk_create([_row(item) for item in happenings], ignore_conflicts=True)
    for item in happenings:
        tell(item.number, severity=item.severity, now=now)
    for organization_id in {item.number.organization_id for item in happenings if item.severity == _S.CRITICAL}:
        nudge("conversations.mail_number_alerts", organization_id=str(organization_id))


def known(number_ids: Sequence[uuid.UUID], keys: Sequence[str]) -> set[tuple[uuid.UUID, str]]:
    """Return which (number, key) have been written down before."""
    rows = NumberEvent.objects.filter(number_id__in=number_ids, dedupe_key__in=keys)
    return {(number_id, str(key)) for number_id, key in rows.values_list("number_id", "dedupe_key")}


def tell(number: WhatsAppNumber, *, now: datetime, severity: str = "info") -> None:
    """Tell pages that the number has changed; they ask for their figures again."""
    events.emit(
        organization_id=number.organization_id,
        room=f"org:{number.organization_id}",
        event_type="number:health",
        data={
            "number_id": str(number.pk),
            "state": number.health_state,
            "risk": number.risk_level,
            "severity": str(severity),
        },
        now=now,
    )


def _row(item: Happening) -> NumberEvent:
    return NumberEvent(
        organization_id=item.number.organization_id,
        number=item.number,
        occurred_at=item.at,
        kind=item.kind,
        severity=item.severity,
        data=dict(item.data),
        actor_user=item.by,
        dedupe_key=item.key,
    )
