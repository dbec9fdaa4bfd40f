"""Waking sessions: timers that are due, sessions that are over."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import connection, transaction

from conversations.models import Conversation
from flows import runs, sessions, surroundings
from flows.engine.events import TimerFired
from flows.models import ConversationState, FlowTimer
from flows.surroundings import Shared
from pytake.infra import tenancy

log = structlog.get_logger(__name__)
SLICE: Final = 200
# While people have a thread, its timers look again this often whether the bot has it back.
LOOK_AGAIN: Final = timedelta(minutes=1)


def fire_due(*, until: datetime, clock: Any) -> int:
    """Fire due timers of all organizations until none is left or `clock()` reaches `until`."""
    total = 0
    while clock() < until:
        fired = sum(_fire_slice(organization_id, now=clock()) for organization_id in _organizations(clock()))
        total += fired
        if not fired:
            break
    return total


def _organizations(now: datetime) -> list[uuid.UUID]:
    with tenancy.platform_scope("find organizations with due timers"):
        due = FlowTimer.objects.filter(state=FlowTimer.State.PENDING, due_at__lte=now)
        return list(due.values_list("organization_id", flat=True).distinct()[:100])


def _fire_slice(organization_id: uuid.UUID, *, now: datetime) -> int:
    with tenancy.organization_context(organization_id):
        try:
            with transaction.atomic():
                return _fire(organization_id, _claim(now, SLICE), now=now)
        except Exception:  # one broken session must not stop the others
            log.exception("timers.slice_failed")
        fired = 0
        while fired < SLICE and _fire_alone(organization_id, now=now):
            fired += 1
        return fired


def _fire_alone(organization_id: uuid.UUID, *, now: datetime) -> int:
    """Fire one timer; a timer whose turn fails is cancelled and its session ended, visibly."""
    timers: list[FlowTimer] = []
    try:
        with transaction.atomic():
            timers = _claim(now, 1)
            return _fire(organization_id, timers, now=now)
    except Exception:
        log.exception("timer.failed", timer_ids=[str(timer.pk) for timer in timers])
        _end_failed(timers, now=now)
        return len(timers)


def _end_failed(timers: list[FlowTimer], *, now: datetime) -> None:
    FlowTimer.objects.filter(pk__in=[timer.pk for timer in timers]).update(state=FlowTimer.State.CANCELLED)
    ConversationState.objects.filter(pk__in=[timer.session_id for timer in timers], is_active=True).update(
        is_active=False, status=ConversationState.Status.ENDED, end_reason="failed", ended_at=now
    )


# The conversation's lock first, as for messages: one turn at a time for a contact.
_LOCK: Final = """
SELECT timer.id FROM flows_flowtimer timer
JOIN conversation_states session ON session.id = timer.session_id
JOIN conversations_conversation conversation ON conversation.id = session.conversation_id
WHERE timer.organization_id = %(organization)s AND timer.state = 'pending' AND timer.due_at <= %(now)s
ORDER BY conversation.id LIMIT %(limit)s
FOR UPDATE OF conversation, timer SKIP LOCKED
"""


def _claim(now: datetime, limit: int) -> list[FlowTimer]:
    organization_id = tenancy.current_organization_id()
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, {"organization": organization_id, "now": now, "limit": limit})
        ids = [row[0] for row in cursor.fetchall()]
    rows = FlowTimer.objects.filter(pk__in=ids).select_related("session").order_by("due_at", "pk")
    return list({timer.session_id: timer for timer in reversed(rows)}.values())


def _fire(organization_id: uuid.UUID, timers: list[FlowTimer], *, now: datetime) -> int:
    if not timers:
        return 0
    threads: dict[uuid.UUID | None, Conversation] = {
        row.pk: row
        for row in Conversation.objects.filter(pk__in=[timer.session.conversation_id for timer in timers])
        .select_related("contact", "number")
        .prefetch_related("contact__identities")
    }
    ripe = [timer for timer in timers if timer.session.is_active and timer.session.conversation_id in threads]
    held = {timer.pk for timer in ripe if not sessions.may_run(threads[timer.session.conversation_id])}
    FlowTimer.objects.filter(pk__in=held).update(due_at=now + LOOK_AGAIN)
    fired = [timer.pk for timer in timers if timer.pk not in held]
    FlowTimer.objects.filter(pk__in=fired).update(state=FlowTimer.State.FIRED)
    due = [timer for timer in ripe if timer.pk not in held]
    if due:
        shared = surroundings.shared_by([timer.session for timer in due], organization_id=organization_id)
        work = [_prepare(timer, threads[timer.session.conversation_id], shared, now) for timer in due]
        runs.carry_out(work, now=now)
    return len(timers)


def _prepare(timer: FlowTimer, conversation: Conversation, shared: Shared, now: datetime) -> runs.Run:
    return runs.Run(
        session=timer.session,
        conversation=conversation,
        program=shared.programs[str(timer.session.flow_version_id)],
        event=TimerFired(kind=timer.kind, node_id=timer.node_id, token=timer.token),
        env=surroundings.env_for(timer.session, conversation, shared, now=now),
    )


def expire(*, now: datetime) -> int:
    """End sessions whose time is over. Returns how many."""
    with tenancy.platform_scope("end expired sessions"):
        return ConversationState.objects.filter(is_active=True, session_expires_at__lte=now).update(
            is_active=False, status=ConversationState.Status.ENDED, end_reason="expired", ended_at=now
        )
