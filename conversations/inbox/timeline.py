"""Lines of a thread's timeline: what happened to it, by whom."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from conversations.models import Conversation, ConversationEvent, Message
from pytake.accounts.models import User


def line(
    conversation: Conversation, kind: str, *, now: datetime, by: User | None = None, **data: Any
) -> ConversationEvent:
    """Return an unsaved line; without `by` the system did it."""
    return ConversationEvent(
        organization_id=conversation.organization_id,
        conversation=conversation,
        created_at=now,
        kind=kind,
        actor_user=by,
        actor_label=str(by) if by else "",
        data=data,
    )


def note(conversation: Conversation, text: str, *, by: User | None = None, client_key: str | None = None) -> Message:
    """Return an unsaved internal note; no code path sends it."""
    return Message(
        organization_id=conversation.organization_id,
        conversation=conversation,
        number_id=conversation.number_id,
        contact_id=conversation.contact_id,
        direction=Message.Direction.OUTBOUND,
        sender_type=Message.SenderType.AGENT if by else Message.SenderType.BOT,
        sender_user=by,
        text=text,
        content={"kind": "note", "body": text},
        is_internal_note=True,
        status=Message.Status.SENT,
        dispatch_state=Message.DispatchState.NONE,
        client_key=client_key,
    )
