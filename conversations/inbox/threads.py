"""What people do with a thread: take, hand back, transfer, resolve, reopen, answer.

Each verb locks the row, checks the transition and the version that the person saw, writes the
timeline and tells the pages. Illegal transitions raise ConflictError.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from conversations import content_words, outbox, receipts, service_window
from conversations.content import TEXT_MAX, Content, ContentError, Reaction, Text
from conversations.inbox import rooms, timeline
from conversations.models import Conversation, ConversationEvent, Department, Message, Queue
from conversations.models.threads import LIVE
from notifications import events
from pytake.accounts.models import User
from pytake.core.errors import ConflictError, DomainError

REOPEN_HOURS = 24
NOTE_MAX = 4000
_OWNERSHIP = ["status", "current_agent", "is_bot_active"]
_S = Conversation.Status


def lock(conversation: Conversation, *, version: int | None = None) -> Conversation:
    """Return the row locked for this transaction; a version other than the present one is refused."""
    row: Conversation = (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("contact", "number", "current_agent")
        .get(pk=conversation.pk)
    )
    if version is not None and row.lock_version != version:
        raise ConflictError(
            _("Somebody changed this conversation while you were looking at it. This is its present state."),
            code="STALE_VERSION",
            extra={"lock_version": row.lock_version},
        )
    return row


@transaction.atomic
def take(conversation: Conversation, *, by: User, now: datetime, version: int | None = None) -> Conversation:
    """Make `by` the owner of a live thread and silence the bot."""
    row = lock(conversation, version=version)
    if row.status not in LIVE:
        raise _illegal(row)
    if row.status == _S.ACTIVE and row.current_agent_id == by.pk:
        return row
    former = row.current_agent
    row.status = _S.ACTIVE
    row.current_agent = by
    row.assigned_at = now
    row.handoff_at = row.handoff_at or now
    row.is_bot_active = False
    row.snoozed_until = None
    row.unread_count = 0
    kind = "transferred" if former and former.pk != by.pk else "assigned"
    line = timeline.line(row, kind, now=now, by=by, agent=str(by), former=str(former) if former else "")
    _settle(row, line, [*_OWNERSHIP, "assigned_at", "handoff_at", "snoozed_until", "unread_count"], now=now, by=by)
    import_string(settings.AGENT_TOOK_THREAD)(row)
    return row


@transaction.atomic
def hand_back(conversation: Conversation, *, by: User, now: datetime, version: int | None = None) -> Conversation:
    """Give a thread that people have back to the bot."""
    row = lock(conversation, version=version)
    if row.status not in LIVE or (row.status == _S.OPEN and row.is_bot_active):
        raise _illegal(row)
    row.status = _S.OPEN
    row.current_agent = None
    row.is_bot_active = True
    row.is_human_requested = False
    row.queued_at = row.waiting_since = row.snoozed_until = None
    row.priority = 0
    row.unread_count = 0
    line = timeline.line(row, "handoff", now=now, by=by, to="bot")
    fields = [*_OWNERSHIP, "is_human_requested", "queued_at", "waiting_since", "snoozed_until", "priority"]
    _settle(row, line, [*fields, "unread_count"], now=now, by=by)
    import_string(settings.AGENT_RELEASED_THREAD)(row, now=now)
    return row


@transaction.atomic
def transfer(
    conversation: Conversation,
    *,
    department: Department,
    by: User,
    now: datetime,
    note: str = "",
    version: int | None = None,
) -> Conversation:
    """Put a live thread into a department's queue, with an optional note for whoever takes it."""
    row = lock(conversation, version=version)
    if row.status not in LIVE:
        raise _illegal(row)
    former = row.current_agent
    row.status = _S.QUEUED
    row.department = department
    row.queue = first_queue(department)
    row.current_agent = None
    row.is_bot_active = False
    row.queued_at = now
    row.waiting_since = row.waiting_since or now
    row.snoozed_until = None
    line = timeline.line(
        row, "transferred", now=now, by=by, department=department.name, former=str(former) if former else ""
    )
    fields = [*_OWNERSHIP, "department", "queue", "queued_at", "waiting_since", "snoozed_until"]
    _settle(row, line, fields, now=now, by=by)
    if note.strip():
        add_note(row, text=note, by=by, now=now)
    return row


@transaction.atomic
def close(
    conversation: Conversation,
    *,
    by: User | None,
    now: datetime,
    resolved: bool = True,
    reason: str = "",
    version: int | None = None,
) -> Conversation:
    """End a live thread as resolved, or as closed without a solution."""
    row = lock(conversation, version=version)
    if row.status not in LIVE:
        raise _illegal(row)
    row.status = _S.RESOLVED if resolved else _S.CLOSED
    row.resolved_at = now if resolved else None
    row.closed_at = None if resolved else now
    row.close_reason = reason[:120]
    row.is_bot_active = True
    row.is_human_requested = False
    row.queued_at = row.waiting_since = row.snoozed_until = None
    row.priority = row.unread_count = 0
    line = timeline.line(row, "resolved" if resolved else "closed", now=now, by=by, reason=reason)
    fields = ["status", "resolved_at", "closed_at", "close_reason", "is_bot_active", "is_human_requested"]
    _settle(
        row, line, [*fields, "queued_at", "waiting_since", "snoozed_until", "priority", "unread_count"], now=now, by=by
    )
    import_string(settings.THREAD_ENDED)(row, now=now)
    return row


@transaction.atomic
def reopen(conversation: Conversation, *, by: User, now: datetime, version: int | None = None) -> Conversation:
    """Bring back a resolved or closed thread within the window, in the queue of whoever takes it."""
    row = lock(conversation, version=version)
    ended = row.closed_at or row.resolved_at
    if row.status not in {_S.RESOLVED, _S.CLOSED} or ended is None:
        raise _illegal(row)
    if now - ended > timedelta(hours=REOPEN_HOURS):
        raise ConflictError(
            _("It ended more than %(hours)d hours ago. The customer's next message opens a new conversation.")
            % {"hours": REOPEN_HOURS},
            code="REOPEN_WINDOW_PASSED",
        )
    if Conversation.objects.live().filter(number_id=row.number_id, contact_id=row.contact_id).exists():
        raise ConflictError(_("This customer already has another conversation going on."), code="ALREADY_LIVE")
    row.status = _S.QUEUED
    row.current_agent = None
    row.is_bot_active = False
    row.queued_at = now
    row.resolved_at = row.closed_at = None
    row.close_reason = ""
    line = timeline.line(row, "reopened", now=now, by=by)
    _settle(row, line, [*_OWNERSHIP, "queued_at", "resolved_at", "closed_at", "close_reason"], now=now, by=by)
    return row


def reply(
    conversation: Conversation,
    *,
    text: str,
    by: User,
    now: datetime,
    client_key: str | None = None,
    retry_of: Message | None = None,
    reply_to: Message | None = None,
) -> Message:
    """Send a text as an agent; takes a thread that nobody owns. The same `client_key` sends once."""
    body = text.strip()
    if (said := _already_said(client_key)) is not None:
        return said
    _check_length(body, TEXT_MAX)
    return send(
        conversation,
        Text(body=body),
        by=by,
        now=now,
        client_key=client_key,
        retry_of=retry_of,
        reply_to=reply_to,
    )


@transaction.atomic
def send(
    conversation: Conversation,
    content: Content,
    *,
    by: User,
    now: datetime,
    client_key: str | None = None,
    retry_of: Message | None = None,
    reply_to: Message | None = None,
) -> Message:
    """Send anything as an agent; takes a thread that nobody owns. The same `client_key` sends once."""
    row = lock(conversation)
    if (said := _already_said(client_key)) is not None:
        return said
    _refuse_others(row, by)
    if row.status != _S.ACTIVE or row.current_agent_id != by.pk:
        row = take(row, by=by, now=now)
    message = outbox.say(
        row,
        content,
        sender_type=Message.SenderType.AGENT,
        now=now,
        by=by,
        client_key=client_key,
        reply_to=reply_to,
    )
    if retry_of is not None:
        Message.objects.filter(pk=message.pk).update(retry_of=retry_of)
    if row.unread_count:
        receipts.ask(row, now=now)
    Conversation.objects.filter(pk=row.pk).update(waiting_since=None, unread_count=0)
    return message


@transaction.atomic
def react(conversation: Conversation, message: Message, *, emoji: str, by: User, now: datetime) -> Message:
    """Put an emoji on a message of the person, or take it back with an empty one; nobody takes the thread by it."""
    row = lock(conversation)
    if row.status not in LIVE:
        raise _illegal(row)
    _refuse_others(row, by)
    if message.direction != Message.Direction.INBOUND or not message.whatsapp_message_id:
        raise DomainError(_("Only messages of the customer can be reacted to."))
    try:
        content = Reaction(message_id=message.whatsapp_message_id, emoji=emoji)
    except ContentError as error:
        raise content_words.as_domain_error(error) from error
    return outbox.say(row, content, sender_type=Message.SenderType.AGENT, now=now, by=by)


def _refuse_others(row: Conversation, by: User) -> None:
    if row.status == _S.ACTIVE and row.current_agent_id not in {None, by.pk}:
        raise ConflictError(
            _("%(agent)s has this conversation. Take it over to answer.") % {"agent": row.current_agent},
            code="OWNED_BY_OTHER",
        )


@transaction.atomic
def add_note(
    conversation: Conversation, *, text: str, by: User | None, now: datetime, client_key: str | None = None
) -> Message:
    """Write an internal note, which is never sent."""
    if (said := _already_said(client_key)) is not None:
        return said
    body = text.strip()
    _check_length(body, NOTE_MAX)
    message = timeline.note(conversation, body, by=by, client_key=client_key)
    message.save(force_insert=True)
    events.emit_many(rooms.said(conversation, message, now=now, by=by)[:1])
    return message


def mark_read(conversation: Conversation, *, by: User, now: datetime) -> None:
    """Forget the unread mark, unless somebody else owns the thread."""
    if not conversation.unread_count or conversation.current_agent_id not in {None, by.pk}:
        return
    with transaction.atomic():
        receipts.ask(conversation, now=now)
        Conversation.objects.filter(pk=conversation.pk).update(unread_count=0)
        conversation.unread_count = 0
        events.emit_many(rooms.changed(conversation, fields=["unread_count"], now=now, by=by)[1:])


def writes(conversation: Conversation, *, by: User, now: datetime) -> None:
    """Show the person that somebody is writing, if that may be answered."""
    may = service_window.may_write(conversation.number.connection_type, conversation.window_expires_at, now)
    if may and conversation.status in LIVE and conversation.current_agent_id in {None, by.pk}:
        receipts.ask(conversation, now=now, typing=True)


def first_queue(department: Department | None) -> Queue | None:
    """Return the department's most important active queue."""
    if department is None:
        return None
    return (
        Queue.objects.filter(department=department, is_active=True, deleted_at=None)
        .order_by("-priority", "created_at")
        .first()
    )


def _settle(row: Conversation, line: ConversationEvent, fields: list[str], *, now: datetime, by: User | None) -> None:
    """Save the changed columns with the next version, the timeline, and tell the pages."""
    row.lock_version += 1
    row.save(update_fields=[*fields, "lock_version", "updated_at"])
    line.save(force_insert=True)
    events.emit_many(rooms.changed(row, fields=fields, now=now, by=by))


def _already_said(client_key: str | None) -> Message | None:
    return Message.objects.filter(client_key=client_key).first() if client_key else None


def _check_length(body: str, limit: int) -> None:
    if not body:
        raise DomainError(_("Write something first."), fields={"text": [_("Write something first.")]})
    if len(body) > limit:
        message = _("At most %(limit)d characters.") % {"limit": limit}
        raise DomainError(message, fields={"text": [message]})


def _illegal(row: Conversation) -> ConflictError:
    return ConflictError(
        _("The conversation is “%(status)s”: this action is not possible now.") % {"status": row.get_status_display()},
        extra={"status": row.status},
    )
