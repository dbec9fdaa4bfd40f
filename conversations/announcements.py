"""What pages are told about new messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from conversations.models import Message
from notifications import events


def of_messages(messages: Sequence[Message], *, now: datetime) -> list[events.EventDraft]:
    """Return what pages are told of new messages: each to its thread, the last one of a thread to the inbox."""
    last = {message.conversation_id: message for message in messages}
    facts = [_announcement(message, f"conversation:{message.conversation_id}", now) for message in messages]
    return facts + [_announcement(message, f"inbox:{message.organization_id}", now) for message in last.values()]


def _announcement(message: Message, room: str, now: datetime) -> events.EventDraft:
    return events.EventDraft(
        organization_id=message.organization_id,
        room=room,
        event_type="message:new",
        now=now,
        actor=message.sender_user_id,
        data={
            "conversation_id": str(message.conversation_id),
            "message_id": str(message.pk),
            "direction": message.direction,
            "sender_type": message.sender_type,
            "message_type": message.message_type,
            "preview": message.text[:120],
            "created_at": now.isoformat(),
        },
    )
