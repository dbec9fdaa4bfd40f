"""Sessions and people: what happens to the bot's run when somebody takes the thread, gives it back or ends it.

Named in the settings (AGENT_TOOK_THREAD, AGENT_RELEASED_THREAD, THREAD_ENDED), called inside the inbox's transaction;
SESSION_OFFERS, CONTACTS_OPTED_OUT and CONTACTS_MERGED are called by what keeps people and consent.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from conversations.models import Conversation, Message
from flows.models import ConversationState, FlowTimer
from pytake.core.text import fold


def active(conversation: Conversation) -> ConversationState | None:
    """Return the session of a thread that is alive."""
    return (
        ConversationState.objects.filter(conversation=conversation, is_active=True, is_test=False)
        .select_related("flow", "flow_version")
        .first()
    )


def may_run(conversation: Conversation) -> bool:
    """Return whether bots have the thread: it has not ended and no person has or awaits it."""
    return conversation.status == Conversation.Status.OPEN and conversation.is_bot_active


def pause_for_agent(conversation: Conversation) -> None:
    """A person took the thread: the session stays where it is, and hears nothing until it is handed back."""


def resume_after_agent(conversation: Conversation, now: datetime) -> None:
    """The thread is the bot's again: a session that still lives goes on where it waited, others are over."""
    ConversationState.objects.filter(conversation=conversation, is_active=True, session_expires_at__lte=now).update(
        is_active=False, status=ConversationState.Status.ENDED, end_reason="expired", ended_at=now
    )


def end_with_thread(conversation: Conversation, now: datetime) -> None:
    """The thread has ended: so has its session, and nothing wakes it. The next message begins anew."""
    FlowTimer.objects.filter(
        session__conversation=conversation, session__is_active=True, state=FlowTimer.State.PENDING
    ).update(state=FlowTimer.State.CANCELLED)
    ConversationState.objects.filter(conversation=conversation, is_active=True).update(
        is_active=False, status=ConversationState.Status.ENDED, end_reason="closed", ended_at=now
    )


def offering(messages: Sequence[Message], *, now: datetime) -> set[uuid.UUID]:
    """Return the messages whose words the question that their session waits on offered as an option.

    A tap on a menu counts as well while a session lives: a late tap belongs to the flow, too.
    """
    mine = [message for message in messages if may_run(message.conversation)]
    waiting = ConversationState.objects.filter(
        contact_id__in=[message.contact_id for message in mine],
        is_active=True,
        is_test=False,
        session_expires_at__gt=now,
    )
    questions = {
        (number_id, contact_id): question
        for number_id, contact_id, question in waiting.values_list("number_id", "contact_id", "question_state")
    }
    found: set[uuid.UUID] = set()
    for message in mine:
        question = questions.get((message.number_id, message.contact_id))
        if question is not None and (message.message_type == "interactive" or _is_offered(message, question)):
            found.add(message.pk)
    return found


def _is_offered(message: Message, question: dict[str, list[dict[str, object]]]) -> bool:
    said = fold(str((message.extra.get("reply") or {}).get("text") or message.text))
    options = question.get("options") or []
    return any(said == fold(str(option.get(key) or "")) for option in options for key in ("title", "id", "value"))


def end_for_opt_out(contact_ids: Sequence[uuid.UUID], *, now: datetime) -> None:
    """People want no automatic messages any more: their sessions are over, and so is what was to wake them."""
    theirs = ConversationState.objects.filter(contact_id__in=contact_ids, is_active=True, is_test=False)
    pending = FlowTimer.objects.filter(session__in=theirs, state=FlowTimer.State.PENDING)
    pending.update(state=FlowTimer.State.CANCELLED)
    theirs.update(is_active=False, status=ConversationState.Status.ENDED, end_reason="opted_out", ended_at=now)


def end_for_merge(contact_id: uuid.UUID, *, now: datetime) -> None:
    """A contact becomes part of another: its session is over, since a number and a contact have one at most."""
    theirs = ConversationState.objects.filter(contact_id=contact_id, is_active=True, is_test=False)
    pending = FlowTimer.objects.filter(session__in=theirs, state=FlowTimer.State.PENDING)
    pending.update(state=FlowTimer.State.CANCELLED)
    theirs.update(is_active=False, status=ConversationState.Status.ENDED, end_reason="superseded", ended_at=now)
