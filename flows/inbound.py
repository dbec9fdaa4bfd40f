"""The inbound handler of flows: a slice of messages in, turns out."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Final

from conversations.inbound_batch import InboundBatch
from conversations.models import Message
from flows import routing, runs, sessions, surroundings
from flows.engine.events import Event, Reply, Start
from flows.models import ConversationState
from flows.surroundings import Shared
from pytake.infra import bulk

TTL: Final = timedelta(hours=24)


def answer(batch: InboundBatch) -> set[uuid.UUID]:
    """Run a turn for every message that a bot may answer; return the ids of those messages."""
    mine = [message for message in batch.messages if _may_answer(message)]
    if not mine:
        return set()
    active = _active_sessions(mine, now=batch.now)
    chosen: list[tuple[Message, ConversationState, bool]] = []
    answered: set[uuid.UUID] = set()
    for message in mine:
        session = active.get((message.number_id, message.contact_id))
        if session is not None:
            answered.add(message.pk)
            if session.last_handled_message_id != message.pk:
                chosen.append((message, session, False))
            continue
        choice = routing.table_for(message.number).choose(message)
        if choice is not None:
            answered.add(message.pk)
            chosen.append((message, _new_session(message, choice, now=batch.now), True))
    _run(batch, chosen)
    return answered


def _may_answer(message: Message) -> bool:
    """Return whether a bot may answer: those who want no automatic messages are left to people."""
    contact = message.contact
    return sessions.may_run(message.conversation) and contact.accepts_bot and not contact.is_blocked


def _active_sessions(
    messages: list[Message], *, now: datetime
) -> dict[tuple[uuid.UUID | None, uuid.UUID | None], ConversationState]:
    """Return live sessions by number and contact; those that have expired are ended."""
    rows = ConversationState.objects.filter(
        contact_id__in=[message.contact_id for message in messages],
        number_id__in={message.number_id for message in messages},
        is_active=True,
        is_test=False,
    )
    live: dict[tuple[uuid.UUID | None, uuid.UUID | None], ConversationState] = {}
    expired: list[uuid.UUID] = []
    for row in rows:
        if row.session_expires_at <= now:
            expired.append(row.pk)
        else:
            live[row.number_id, row.contact_id] = row
    if expired:
        ConversationState.objects.filter(pk__in=expired).update(
            is_active=False, status=ConversationState.Status.ENDED, end_reason="expired", ended_at=now
        )
    return live


def _new_session(message: Message, choice: routing.Choice, *, now: datetime) -> ConversationState:
    return bulk.fresh(
        ConversationState,
        organization_id=message.organization_id,
        number_id=message.number_id,
        contact_id=message.contact_id,
        conversation_id=message.conversation_id,
        flow_id=choice.flow_id,
        flow_version_id=choice.version_id,
        started_at=now,
        session_expires_at=now + TTL,
    )


def _run(batch: InboundBatch, chosen: list[tuple[Message, ConversationState, bool]]) -> None:
    if not chosen:
        return
    shared = surroundings.shared_by([session for _, session, _ in chosen], organization_id=batch.organization_id)
    work = [_prepare(message, session, shared, is_new=is_new, now=batch.now) for message, session, is_new in chosen]
    runs.carry_out(work, now=batch.now)


def _prepare(message: Message, session: ConversationState, shared: Shared, *, is_new: bool, now: datetime) -> runs.Run:
    return runs.Run(
        session=session,
        conversation=message.conversation,
        program=shared.programs[str(session.flow_version_id)],
        event=_event(message, is_new=is_new),
        is_new=is_new,
        user_message=message,
        env=surroundings.env_for(
            session, message.conversation, shared, message=message.text, message_type=message.message_type, now=now
        ),
    )


def _event(message: Message, *, is_new: bool) -> Event:
    """Return the event: the text that starts a session is never an answer."""
    if is_new:
        return Start(text=message.text)
    reply = message.extra.get("reply") or {}
    return Reply(
        text=str(reply.get("text") or message.text),
        reply_id=str(reply.get("reply_id") or ""),
        kind=str(reply.get("kind") or "text"),
        payload=reply.get("payload") or {},
        message_id=str(message.pk),
    )
