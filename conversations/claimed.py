"""Taking messages for sending: a slice is marked `sending` with a lease, and that is committed before any leaves."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from django.conf import settings
from django.db import connection, transaction

from conversations.consent import rules

# What is put off for longer does not hold up what comes after it.
MOMENT: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is ours to send, with what sending needs of it and of its thread."""

    id: uuid.UUID
    organization_id: uuid.UUID
    conversation_id: uuid.UUID
    contact_id: uuid.UUID
    content: Mapping[str, Any]
    address_kind: str
    address_value: str
    attempts: int
    priority: int
    sequence: int
    created_at: datetime
    window_expires_at: datetime | None
    # Why the contact must not get it any more; empty when it may leave.
    refusal: str


# The columns come in the order of the fields of `Claimed`.
_CLAIM: Final = f"""
WITH mine AS (
    SELECT id FROM conversations_message due
    WHERE number_id = %(number)s AND dispatch_state = 'queued' AND (not_before IS NULL OR not_before <= %(now)s)
        -- Nothing overtakes an earlier message to the same person that was put off for a moment.
        AND NOT EXISTS (
            SELECT FROM conversations_message held
            WHERE held.contact_id = due.contact_id AND held.number_id = due.number_id AND held.id < due.id
                AND held.dispatch_state = 'queued' AND held.not_before > %(now)s AND held.not_before < %(moment)s
        )
    ORDER BY priority, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE conversations_message message SET
    dispatch_state = 'sending', attempts = message.attempts + 1, claim_token = %(token)s, claimed_until = %(lease)s
FROM mine, conversations_conversation conversation, conversations_contact contact
WHERE message.id = mine.id AND conversation.id = message.conversation_id AND contact.id = message.contact_id
RETURNING message.id, message.organization_id, message.conversation_id, message.contact_id, message.content::text,
    message.address_kind, message.address_value, message.attempts, message.priority, message.sequence,
    message.created_at, conversation.window_expires_at, {rules.REFUSAL_SQL}
"""


@transaction.atomic(durable=True)
def claim(number_id: uuid.UUID, *, now: datetime, limit: int) -> list[Claimed]:
    """Mark the next slice of a number (at most `limit`) and return it in the order in which it should leave."""
    values: dict[str, Any] = {
        "token": uuid.uuid4(),
        "lease": now + timedelta(seconds=settings.SEND_LEASE_S),
        "number": number_id,
        "now": now,
        "moment": now + MOMENT,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        rows = [_row(*columns) for columns in cursor.fetchall()]
    return sorted(rows, key=lambda row: (row.priority, row.created_at, row.sequence, row.id))


def _row(id_: Any, organization: Any, thread: Any, contact: Any, content: str, *rest: Any) -> Claimed:
    return Claimed(id_, organization, thread, contact, orjson.loads(content), *rest)
