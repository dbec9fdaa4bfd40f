"""What a turn asks the world to do. The engine itself does nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from conversations.content import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send this to the contact, after what was sent before."""

    content: Content
    node_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTimer:
    """Deliver TimerFired with this token at `due_at`."""

    kind: str
    node_id: str
    due_at: datetime
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTimers:
    """Forget the timers that this session still has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOff:
    """Pass the conversation to people. Targets are ids, slugs or names."""

    department: str = ""
    queue: str = ""
    agent: str = ""
    priority: str = ""
    context: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The session is over. `then` says what becomes of the thread: none, resolve."""

    reason: str
    outcome: str = ""
    then: str = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A node was executed and left by `handle` ("" when it waits or ends)."""

    node_id: str
    node_type: str
    handle: str = ""
    error_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something an author should know; written to the session's log."""

    node_id: str
    code: str
    details: Mapping[str, Any] = field(default_factory=dict)


Effect: TypeAlias = Send | SetTimer | CancelTimers | HandOff | Ended | Visit | Warned
