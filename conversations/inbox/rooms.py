"""Which realtime rooms hear about a thread, and the facts that are told there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from conversations.models import Conversation, Message
from notifications import events
from pytake.accounts.models import User


def rooms_of(conversation: Conversation) -> list[str]:
    """Return the rooms of the thread: its own, and the list of the organization's inbox."""
    return [f"conversation:{conversation.pk}", f"inbox:{conversation.organization_id}"]


def changed(
    conversation: Conversation, *, fields: list[str], now: datetime, by: User | None
) -> list[events.EventDraft]:
    """Return the facts that tell of a changed thread."""
    data: dict[str, Any] = {
        "conversation_id": str(conversation.pk),
        "changed": fields,
        "status": conversation.status,
        "lock_version": conversation.lock_version,
    }
    return _drafts(conversation, "conversation:updated", data, now=now, by=by)


def said(conversation: Conversation, message: Message, *, now: datetime, by: User | None) -> list[events.EventDraft]:
    """Return the facts that tell of a line which is not sent to WhatsApp (an internal note)."""
    data: dict[str, Any] = {
        "conversation_id": str(conversation.pk),
        "message_id": str(message.pk),
        "direction": message.direction,
        "sender_type": message.sender_type,
        "message_type": message.message_type,
        "preview": "",
        "created_at": now.isoformat(),
    }
    return _drafts(conversation, "message:new", data, now=now, by=by)[:1]


def _drafts(
    conversation: Conversation, event_type: str, data: dict[str, Any], *, now: datetime, by: User | None
) -> list[events.EventDraft]:
    return [
        events.EventDraft(
            organization_id=conversation.organization_id,
            room=room,
            event_type=event_type,
            data=data,
            now=now,
            actor=by.pk if by else None,
        )
        for room in rooms_of(conversation)
    ]
