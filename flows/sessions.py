"""Sessions and people: what happens to the bot's run when somebody takes the thread, gives it back or ends it.

Named in the settings (AGENT_TOOK_THREAD, AGENT_RELEASED_THREAD, THREAD_ENDED), called inside the inbox's transaction.
"""

from __future__ import annotations

from datetime import datetime

from conversations.models import Conversation
from flows.models import ConversationState, FlowTimer


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
