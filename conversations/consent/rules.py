"""Who may not be written to by machines, and why. People's own answers are not asked about."""

from __future__ import annotations

import uuid
from typing import Final

from conversations.models import Contact, Message

# Intents of this priority and later ones are promotions: automations and campaigns.
PROMOTIONS_FROM: Final = 60
BLOCKED: Final = "blocked"
DELETED: Final = "contact_deleted"
OPTED_OUT: Final = "opted_out"
STOPPED: Final = "marketing_stopped"

# The same as `refusal`, for statements that join message and contact.
REFUSAL_SQL: Final = f"""CASE
    WHEN message.sender_type NOT IN ('bot', 'campaign') AND message.priority < {PROMOTIONS_FROM} THEN ''
    WHEN contact.is_blocked THEN '{BLOCKED}'
    WHEN contact.deleted_at IS NOT NULL THEN '{DELETED}'
    WHEN message.sender_type <> 'campaign' AND message.priority < {PROMOTIONS_FROM} THEN
        CASE WHEN contact.accepts_bot THEN '' ELSE '{OPTED_OUT}' END
    WHEN NOT contact.opt_in THEN '{OPTED_OUT}'
    WHEN contact.marketing_stopped ? message.number_id::text THEN '{STOPPED}'
    ELSE '' END"""


def refusal(contact: Contact, *, number_id: uuid.UUID, sender_type: str, priority: int) -> str:
    """Return why this must not be sent to the contact; empty when it may. Agents may always answer."""
    is_promotion = sender_type == Message.SenderType.CAMPAIGN or priority >= PROMOTIONS_FROM
    if not is_promotion and sender_type != Message.SenderType.BOT:
        return ""
    if contact.is_blocked:
        return BLOCKED
    if contact.deleted_at is not None:
        return DELETED
    if not is_promotion:
        return "" if contact.accepts_bot else OPTED_OUT
    if not contact.opt_in:
        return OPTED_OUT
    return STOPPED if str(number_id) in contact.marketing_stopped else ""
