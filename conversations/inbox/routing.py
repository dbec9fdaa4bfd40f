"""Bringing threads to people: hand-offs of the bot, and messages that no bot answered. In bulk."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from conversations.inbound_batch import InboundBatch
from conversations.inbox import rooms, timeline
from conversations.models import Conversation, ConversationEvent, Department, Message, Queue
from notifications import events
from pytake.accounts.models import User

PRIORITIES: Final = {"urgent": 100, "high": 80, "medium": 50, "low": 10}
VIP: Final = 100
_WRITTEN = [
    "status", "department", "queue", "current_agent", "priority", "queued_at", "waiting_since", "handoff_at",
    "assigned_at", "is_bot_active", "is_human_requested", "snoozed_until", "unread_count", "lock_version",
]  # fmt: skip
_S = Conversation.Status


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOff:
    """A request to pass a thread to people.

    `conversation` is locked by the caller, with contact and number loaded. Targets are ids, slugs
    or names; without any (or with unknown ones) the number's default department, else the oldest.
    """

    conversation: Conversation
    department: str = ""
    queue: str = ""
    agent: str = ""
    priority: str = ""
    context: str = ""
    reason: str = "flow"


def hand_off(requests: list[HandOff], *, now: datetime) -> None:
    """Queue the threads for people (or give them to the named agent), with what the bot learned as a note."""
    if not requests:
        return
    teams = Teams.load(
        requests[0].conversation.organization_id, agents={request.agent for request in requests if request.agent}
    )
    lines: list[ConversationEvent] = []
    notes: list[Message] = []
    for request in requests:
        row = request.conversation
        _pass_to_people(row, request, teams, now=now)
        lines.append(
            timeline.line(
                row,
                "handoff",
                now=now,
                to="people",
                reason=request.reason,
                priority=row.priority,
                department=row.department.name if row.department else "",
            )
        )
        if request.context.strip():
            notes.append(timeline.note(row, request.context.strip()))
    Message.objects.bulk_create(notes)
    _write([request.conversation for request in requests], lines, now=now)


def resolve(rows: list[Conversation], *, now: datetime) -> None:
    """End threads whose flow says that all is done; those that people have or await stay."""
    over = [row for row in rows if row.status == _S.OPEN and row.is_bot_active]
    if not over:
        return
    for row in over:
        row.status, row.resolved_at, row.waiting_since, row.unread_count = _S.RESOLVED, now, None, 0
        row.lock_version += 1
    Conversation.objects.bulk_update(over, ["status", "resolved_at", "waiting_since", "unread_count", "lock_version"])
    ConversationEvent.objects.bulk_create([timeline.line(row, "resolved", now=now, reason="flow") for row in over])
    events.emit_many([draft for row in over for draft in rooms.changed(row, fields=["status"], now=now, by=None)])


def queue_unanswered(batch: InboundBatch) -> set[uuid.UUID]:
    """Inbound handler of last resort: whoever owns the thread sees it waiting, else it is queued."""
    waiting: list[Message] = []
    moved: list[tuple[Conversation, Message]] = []
    for message in batch.messages:
        row = message.conversation
        if row.status in {_S.OPEN, _S.PENDING}:
            moved.append((row, message))
        else:
            waiting.append(message)
    _mark_waiting(waiting)
    _move(moved, now=batch.now)
    return {message.pk for message in batch.messages}


def _mark_waiting(messages: list[Message]) -> None:
    """The customer waits again in a thread that people have already; keep the older instant."""
    for message in messages:
        row = message.conversation
        row.unread_count += 1
        row.waiting_since = row.waiting_since or message.created_at
    Conversation.objects.bulk_update([message.conversation for message in messages], ["unread_count", "waiting_since"])


def _move(moved: list[tuple[Conversation, Message]], *, now: datetime) -> None:
    if not moved:
        return
    teams = Teams.load(moved[0][0].organization_id)
    lines = []
    for row, message in moved:
        if _waits_for_nobody(row) and not teams.departments:
            row.unread_count += 1
            continue
        owner = row.current_agent_id if row.status == _S.PENDING else None
        if owner:
            row.status, row.snoozed_until = _S.ACTIVE, None
            row.waiting_since = row.waiting_since or message.created_at
        else:
            _pass_to_people(row, HandOff(conversation=row), teams, now=now)
            row.is_human_requested = False
            department = row.department.name if row.department else ""
            lines.append(timeline.line(row, "queued", now=now, department=department, reason="unanswered"))
        row.unread_count += 1
    _write([row for row, _ in moved], lines, now=now)


def _waits_for_nobody(row: Conversation) -> bool:
    """Return whether the thread was passed to people already, while there was no department."""
    return row.status == _S.OPEN and not row.is_bot_active and row.waiting_since is not None


def _pass_to_people(row: Conversation, request: HandOff, teams: Teams, *, now: datetime) -> None:
    agent = teams.agents.get(request.agent)
    queue = teams.queue(request.queue)
    department = (queue.department if queue else None) or teams.department(request.department)
    department = department or teams.default(row.number.default_department_id)
    row.department = department
    row.queue = queue or teams.queue_of(department)
    row.priority = VIP if row.contact.is_vip else PRIORITIES.get(request.priority, 0)
    row.is_bot_active = False
    row.is_human_requested = True
    row.handoff_at = now
    row.snoozed_until = None
    row.waiting_since = row.waiting_since or now
    row.current_agent = agent
    if agent is not None:
        row.status, row.assigned_at, row.queued_at = _S.ACTIVE, now, None
    elif department is not None:
        row.status, row.queued_at = _S.QUEUED, row.queued_at or now
    else:
        row.status = _S.OPEN


def _write(rows: list[Conversation], lines: list[ConversationEvent], *, now: datetime) -> None:
    for row in rows:
        row.lock_version += 1
    Conversation.objects.bulk_update(rows, _WRITTEN)
    ConversationEvent.objects.bulk_create(lines)
    drafts = [draft for row in rows for draft in rooms.changed(row, fields=["status"], now=now, by=None)]
    events.emit_many(drafts)


@dataclass(slots=True)
class Teams:
    """Departments, queues and agents of the organization, read once per slice."""

    departments: list[Department]
    queues: list[Queue]
    agents: dict[str, User] = field(default_factory=dict)

    @classmethod
    def load(cls, organization_id: uuid.UUID, *, agents: set[str] | None = None) -> Teams:
        """Read them (two small queries, three when agents are named)."""
        named = {text for text in agents or () if _is_uuid(text)}
        departments = list(Department.objects.filter(is_active=True, deleted_at=None).order_by("created_at"))
        by_id = {department.pk: department for department in departments}
        queues = list(
            Queue.objects.filter(is_active=True, deleted_at=None, department__in=by_id).order_by(
                "-priority", "created_at"
            )
        )
        for queue in queues:
            queue.department = by_id[queue.department_id]
        people = User.objects.filter(deleted_at=None, pk__in=named, is_active=True, organization_id=organization_id)
        return cls(departments, queues, {str(user.pk): user for user in people} if named else {})

    def department(self, text: str) -> Department | None:
        """Find a department by id, slug or name."""
        return next((row for row in self.departments if _named(row, text)), None)

    def queue(self, text: str) -> Queue | None:
        """Find a queue by id, slug or name."""
        return next((row for row in self.queues if _named(row, text)), None)

    def queue_of(self, department: Department | None) -> Queue | None:
        """Return the department's most important queue."""
        return next((row for row in self.queues if department and row.department_id == department.pk), None)

    def default(self, preferred: uuid.UUID | None) -> Department | None:
        """Return the preferred department, else the oldest."""
        chosen = next((row for row in self.departments if row.pk == preferred), None)
        return chosen or next(iter(self.departments), None)


def _named(row: Department | Queue, text: str) -> bool:
    wanted = text.strip().casefold()
    return bool(wanted) and wanted in {str(row.pk), row.slug.casefold(), row.name.casefold()}


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
