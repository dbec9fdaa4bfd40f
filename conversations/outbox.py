"""Deciding to send: intents are rows, committed with the change that caused them; sending comes later."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from conversations import announcements, service_window
from conversations.consent import rules
from conversations.content import Content, Template, parse
from conversations.media import departing
from conversations.models import Contact, ContactIdentity, Conversation, Message
from notifications import events
from pytake.accounts.models import User
from pytake.core.errors import ConflictError
from pytake.infra import bulk
from pytake.infra.nudge import nudge

AGENT: Final = 10
BOT: Final = 30
AUTOMATION: Final = 60
CAMPAIGN: Final = 80
PREVIEW: Final = 160


class WindowClosedError(ConflictError):
    """More than 24 hours have passed since the contact's last message."""

    code = "WINDOW_CLOSED"


class NoAddressError(ConflictError):
    """The contact has no address that this number can write to."""

    code = "NO_ADDRESS"


def address_of(contact: Contact) -> ContactIdentity | None:
    """Return the identity to send to: the primary one, a WhatsApp id before a user id before a phone."""
    return min(contact.known_identities(), key=_preference, default=None)


_ORDER: Final = {"wa_id": 0, "bsuid": 1, "phone": 2, "lid": 3}


def _preference(identity: ContactIdentity) -> tuple[bool, int]:
    return not identity.is_primary, _ORDER.get(identity.kind, 9)


def draft(  # noqa: PLR0913  # one for each thing that an intent may carry
    conversation: Conversation,
    content: Content,
    *,
    sender_type: str,
    now: datetime,
    by: User | None = None,
    session_id: uuid.UUID | None = None,
    priority: int = BOT,
    client_key: str | None = None,
    sequence: int = 0,
    scope: str = "",
    reply_to: Message | None = None,
) -> Message:
    """Return an unsaved intent to the conversation's contact (its identities loaded); raises NoAddressError.

    Messages of one `scope` (a campaign) share a rate and a circuit breaker.
    What the contact does not want is born cancelled, with the reason: it is shown and never sent.
    """
    identity = address_of(conversation.contact)
    if identity is None:
        raise NoAddressError(_("This contact has no WhatsApp address."))
    refusal = rules.refusal(
        conversation.contact, number_id=conversation.number_id, sender_type=sender_type, priority=priority
    )
    return bulk.fresh(
        Message,
        organization_id=conversation.organization_id,
        conversation=conversation,
        number_id=conversation.number_id,
        contact_id=conversation.contact_id,
        sender_user=by,
        session_id=session_id,
        direction=Message.Direction.OUTBOUND,
        sender_type=sender_type,
        reply_to=reply_to,
        message_type=content.message_type,
        content=content.as_dict(),
        text=content.text,
        address_kind=identity.kind,
        address_value=identity.value,
        status=Message.Status.FAILED if refusal else Message.Status.QUEUED,
        dispatch_state=Message.DispatchState.CANCELLED if refusal else Message.DispatchState.QUEUED,
        error_code=refusal,
        failed_at=now if refusal else None,
        client_key=client_key,
        priority=priority,
        sequence=sequence,
        extra={"scope": scope} if scope else {},
        created_at=now,
    )


def say(
    conversation: Conversation,
    content: Content,
    *,
    sender_type: str,
    now: datetime,
    by: User | None = None,
    session_id: uuid.UUID | None = None,
    priority: int = AGENT,
    client_key: str | None = None,
    reply_to: Message | None = None,
) -> Message:
    """Decide to send one message; all but templates are refused outside the window with WindowClosedError."""
    number, until = conversation.number, conversation.window_expires_at
    if not isinstance(content, Template) and not service_window.may_write(number.connection_type, until, now):
        raise WindowClosedError(_("The 24-hour window is closed. Only approved templates can be sent."))
    message = draft(
        conversation,
        content,
        sender_type=sender_type,
        now=now,
        by=by,
        session_id=session_id,
        priority=priority,
        client_key=client_key,
        reply_to=reply_to,
    )
    commit([message], now=now)
    return message


@transaction.atomic
def commit(messages: Sequence[Message], *, now: datetime) -> None:
    """Insert intents in bulk, bring their threads up to date, tell pages, and nudge the senders."""
    if not messages:
        return
    departing.expect(messages, now=now)
    bulk.insert(Message, messages)
    wanted = [message for message in messages if message.dispatch_state == Message.DispatchState.QUEUED]
    _touch_conversations(wanted, now=now)
    # After the commit these happen in this order: sending does not wait until pages have been told.
    for number_id in {message.number_id for message in wanted}:
        nudge("conversations.send_messages", number_id=str(number_id))
    events.emit_many(announcements.of_messages(messages, now=now))


_TOUCH = """
UPDATE conversations_conversation conversation SET
    last_message_at = greatest(conversation.last_message_at, %(now)s),
    last_message_preview = fresh.preview,
    last_message_sender = fresh.sender,
    first_message_at = coalesce(conversation.first_message_at, %(now)s),
    total_messages = conversation.total_messages + fresh.count,
    messages_from_agent = conversation.messages_from_agent + fresh.agent,
    messages_from_bot = conversation.messages_from_bot + fresh.bot
FROM unnest(%(ids)s::uuid[], %(previews)s::text[], %(senders)s::text[], %(counts)s::int[], %(agents)s::int[],
            %(bots)s::int[]) AS fresh (id, preview, sender, count, agent, bot)
WHERE conversation.id = fresh.id
"""


def _touch_conversations(messages: Sequence[Message], *, now: datetime) -> None:
    grouped: dict[uuid.UUID, list[Message]] = {}
    for message in messages:
        grouped.setdefault(message.conversation_id, []).append(message)
    # A fixed order of locks: two writers never wait for each other in a circle.
    ids = sorted(grouped)
    with connection.cursor() as cursor:
        cursor.execute(
            _TOUCH,
            {
                "now": now,
                "ids": ids,
                "previews": [_preview(grouped[key][-1])[:PREVIEW] for key in ids],
                "senders": [grouped[key][-1].sender_type for key in ids],
                "counts": [len(grouped[key]) for key in ids],
                "agents": [sum(m.sender_type == "agent" for m in grouped[key]) for key in ids],
                "bots": [sum(m.sender_type == "bot" for m in grouped[key]) for key in ids],
            },
        )


def _preview(message: Message) -> str:
    """Return the line for lists; files and places name their type in it."""
    return message.text if message.message_type in {"text", "interactive"} else parse(message.content).preview()
