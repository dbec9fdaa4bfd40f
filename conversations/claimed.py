"""Taking messages for sending: a slice is marked `sending` with a lease, and that is committed before any leaves."""

from __future__ import annotations

import random
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
    # The provider's id of the message that this one answers; empty without one.
    reply_to: str = ""
    sender_type: str = ""
    # Whose rate it shares with others (a campaign); empty for none.
    scope: str = ""
    was_put_off: bool = False

    @property
    def is_promotion(self) -> bool:
        """Return whether it goes out on our own initiative (automation, campaign)."""
        return self.priority >= rules.PROMOTIONS_FROM

    @property
    def template(self) -> str:
        """Return the template that it uses ("name/language"); empty for none."""
        return template_of(self.content)


# While a number's brake is on, what is not an answer waits.
NOT_HELD: Final = f"""(due.priority < {rules.PROMOTIONS_FROM} OR NOT EXISTS (
    SELECT FROM conversations_whatsappnumber WHERE id = %(number)s AND braked_at IS NOT NULL))"""

# One in so many of what leaves goes to those who have waited longest, whatever their priority: none starves.
AGED_ONE_IN: Final = 8
AGED: Final = timedelta(seconds=30)

_DUE: Final = f"""due.number_id = %(number)s AND due.dispatch_state = 'queued'
        AND (due.not_before IS NULL OR due.not_before <= %(now)s) AND {NOT_HELD}
        -- Nothing overtakes an earlier message to the same person that was put off for a moment; people's answers
        -- and the bot's do overtake promotions.
        AND NOT EXISTS (
            SELECT FROM conversations_message held
            WHERE held.contact_id = due.contact_id AND held.number_id = due.number_id AND held.id < due.id
                AND held.dispatch_state = 'queued' AND held.not_before > %(now)s AND held.not_before < %(moment)s
                AND (held.priority < %(promotions)s OR held.priority <= due.priority)
        )"""
_BY_PRIORITY: Final = f"""
WITH mine AS (
    SELECT id FROM conversations_message due WHERE {_DUE}
    ORDER BY priority, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)"""
# The oldest of each priority, found through the index of the queue; nothing where all have the same priority.
_BY_AGE: Final = f"""
WITH RECURSIVE levels AS (
    (SELECT priority FROM conversations_message WHERE number_id = %(number)s AND dispatch_state = 'queued'
     ORDER BY priority LIMIT 1)
    UNION ALL
    SELECT (SELECT below.priority FROM conversations_message below
            WHERE below.number_id = %(number)s AND below.dispatch_state = 'queued' AND below.priority > levels.priority
            ORDER BY below.priority LIMIT 1)
    FROM levels WHERE levels.priority IS NOT NULL
), mine AS (
    SELECT id FROM conversations_message
    WHERE dispatch_state = 'queued' AND id = ANY (ARRAY(
        SELECT oldest.id FROM levels CROSS JOIN LATERAL (
            SELECT id FROM conversations_message due
            WHERE {_DUE} AND due.priority = levels.priority AND due.created_at < %(old)s
            ORDER BY id LIMIT %(limit)s
        ) oldest
        WHERE (SELECT count(priority) FROM levels) > 1 ORDER BY oldest.id LIMIT %(limit)s
    )) FOR UPDATE SKIP LOCKED
)"""
# The columns come in the order of the fields of `Claimed`.
_TAKE: Final = f"""
UPDATE conversations_message message SET
    dispatch_state = 'sending', attempts = message.attempts + 1, claim_token = %(token)s, claimed_until = %(lease)s
FROM mine, conversations_conversation conversation, conversations_contact contact
WHERE message.id = mine.id AND conversation.id = message.conversation_id AND contact.id = message.contact_id
RETURNING message.id, message.organization_id, message.conversation_id, message.contact_id, message.content::text,
    message.address_kind, message.address_value, message.attempts, message.priority, message.sequence,
    message.created_at, conversation.window_expires_at,
    {rules.REFUSAL_SQL}, CASE WHEN message.reply_to_id IS NULL THEN '' ELSE coalesce(
        (SELECT whatsapp_message_id FROM conversations_message quoted WHERE quoted.id = message.reply_to_id), '') END,
    message.sender_type, coalesce(message.extra ->> 'scope', ''), message.not_before IS NOT NULL
"""


def template_of(content: Mapping[str, Any]) -> str:
    """Return the template that a content uses ("name/language"); empty for none."""
    if content.get("kind") != "template":
        return ""
    language = content.get("language")
    code = language.get("code") if isinstance(language, Mapping) else language
    return f"{content.get('name')}/{code}"[:200]


@transaction.atomic(durable=True)
def claim(number_id: uuid.UUID, *, now: datetime, limit: int, has_backlog: bool = False) -> list[Claimed]:
    """Mark the next slice of a number (at most `limit`) and return it in the order in which it should leave.

    Where there is a backlog, or room for a few only, a share goes to the oldest whatever their priority.
    """
    values: dict[str, Any] = {
        "token": uuid.uuid4(),
        "lease": now + timedelta(seconds=settings.SEND_LEASE_S),
        "number": number_id,
        "now": now,
        "moment": now + MOMENT,
        "old": now - AGED,
        "promotions": rules.PROMOTIONS_FROM,
    }
    rows: list[Claimed] = []
    if share := _share(limit, has_backlog=has_backlog):
        rows += _take(_BY_AGE, {**values, "limit": share})
    if len(rows) < limit:
        rows += _take(_BY_PRIORITY, {**values, "limit": limit - len(rows)})
    return sorted(rows, key=lambda row: (row.priority, row.created_at, row.sequence, row.id))


def _share(limit: int, *, has_backlog: bool) -> int:
    if limit >= AGED_ONE_IN:
        return limit // AGED_ONE_IN if has_backlog else 0
    return int(limit / AGED_ONE_IN + random.random())  # noqa: S311  # a share, not a secret


def _take(which: str, values: Mapping[str, Any]) -> list[Claimed]:
    with connection.cursor() as cursor:
        cursor.execute(which + _TAKE, values)
        return [_row(*columns) for columns in cursor.fetchall()]


def _row(id_: Any, organization: Any, thread: Any, contact: Any, content: str, *rest: Any) -> Claimed:
    return Claimed(id_, organization, thread, contact, orjson.loads(content), *rest)
