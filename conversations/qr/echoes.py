"""Our own messages as they come back from the session: evidence of sends, or something typed on the phone."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from conversations import announcements, contacts, payloads, statuses, threads_of_contacts
from conversations.contacts import Sender
from conversations.gateway import evolution_dialect
from conversations.models import Contact, Message, WhatsAppNumber
from conversations.statuses import Status
from notifications import events
from pytake.infra import bulk

_D = Message.DispatchState
OPEN: Final = (_D.SENDING, _D.UNKNOWN, _D.ABANDONED)


def apply(number: WhatsAppNumber, echoes: Sequence[Mapping[str, Any]], *, now: datetime) -> None:
    """Match copies with sends whose outcome is open; keep what was typed on the phone as messages of the thread."""
    fresh = {str(row["id"]): row for row in echoes}
    known = set(
        Message.objects.filter(number=number, whatsapp_message_id__in=fresh).values_list(
            "whatsapp_message_id", flat=True
        )
    )
    rows = [row for key, row in fresh.items() if key not in known and not row.get("group_id")]
    if not rows:
        return
    senders = [Sender(addresses=tuple(payloads.addresses(row, {}))) for row in rows]
    people = contacts.resolve(senders, organization_id=number.organization_id, now=now)
    pairs = [(row, person) for row, person in zip(rows, people, strict=True) if person is not None]
    pending = unsettled(number, {person.pk for _, person in pairs})
    typed: list[tuple[Mapping[str, Any], Contact]] = []
    found: dict[uuid.UUID, str] = {}
    for row, person in pairs:
        same = [m for m in pending.get(person.pk, []) if says(m, row)]
        if same:
            # Which of several equal ones it is, nobody can tell; the answer to the send will.
            free = [m for m in same if m.pk not in found and m.dispatch_state != _D.SENDING]
            if len(same) == 1 and free:
                found[free[0].pk] = str(row["id"])
        elif row.get("from_phone") and row["type"] not in payloads.SILENT_TYPES:
            typed.append((row, person))
    adopt(number, found, now=now)
    _keep(number, typed, now=now)


def unsettled(number: WhatsAppNumber, contact_ids: set[uuid.UUID]) -> dict[uuid.UUID, list[Message]]:
    """Return sends without a known id, by contact."""
    rows = Message.objects.filter(
        number=number,
        contact_id__in=contact_ids,
        direction=Message.Direction.OUTBOUND,
        dispatch_state__in=OPEN,
        whatsapp_message_id__isnull=True,
    )
    found: dict[uuid.UUID, list[Message]] = {}
    for row in rows.order_by("id"):
        found.setdefault(row.contact_id, []).append(row)
    return found


def says(message: Message, row: Mapping[str, Any]) -> bool:
    """Return whether a copy may be that message: the same text, or both something else than text."""
    text = evolution_dialect.text_of(message.content)
    body = row.get("text") if row.get("type") == "text" else None
    said = body.get("body") if isinstance(body, dict) else None
    return (text is None) == (said is None) and (text is None or text.strip() == str(said).strip())


def adopt(number: WhatsAppNumber, found: Mapping[uuid.UUID, str], *, now: datetime) -> None:
    """Tell sends of unknown outcome that they left, and under which id."""
    seen = [
        Status(wamid=wamid, status="sent", at=now, callback=str(key), participant="", errors=[], pricing={})
        for key, wamid in found.items()
    ]
    statuses.apply(number, seen, now=now)


def _keep(number: WhatsAppNumber, typed: Sequence[tuple[Mapping[str, Any], Contact]], *, now: datetime) -> None:
    if not typed:
        return
    threads = threads_of_contacts.live(number, [person for _, person in typed], now=now)
    messages = [_message(number, row, person, threads[person.pk].pk, now) for row, person in typed]
    bulk.insert(Message, messages)
    for message in messages:
        threads[message.contact_id].__class__.objects.filter(pk=message.conversation_id).update(
            last_message_at=now, last_message_preview=message.text[:160], last_message_sender="agent"
        )
    events.emit_many(announcements.of_messages(messages, now=now))


def _message(
    number: WhatsAppNumber, row: Mapping[str, Any], person: Contact, thread_id: uuid.UUID, now: datetime
) -> Message:
    said = str(payloads.reply_of(row)["text"])
    text = payloads.preview_of(row, text=said)[:10_000]
    return Message(
        organization_id=number.organization_id,
        conversation_id=thread_id,
        number=number,
        contact=person,
        direction=Message.Direction.OUTBOUND,
        sender_type=Message.SenderType.AGENT,
        message_type="text",
        content={"kind": "text", "body": text, "preview_url": False},
        text=text,
        whatsapp_message_id=row["id"],
        whatsapp_timestamp=payloads.timestamp(row.get("timestamp"), otherwise=now),
        status=Message.Status.SENT,
        dispatch_state=Message.DispatchState.ACCEPTED,
        sent_at=now,
        extra={"from_phone": True},
        created_at=now,
    )
