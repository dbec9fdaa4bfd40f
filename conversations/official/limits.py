"""Clearing what has been counted against a number's own limits."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from conversations import number_line
from conversations.health import sending_state
from conversations.models import WhatsAppNumber
from conversations.number_line import Happening
from pytake.accounts import audit
from pytake.accounts.models import User
from pytake.infra.nudge import nudge


def reset(number: WhatsAppNumber, *, by: User, now: datetime) -> None:
    """Forget the counts, so that what waits for them may leave. Raises redis.RedisError."""
    sending_state.reset_windows(number)
    with transaction.atomic():
        audit.record(action="number.limits_reset", entity=number, by=by, now=now)
        number_line.record([Happening(number=number, kind="limits_reset", at=now, by=by)], now=now)
        nudge("conversations.send_messages", number_id=str(number.pk))
