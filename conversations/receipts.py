"""Telling people that their messages were read, and that somebody is writing. Threads remember what is to be told.

Never on the way of a person: a mark in the thread, a worker sends. Each is tried once: the next one marks all
earlier messages too, so losing one does no harm.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import connection, transaction

from conversations import numbers
from conversations.gateway.base import Accepted
from conversations.line import Line
from conversations.models import Conversation, WhatsAppNumber
from pytake.infra import tenancy
from pytake.infra.crypto import DecryptionError
from pytake.infra.nudge import nudge

log = structlog.get_logger(__name__)
SLICE: Final = 100
# Older messages cannot be marked as read.
AGE_MAX: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Due:
    """A thread whose last message should be marked as read."""

    conversation_id: uuid.UUID
    number_id: uuid.UUID
    organization_id: uuid.UUID
    wamid: str | None
    typing: bool


def ask(conversation: Conversation, *, now: datetime, typing: bool = False) -> None:
    """Remember that somebody read the thread, or writes; numbers of the official API only."""
    last = conversation.last_inbound_message_at
    if conversation.number.connection_type != "official" or last is None or now - last > AGE_MAX:
        return
    fields: dict[str, Any] = {"receipt_due_at": now} | ({"is_typing_due": True} if typing else {})
    Conversation.objects.filter(pk=conversation.pk).update(**fields)
    nudge("conversations.send_receipts")


_CLAIM: Final = """
WITH due AS (
    SELECT id, is_typing_due FROM conversations_conversation WHERE receipt_due_at <= %(now)s
    ORDER BY receipt_due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE conversations_conversation conversation SET receipt_due_at = NULL, is_typing_due = false
FROM due
WHERE conversation.id = due.id
RETURNING conversation.id, conversation.number_id, conversation.organization_id, (
    SELECT whatsapp_message_id FROM conversations_message message
    WHERE message.conversation_id = conversation.id AND message.direction = 'inbound'
        AND message.whatsapp_message_id IS NOT NULL AND message.message_type <> 'reaction'
    ORDER BY message.created_at DESC LIMIT 1
), due.is_typing_due
"""


def send_waiting(*, until: datetime, clock: Any) -> int:
    """Send receipts that are due, in slices. Returns how many were tried."""
    total = 0
    while clock() < until and (taken := _claim(now=clock())):
        by_number: dict[uuid.UUID, list[Due]] = {}
        for due in taken:
            if due.wamid:
                by_number.setdefault(due.number_id, []).append(due)
        for number_id, rows in by_number.items():
            _send(number_id, rows)
        total += len(taken)
    return total


def _claim(*, now: datetime) -> list[Due]:
    with tenancy.platform_scope("find receipts to send"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": now, "limit": SLICE})
        return [Due(*row) for row in cursor.fetchall()]


def _send(number_id: uuid.UUID, rows: Sequence[Due]) -> None:
    with tenancy.organization_context(rows[0].organization_id):
        number = WhatsAppNumber.objects.alive().filter(pk=number_id, is_active=True).first()
        if number is None:
            return
        try:
            token = numbers.access_token(number)
        except DecryptionError:
            return
        with Line(number, token=token) as line:
            outcomes = line.mark_read([(row.wamid or "", row.typing) for row in rows])
        for outcome in outcomes:
            if not isinstance(outcome, Accepted):
                log.info("receipts.not_taken", number_id=str(number_id), code=outcome.code)
