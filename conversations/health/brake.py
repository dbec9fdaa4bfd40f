"""The brake of a number: automations and campaigns wait while its risk is high; answers of people and bots go on."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from conversations import number_line
from conversations.consent.rules import PROMOTIONS_FROM
from conversations.health.risk import Risk
from conversations.models import NumberEvent, WhatsAppNumber
from conversations.number_line import Happening
from pytake.accounts import audit
from pytake.accounts.models import User
from pytake.core.errors import ConflictError
from pytake.infra.nudge import nudge

# What has this priority or less is not a reply: automations and campaigns.
AUTOMATIC: Final = PROMOTIONS_FROM


def engage(number: WhatsAppNumber, risk: Risk, *, now: datetime) -> None:
    """Hold automatic sends; people are told why."""
    reasons = [reason.to_json() for reason in risk.reasons if reason.level == "high"]
    with transaction.atomic():
        number.braked_at = now
        WhatsAppNumber.objects.filter(pk=number.pk).update(braked_at=now)
        audit.record(action="number.brake_engaged", entity=number, changes={"reasons": reasons}, now=now)
        happening = Happening(
            number=number, kind="brake", at=now, severity=NumberEvent.Severity.CRITICAL, data={"reasons": reasons}
        )
        number_line.record([happening], now=now)


def release(number: WhatsAppNumber, *, reason: str, by: User, now: datetime) -> None:
    """Let automatic sends go on, by a person's decision; raises ConflictError when nothing is held."""
    with transaction.atomic():
        row = WhatsAppNumber.objects.select_for_update(of=("self",)).get(pk=number.pk)
        if row.braked_at is None:
            raise ConflictError(_("Automatic sends of this number are not held."))
        number.braked_at, number.brake_released_at = None, now
        WhatsAppNumber.objects.filter(pk=number.pk).update(braked_at=None, brake_released_at=now)
        changes = {"reason": reason, "held_since": row.braked_at.isoformat(), "risk": number.risk_level}
        audit.record(action="number.brake_released", entity=number, by=by, changes=changes, now=now)
        happening = Happening(number=number, kind="brake_released", at=now, data={"reason": reason}, by=by)
        number_line.record([happening], now=now)
        nudge("conversations.send_messages", number_id=str(number.pk))
