"""Turns in slices: load sessions, run the pure engine in memory, write everything with one statement a table.

The caller holds the locks of the conversations, so that one contact has one turn at a time, and the
transaction, so that a turn happens wholly or not at all.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from django.db import connection

from conversations import outbox
from conversations.inbox import routing as people
from conversations.models import Conversation, Message
from flows.engine.effects import CancelTimers, Ended, HandOff, Send, SetTimer, Visit, Warned
from flows.engine.events import Event
from flows.engine.program import Program
from flows.engine.state import Frame, State
from flows.engine.state import from_json as state_from_json
from flows.engine.step import Turn, step
from flows.engine.work import Env
from flows.models import ConversationLog, ConversationState, FlowTimer, NodeVisit
from pytake.infra import bulk, metrics
from pytake.infra.ids import new_id

DAY_HOURS: Final = 24


@dataclass(slots=True, kw_only=True)
class Run:
    """One session's turn: the row, what happened, and what came of it."""

    session: ConversationState
    conversation: Conversation
    program: Program
    event: Event
    env: Env
    is_new: bool = False
    user_message: Message | None = None
    flow_ids: dict[str, uuid.UUID] = field(default_factory=dict)
    turn: Turn | None = None

    @property
    def effects(self) -> tuple[Any, ...]:
        """Return what the turn asks for."""
        return self.turn.effects if self.turn else ()


def state_of(session: ConversationState) -> State:
    """Return the engine's state of a row."""
    return state_from_json(
        {
            "program_id": str(session.flow_version_id),
            "node_id": session.current_node_id,
            "status": session.status,
            "end_reason": session.end_reason,
            "variables": session.variables,
            "call_stack": session.call_stack,
            "question": session.question_state,
            "node_visits": session.node_visits,
            "path": session.execution_path,
        }
    )


def carry_out(runs: Sequence[Run], *, now: datetime) -> None:
    """Run the turns and write their results. A turn that raises fails the slice; the caller isolates it."""
    for run in runs:
        run.turn = step(run.program, state_of(run.session), run.event, run.env)
        _take_over_state(run, now=now)
    messages = _messages(runs, now=now)
    _write_sessions(runs)
    outbox.commit(messages, now=now)
    _write_lines(runs, messages, now=now)
    _write_visits(runs, now=now)
    _write_timers(runs)
    _hand_off(runs, now=now)
    _resolve(runs, now=now)
    metrics.TURNS.labels("done").inc(len(runs))


def _take_over_state(run: Run, *, now: datetime) -> None:
    """Copy the new state into the row (saved in bulk later)."""
    assert run.turn is not None
    session, state = run.session, run.turn.state
    session.flow_version_id = uuid.UUID(state.program_id)
    session.current_node_id = state.node_id
    session.status = state.status
    session.end_reason = state.end_reason
    session.variables = dict(state.variables)
    session.call_stack = [_frame(frame) for frame in state.call_stack]
    session.question_state = dict(state.question)
    session.node_visits = dict(state.node_visits)
    session.execution_path = list(state.path)
    session.lock_version += 1
    if run.user_message is not None:
        session.last_message_at = now
        session.last_handled_message_id = run.user_message.pk
        hours = run.program.settings.session_ttl_hours or DAY_HOURS
        session.session_expires_at = (run.user_message.whatsapp_timestamp or now) + timedelta(hours=hours)
    timers = [effect.due_at for effect in run.effects if isinstance(effect, SetTimer)]
    if state.status == "sleeping" and timers:
        # A sleeping session does not expire before it wakes.
        session.session_expires_at = max(session.session_expires_at, max(timers) + timedelta(hours=1))
    ended = next((effect for effect in run.effects if isinstance(effect, Ended)), None)
    if ended is not None:
        session.is_active, session.ended_at, session.outcome = False, now, ended.outcome[:64]


def _frame(frame: Frame) -> dict[str, Any]:
    return frame.to_json()


def _messages(runs: Sequence[Run], *, now: datetime) -> list[Message]:
    """Return the intents of all turns; their order within a turn is kept by `sequence`."""
    return [
        outbox.draft(
            run.conversation,
            effect.content,
            sender_type=Message.SenderType.BOT,
            now=now,
            session_id=run.session.pk,
            priority=outbox.BOT,
            sequence=index,
        )
        for run in runs
        for index, effect in enumerate(effect for effect in run.effects if isinstance(effect, Send))
    ]


_COLUMNS: Final = (
    ("flow_version_id", "uuid"),
    ("current_node_id", "text"),
    ("status", "text"),
    ("end_reason", "text"),
    ("outcome", "text"),
    ("is_active", "bool"),
    ("lock_version", "int"),
    ("log_sequence", "int"),
    ("last_handled_message_id", "uuid"),
    ("last_message_at", "timestamptz"),
    ("session_expires_at", "timestamptz"),
    ("ended_at", "timestamptz"),
)
_JSON_COLUMNS: Final = (
    "call_stack", "question_state", "node_visits", "variables", "execution_path",
)  # fmt: skip
_TYPED: Final = (("id", "uuid"), *_COLUMNS, *((name, "jsonb") for name in _JSON_COLUMNS))
_UPDATE: Final = (  # constants only: the names of our columns
    "UPDATE conversation_states session SET "
    + ", ".join(f"{name} = fresh.{name}" for name, _ in _TYPED[1:])
    + ", updated_at = now() FROM json_to_recordset(%s::json) AS fresh ("
    + ", ".join(f"{name} {kind}" for name, kind in _TYPED)
    + ") WHERE session.id = fresh.id"
)


def _write_sessions(runs: Sequence[Run]) -> None:
    for run in runs:
        run.session.log_sequence += (run.user_message is not None) + sum(
            isinstance(e, Send | Warned) for e in run.effects
        )
    bulk.insert(ConversationState, [run.session for run in runs if run.is_new])
    changed = [run.session for run in runs if not run.is_new]
    if not changed:
        return
    rows = [{name: getattr(session, name) for name, _ in _TYPED} for session in changed]
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, [orjson.dumps(rows).decode()])


# What a line of the log says if nothing else is said.
_SILENT: Final[dict[str, Any]] = {
    "node_id": "",
    "user_message": "",
    "bot_response": "",
    "message_id": None,
    "extra_data": {},
}


def _write_lines(runs: Sequence[Run], messages: Sequence[Message], *, now: datetime) -> None:
    """Append to the sessions' logs: what the contact said, what the bot answers, what authors should know."""
    by_session: dict[uuid.UUID | None, list[Message]] = {}
    for message in messages:
        by_session.setdefault(message.session_id, []).append(message)
    lines: list[dict[str, Any]] = []
    for run in runs:
        answers = iter(by_session.get(run.session.pk, []))
        entries: list[dict[str, Any]] = []
        if run.user_message is not None:
            said = run.user_message
            entries.append({**_SILENT, "direction": "in", "user_message": said.text, "message_id": said.pk})
        for effect in run.effects:
            if isinstance(effect, Send):
                answer = next(answers)
                facts = {"bot_response": answer.text, "message_id": answer.pk, "node_id": effect.node_id}
                entries.append({**_SILENT, "direction": "out", **facts})
            elif isinstance(effect, Warned):
                data = {"warning": effect.code, **effect.details}
                entries.append({**_SILENT, "direction": "note", "node_id": effect.node_id, "extra_data": data})
        first = run.session.log_sequence - len(entries) + 1
        facts = {"organization_id": run.session.organization_id, "session_id": run.session.pk, "timestamp": now}
        lines += [{**facts, "sequence": first + index, **entry} for index, entry in enumerate(entries)]
    bulk.insert(ConversationLog, lines)


def _write_visits(runs: Sequence[Run], *, now: datetime) -> None:
    visits: list[dict[str, Any]] = []
    for run in runs:
        turn_id = new_id()
        visits += [
            {
                "organization_id": run.session.organization_id,
                "session_id": run.session.pk,
                "flow_version_id": run.session.flow_version_id,
                "node_id": effect.node_id,
                "node_type": effect.node_type,
                "turn_id": turn_id,
                "handle": effect.handle,
                "error_code": effect.error_code,
                "visited_at": now,
            }
            for effect in run.effects
            if isinstance(effect, Visit)
        ]
    bulk.insert(NodeVisit, visits)


def _write_timers(runs: Sequence[Run]) -> None:
    """Cancel and set timers; what a turn set before its last cancellation never existed."""
    cancelled: list[uuid.UUID] = []
    fresh: list[FlowTimer] = []
    for run in runs:
        wanted: list[SetTimer] = []
        for effect in run.effects:
            if isinstance(effect, CancelTimers):
                wanted = []
                cancelled.append(run.session.pk)
            elif isinstance(effect, SetTimer):
                wanted.append(effect)
        fresh += [
            FlowTimer(
                organization_id=run.session.organization_id,
                session=run.session,
                kind=timer.kind,
                node_id=timer.node_id,
                token=timer.token,
                due_at=timer.due_at,
            )
            for timer in wanted
        ]
    if cancelled:
        pending = FlowTimer.objects.filter(session_id__in=cancelled, state=FlowTimer.State.PENDING)
        pending.update(state=FlowTimer.State.CANCELLED)
    FlowTimer.objects.bulk_create(fresh)


def _hand_off(runs: Sequence[Run], *, now: datetime) -> None:
    requests: dict[uuid.UUID, people.HandOff] = {}
    for run in runs:
        for effect in run.effects:
            if isinstance(effect, HandOff):
                requests[run.conversation.pk] = people.HandOff(
                    conversation=run.conversation,
                    department=effect.department,
                    queue=effect.queue,
                    agent=effect.agent,
                    priority=effect.priority,
                    context=effect.context,
                )
    people.hand_off(list(requests.values()), now=now)


def _resolve(runs: Sequence[Run], *, now: datetime) -> None:
    """Close threads whose flow ended with `then: resolve`."""
    over = [
        run.conversation
        for run in runs
        for effect in run.effects
        if isinstance(effect, Ended) and effect.then == "resolve"
    ]
    people.resolve(over, now=now)
