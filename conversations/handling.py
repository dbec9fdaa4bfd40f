"""Passing stored messages through INBOUND_HANDLERS: in slices, one message a conversation, in order, exactly once.

A slice locks the conversations of the oldest open messages (others skip them), takes the oldest message
of each, and runs the handlers in one transaction that also deletes the `UnhandledMessage` rows. If a slice
fails, its messages are tried one by one; one that keeps failing is marked dead and shown to people.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Prefetch, QuerySet
from django.utils.module_loading import import_string

from conversations import threads_of_contacts
from conversations.inbound_batch import Handler, InboundBatch
from conversations.models import Message, UnhandledMessage, WhatsAppNumber
from pytake.infra import metrics, tenancy

log = structlog.get_logger(__name__)
ATTEMPTS_MAX: Final = 5


@lru_cache(maxsize=1)
def handlers() -> tuple[Handler, ...]:
    """Return the functions that the settings name, in their order."""
    return tuple(import_string(name) for name in settings.INBOUND_HANDLERS)


def handle_waiting(*, until: datetime, clock: Any) -> int:
    """Handle open messages of all organizations until none is left or `clock()` reaches `until`."""
    total = 0
    while True:
        round_total = 0
        for organization_id in organizations_waiting(clock()):
            round_total += handle_slice(organization_id, now=clock())
            if clock() >= until:
                return total + round_total
        total += round_total
        if not round_total:
            return total


def organizations_waiting(now: datetime) -> list[uuid.UUID]:
    """Return organizations with open messages that are due, the longest waiting first."""
    with tenancy.platform_scope("find organizations with unhandled messages"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT organization_id FROM conversations_unhandledmessage "
            "WHERE NOT is_dead AND (not_before IS NULL OR not_before <= %s) GROUP BY 1 ORDER BY min(id) LIMIT 100",
            [now],
        )
        return [row[0] for row in cursor.fetchall()]


def handle_slice(organization_id: uuid.UUID, *, now: datetime) -> int:
    """Handle up to TURN_SLICE messages of an organization; returns how many were taken from the queue."""
    with tenancy.organization_context(organization_id):
        try:
            with metrics.SLICE_SECONDS.labels("turns").time(), transaction.atomic():
                return _handle(organization_id, _claim(now, settings.TURN_SLICE), now=now)
        except Exception:  # find the bad one among independent messages
            log.exception("turns.slice_failed")
        with transaction.atomic():
            ids = [row.pk for row in _claim(now, settings.TURN_SLICE)]
        for row_id in ids:
            _handle_alone(organization_id, row_id, now=now)
        return len(ids)


# Conversations whose oldest open message is due, the longest waiting first, as many as are not locked by other workers.
# More are looked at than wanted, so that several workers find work side by side; skipping never waits, so no order of
# locks is needed.
_LOCK: Final = """
SELECT conversation.id FROM (
    SELECT open.conversation_id, min(open.id) AS first FROM conversations_unhandledmessage open
    WHERE open.organization_id = %(organization)s AND NOT open.is_dead
    GROUP BY open.conversation_id
    HAVING coalesce((array_agg(open.not_before ORDER BY open.id))[1], '-infinity') <= %(now)s
    ORDER BY min(open.id) LIMIT %(seen)s
) waiting JOIN conversations_conversation conversation ON conversation.id = waiting.conversation_id
ORDER BY waiting.first LIMIT %(limit)s
FOR UPDATE OF conversation SKIP LOCKED
"""
_SIDE_BY_SIDE: Final = 8


class Waiting(NamedTuple):
    """A message in the queue."""

    pk: int
    message_id: uuid.UUID
    conversation_id: uuid.UUID


def _claim(now: datetime, limit: int) -> list[Waiting]:
    """Lock conversations and return the oldest open message of each."""
    organization_id = tenancy.current_organization_id()
    with connection.cursor() as cursor:
        values = {"organization": organization_id, "now": now, "limit": limit, "seen": limit * _SIDE_BY_SIDE}
        cursor.execute(_LOCK, values)
        locked = [row[0] for row in cursor.fetchall()]
    oldest = UnhandledMessage.objects.filter(conversation_id__in=locked, is_dead=False)
    return _waiting(oldest.order_by("conversation_id", "id").distinct("conversation_id"))


def _waiting(rows: QuerySet[UnhandledMessage]) -> list[Waiting]:
    return [Waiting(*row) for row in rows.values_list(*Waiting._fields)]


def _handle(organization_id: uuid.UUID, rows: list[Waiting], *, now: datetime) -> int:
    if not rows:
        return 0
    messages = _load(rows)
    threads_of_contacts.revive([message.conversation for message in messages], now=now)
    batch = InboundBatch(organization_id=organization_id, messages=messages, now=now)
    for handler in handlers():
        if batch.messages:
            batch = batch.without(handler(batch))
    UnhandledMessage.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)


# What handlers need. Other columns are read when asked for, row by row.
_OF_CONTACT: Final = (
    "organization_id", "name", "profile_name", "username", "email", "company", "language", "attributes", "is_vip",
    "lifecycle_stage", "lead_score", "is_blocked", "opt_in", "accepts_bot", "deleted_at",
)  # fmt: skip
_OF_THREAD: Final = (
    "organization_id", "contact_id", "number_id", "department_id", "queue_id", "current_agent_id", "status",
    "is_bot_active", "is_human_requested", "priority", "waiting_since", "queued_at", "assigned_at", "handoff_at",
    "snoozed_until", "window_expires_at", "unread_count", "lock_version",
)  # fmt: skip
_COLUMNS: Final = (
    "organization_id", "conversation_id", "contact_id", "number_id", "direction", "sender_type", "message_type", "text",
    "extra", "whatsapp_message_id", "whatsapp_timestamp", "created_at",
    *(f"contact__{name}" for name in _OF_CONTACT),
    *(f"conversation__{name}" for name in _OF_THREAD),
)  # fmt: skip


def _load(rows: Sequence[Waiting]) -> list[Message]:
    """Return the messages with conversation, contact (and its identities) and number: four queries."""
    messages = list(
        Message.objects.filter(pk__in=[row.message_id for row in rows])
        .select_related("conversation", "contact")
        .prefetch_related(Prefetch("contact__identities", to_attr="loaded_identities"))
        .only(*_COLUMNS)
    )
    numbers = WhatsAppNumber.objects.in_bulk({message.number_id for message in messages})
    for message in messages:
        message.number = numbers[message.number_id]
        # What is loaded once must not be read again through the conversation, row by row.
        message.conversation.contact, message.conversation.number = message.contact, message.number
    return messages


def _handle_alone(organization_id: uuid.UUID, row_id: int, *, now: datetime) -> None:
    """Handle one message; count a failure and put it off, for good after ATTEMPTS_MAX."""
    try:
        with transaction.atomic():
            _lock_conversation_of(row_id)
            rows = _waiting(UnhandledMessage.objects.filter(pk=row_id, is_dead=False))
            _handle(organization_id, rows, now=now)
    except Exception as exc:  # set aside, the others go on
        log.exception("message.handling_failed", unhandled_id=row_id)
        row = UnhandledMessage.objects.filter(pk=row_id).first()
        if row is None:
            return  # another worker has handled it meanwhile
        attempts = row.attempts + 1
        UnhandledMessage.objects.filter(pk=row_id).update(
            attempts=attempts,
            is_dead=attempts >= ATTEMPTS_MAX,
            not_before=now + timedelta(seconds=2**attempts),
            error=f"{type(exc).__name__}: {exc}"[:2000],
        )


def _lock_conversation_of(row_id: int) -> None:
    """Lock the conversation, as slices do, before anything is read: its queue is ours then."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM conversations_conversation conversation "
            "JOIN conversations_unhandledmessage open ON open.conversation_id = conversation.id "
            "WHERE open.id = %s FOR UPDATE OF conversation",
            [row_id],
        )
