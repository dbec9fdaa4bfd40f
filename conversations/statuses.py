"""What the provider says became of messages: applied in bulk, only ever upwards, early ones parked.

A status is matched by (number, message id), else by our own id in `biz_opaque_callback_data`. It may
overtake the answer to the send: then its row waits without a message until the send settles.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from django.db import connection
from psycopg.types.json import Jsonb

from conversations import breakers, payloads
from conversations.gateway import error_classes
from conversations.media import departing
from conversations.models import WhatsAppNumber
from notifications import events

RANKS: Final = {"sent": 1, "delivered": 2, "read": 3, "played": 4, "failed": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One status as the provider reported it."""

    wamid: str
    status: str
    at: datetime
    callback: str
    participant: str
    errors: list[Any]
    pricing: Mapping[str, Any]

    @property
    def message_id(self) -> uuid.UUID | None:
        """Return our message id if the callback data is one."""
        try:
            return uuid.UUID(self.callback)
        except ValueError:
            return None


def read(payload: Mapping[str, Any], *, now: datetime) -> Status | None:
    """Return the status of an item; None when it lacks id or status, or is of a kind we ignore."""
    wamid, status = payload.get("id"), payload.get("status")
    if not isinstance(wamid, str) or not wamid or not isinstance(status, str) or status not in RANKS:
        return None
    participant = payload.get("recipient_participant_id") or payload.get("recipient_participant_user_id") or ""
    errors, pricing = payload.get("errors"), payload.get("pricing")
    return Status(
        wamid=wamid,
        status=status,
        at=payloads.timestamp(payload.get("timestamp"), otherwise=now),
        callback=str(payload.get("biz_opaque_callback_data") or "")[:512],
        participant=str(participant)[:160],
        errors=errors if isinstance(errors, list) else [],
        pricing=pricing if isinstance(pricing, dict) else {},
    )


# Stores the statuses (repeats fall out), matches them with messages, raises the messages' rungs.
_APPLY: Final = """
WITH incoming AS (
    SELECT * FROM unnest(%(wamids)s::text[], %(statuses)s::text[], %(ats)s::timestamptz[], %(callbacks)s::text[],
                         %(ids)s::uuid[], %(participants)s::text[], %(errors)s::jsonb[], %(pricings)s::jsonb[])
        AS t (wamid, status, at, callback, message_id, participant, errors, pricing)
), matched AS (
    SELECT incoming.*, coalesce(by_wamid.id, by_callback.id) AS found
    FROM incoming
    LEFT JOIN conversations_message by_wamid
        ON by_wamid.number_id = %(number)s AND by_wamid.whatsapp_message_id = incoming.wamid
        AND by_wamid.direction = 'outbound'
    LEFT JOIN conversations_message by_callback
        ON by_wamid.id IS NULL AND by_callback.id = incoming.message_id AND by_callback.number_id = %(number)s
        AND by_callback.direction = 'outbound'
), stored AS (
    INSERT INTO conversations_messagestatusevent
        (organization_id, number_id, message_id, whatsapp_message_id, callback_data, status, participant,
         provider_timestamp, received_at, errors, pricing)
    SELECT %(organization)s, %(number)s, found, wamid, callback, status, participant, at, %(now)s, errors, pricing
    FROM matched
    ON CONFLICT (number_id, whatsapp_message_id, status, participant) DO NOTHING
    RETURNING message_id, whatsapp_message_id, status, provider_timestamp, errors, pricing
)
SELECT message_id, whatsapp_message_id, status, provider_timestamp, errors, pricing FROM stored
WHERE message_id IS NOT NULL
"""

# The outcome depends on which statuses came, not on their order: what reached the customer did not fail.
_FAILED: Final = (
    "((fresh.failed OR message.status = 'failed') AND fresh.rank < 2 AND message.status NOT IN ('delivered', 'read'))"
)
_RAISE: Final = f"""
UPDATE conversations_message message SET
    status = CASE
        WHEN message.status = 'read' OR fresh.rank >= 3 THEN 'read'
        WHEN message.status = 'delivered' OR fresh.rank = 2 THEN 'delivered'
        WHEN {_FAILED} THEN 'failed'
        ELSE 'sent' END,
    dispatch_state = CASE WHEN {_FAILED} THEN 'failed' ELSE 'accepted' END,
    whatsapp_message_id = coalesce(message.whatsapp_message_id, fresh.wamid),
    sent_at = least(message.sent_at, fresh.sent_at),
    delivered_at = least(message.delivered_at, fresh.delivered_at),
    read_at = least(message.read_at, fresh.read_at),
    failed_at = CASE WHEN {_FAILED} THEN coalesce(message.failed_at, fresh.failed_at) END,
    error_code = CASE WHEN NOT {_FAILED} THEN '' WHEN message.status = 'failed' THEN message.error_code
        ELSE fresh.error_code END,
    error_title = CASE WHEN NOT {_FAILED} THEN '' WHEN message.status = 'failed' THEN message.error_title
        ELSE fresh.error_title END,
    error_details = CASE WHEN {_FAILED} AND message.status = 'failed' THEN message.error_details ELSE '' END,
    price_category = CASE WHEN fresh.category <> '' THEN fresh.category ELSE message.price_category END,
    claimed_until = NULL, reconcile_until = NULL
FROM unnest(%(ids)s::uuid[], %(wamids)s::text[], %(ranks)s::int[], %(faileds)s::bool[], %(sents)s::timestamptz[],
            %(delivereds)s::timestamptz[], %(reads)s::timestamptz[], %(failed_ats)s::timestamptz[],
            %(codes)s::text[], %(titles)s::text[], %(categories)s::text[])
    AS fresh (id, wamid, rank, failed, sent_at, delivered_at, read_at, failed_at, error_code, error_title, category)
WHERE message.id = fresh.id
RETURNING message.id, message.conversation_id, message.status, message.priority, message.error_code
"""


def apply(number: WhatsAppNumber, statuses: Sequence[Status], *, now: datetime) -> int:
    """Store statuses and raise their messages, with two statements. Returns how many messages changed."""
    if not statuses:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_APPLY, _columns(number, statuses, now))
        rows = cursor.fetchall()
    return raise_messages(number, [_seen(*row) for row in rows], now=now)


def _columns(number: WhatsAppNumber, statuses: Sequence[Status], now: datetime) -> dict[str, Any]:
    # The same status twice in one statement would collide with itself.
    unique = list({(row.wamid, row.status, row.participant): row for row in statuses}.values())
    return {
        "organization": number.organization_id,
        "number": number.pk,
        "now": now,
        "wamids": [row.wamid for row in unique],
        "statuses": [row.status for row in unique],
        "ats": [row.at for row in unique],
        "callbacks": [row.callback for row in unique],
        "ids": [row.message_id for row in unique],
        "participants": [row.participant for row in unique],
        "errors": [Jsonb(row.errors) for row in unique],
        "pricings": [Jsonb(dict(row.pricing)) for row in unique],
    }


# The provider does not have a file, or could not use it.
FILE_LOST: Final = frozenset({"131052", "131053"})


@dataclass(frozen=True, slots=True)
class _Seen:
    """A stored status that has its message."""

    message_id: uuid.UUID
    wamid: str
    status: str
    at: datetime
    errors: Any
    pricing: Any


def _seen(message_id: uuid.UUID, wamid: str, status: str, at: datetime, errors: Any, pricing: Any) -> _Seen:
    """Return a row of the database; Django gives JSON columns of plain statements as text."""
    errors, pricing = (orjson.loads(value) if isinstance(value, str) else value for value in (errors, pricing))
    return _Seen(message_id, wamid, status, at, errors, pricing)


def raise_messages(number: WhatsAppNumber, seen: Sequence[_Seen], *, now: datetime) -> int:
    """Raise messages by the statuses that belong to them; tell the pages."""
    grouped: dict[uuid.UUID, list[_Seen]] = {}
    for row in seen:
        grouped.setdefault(row.message_id, []).append(row)
    if not grouped:
        return 0
    ids = sorted(grouped)
    groups = [grouped[key] for key in ids]
    with connection.cursor() as cursor:
        cursor.execute(
            _RAISE,
            {
                "ids": ids,
                "wamids": [group[0].wamid for group in groups],
                "ranks": [max(RANKS[row.status] for row in group) for group in groups],
                "faileds": [any(row.status == "failed" for row in group) for group in groups],
                "sents": [_first(group, "sent") for group in groups],
                "delivereds": [_first(group, "delivered") for group in groups],
                "reads": [_first(group, "read", "played") for group in groups],
                "failed_ats": [_first(group, "failed") for group in groups],
                "codes": [_error(group, "code") for group in groups],
                "titles": [_error(group, "title") for group in groups],
                "categories": [_category(group) for group in groups],
            },
        )
        changed = cursor.fetchall()
    departing.forget_lost(number, [key for key, group in grouped.items() if _error(group, "code") in FILE_LOST])
    events.emit_many([_announcement(number, row[0], row[1], row[2], now) for row in changed])
    breakers.heard(number, [_failure(row[3], row[4]) for row in changed if row[2] == "failed"], now=now)
    return len(changed)


def _failure(priority: int, code: str) -> tuple[int, str, str]:
    """Return what breakers want to know of a failure: priority, what it concerns, code."""
    return priority, error_classes.scope_of(int(code), 400) if code.isdigit() else "", code


def _first(group: Sequence[_Seen], *statuses: str) -> datetime | None:
    return min((row.at for row in group if row.status in statuses), default=None)


def _error(group: Sequence[_Seen], key: str) -> str:
    for row in group:
        first = row.errors[0] if isinstance(row.errors, list) and row.errors else None
        if row.status == "failed" and isinstance(first, dict):
            return str(first.get(key) or "")[: 40 if key == "code" else 255]
    return ""


def _category(group: Sequence[_Seen]) -> str:
    found = [row.pricing.get("category") for row in group if isinstance(row.pricing, dict)]
    return next((str(value)[:40] for value in found if value), "")


def _announcement(
    number: WhatsAppNumber, message_id: uuid.UUID, conversation_id: uuid.UUID, status: str, now: datetime
) -> events.EventDraft:
    return events.EventDraft(
        organization_id=number.organization_id,
        room=f"conversation:{conversation_id}",
        event_type="message:status",
        now=now,
        data={"conversation_id": str(conversation_id), "message_id": str(message_id), "status": status},
    )


_PARKED: Final = """
UPDATE conversations_messagestatusevent event SET message_id = fresh.id
FROM unnest(%(ids)s::uuid[], %(wamids)s::text[]) AS fresh (id, wamid)
WHERE event.number_id = %(number)s AND event.message_id IS NULL
  AND (event.whatsapp_message_id = fresh.wamid OR event.callback_data = fresh.id::text)
RETURNING event.message_id, event.whatsapp_message_id, event.status, event.provider_timestamp, event.errors,
          event.pricing
"""


def match_parked(number: WhatsAppNumber, accepted: Mapping[uuid.UUID, str], *, now: datetime) -> int:
    """Give statuses that came before their message's id was known to their messages."""
    if not accepted:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_PARKED, {"ids": list(accepted), "wamids": list(accepted.values()), "number": number.pk})
        rows = cursor.fetchall()
    return raise_messages(number, [_seen(*row) for row in rows], now=now)
