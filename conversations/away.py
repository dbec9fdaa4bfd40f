"""The number's fallback message: said once when a thread that no bot answers begins to wait for people."""

from __future__ import annotations

import uuid
from typing import Final

from conversations import outbox, service_window
from conversations.content import Text
from conversations.inbound_batch import InboundBatch
from conversations.models import Conversation, Message

SETTING: Final = "fallback_message"
TEXT_MAX: Final = 1000


def say(batch: InboundBatch) -> set[uuid.UUID]:
    """Inbound handler before the last: write the text for threads that are about to be queued. Answers nothing."""
    drafts = [draft for message in batch.messages if (draft := _draft(message, batch)) is not None]
    if drafts:
        keys = [draft.client_key for draft in drafts]
        known = set(Message.objects.filter(client_key__in=keys).values_list("client_key", flat=True))
        outbox.commit([draft for draft in drafts if draft.client_key not in known], now=batch.now)
    return set()


def _draft(message: Message, batch: InboundBatch) -> Message | None:
    row = message.conversation
    text = str((row.number.settings or {}).get(SETTING) or "").strip()[:TEXT_MAX]
    is_beginning = row.status == Conversation.Status.OPEN and not row.is_human_requested
    if not text or not is_beginning:
        return None
    if not service_window.may_write(row.number.connection_type, row.window_expires_at, batch.now):
        return None
    try:
        return outbox.draft(
            row,
            Text(body=text),
            sender_type=Message.SenderType.SYSTEM,
            now=batch.now,
            client_key=f"fallback-{message.pk.hex}",
        )
    except outbox.NoAddressError:
        return None
