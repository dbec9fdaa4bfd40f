"""What inbound handlers get: a slice of stored messages, at most one a conversation."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from conversations.models import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundBatch:
    """Messages of one organization, their conversations locked, contact and number loaded.

    `Message.extra["reply"]` holds the normalised reply: kind, text, reply_id, context_wamid.
    """

    organization_id: uuid.UUID
    messages: list[Message]
    now: datetime

    def without(self, answered: set[uuid.UUID]) -> InboundBatch:
        """Return the batch of messages that are still unanswered."""
        return replace(self, messages=[message for message in self.messages if message.pk not in answered])


# Returns the ids of the messages that need no further handler. May be repeated; does no I/O of its own.
Handler: TypeAlias = Callable[[InboundBatch], set[uuid.UUID]]
