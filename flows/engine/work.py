"""A turn in the making: the mutable desk on which nodes work while `step` runs. Never leaves the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import orjson

from conversations import content
from conversations.content import Content
from flows.engine.effects import Effect, Send, SetTimer, Warned
from pytake.core import text
from pytake.core.expressions.scope import Budget, Scope
from pytake.core.templating import Template

if TYPE_CHECKING:
    from flows.engine.program import Program

MESSAGES_MAX: Final = 20
VARIABLE_MAX: Final = 64 * 1024
VARIABLES_MAX: Final = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Env:
    """What a turn may know of the world. `load_program` gives the published version of a flow by its id,
    `get_program` a version by its own id; both may return None.
    """

    now: datetime
    zone: ZoneInfo
    rng: Random
    contact: Mapping[str, Any] = field(default_factory=dict)
    system: Mapping[str, Any] = field(default_factory=dict)
    globals: Mapping[str, Any] = field(default_factory=dict)
    channel: str = "official"
    language: str = "pt-br"
    load_program: Callable[[str], Program | None] = lambda _flow_id: None
    get_program: Callable[[str], Program | None] = lambda _program_id: None


class NodeError(Exception):
    """A node could not do its work; `code` names why. Followed to the handle `error` or `settings.on_error`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True, kw_only=True)
class Work:
    """Variables and effects of the running turn."""

    program: Program
    env: Env
    variables: dict[str, Any]
    question: dict[str, Any]
    effects: list[Effect] = field(default_factory=list)
    sent: int = 0
    # Characters stored during this turn, an upper bound of growth.
    size: int = 0
    node_id: str = ""
    _scope: Scope | None = field(default=None, init=False, repr=False)

    def scope(self) -> Scope:
        """Return what one template or expression may see, with a budget of its own; not for two at a time."""
        if self._scope is None:
            self._scope = Scope(lookup=self.lookup, now=self.env.now, zone=self.env.zone, rng=self.env.rng)
        else:
            self._scope.budget = Budget()
        return self._scope

    def close(self) -> None:
        """Part with the scope, which knows this object: without the circle both are freed at once."""
        self._scope = None

    def lookup(self, name: str) -> Any:
        """Return a variable, else the flow's default, the chatbot's global, a root or a system shortcut."""
        if name in self.variables:
            return self.variables[name]
        if name == "contact":
            return self.env.contact
        if name == "system":
            return self.env.system
        if name in self.program.defaults:
            return self.program.defaults[name]
        if name in self.env.globals:
            return self.env.globals[name]
        return self.env.system.get(name) if name in {"now", "today", "phone", "message"} else None

    def set(self, name: str, value: Any) -> None:
        """Store a variable; too large a value raises NodeError."""
        kind = type(value)
        if kind is str or kind is list or kind is dict:
            size = len(value) if kind is str else _size(value)
            if size > VARIABLE_MAX:
                raise NodeError("variable_too_large", f"{name} is larger than {VARIABLE_MAX} characters")
            self.size += size
        self.variables[name] = value

    def render(self, template: Template) -> str:
        """Return a text with its values."""
        return template.constant if template.constant is not None else template.render(self.scope())

    def say(self, body: str) -> None:
        """Send a text, cut into several if it is long; empty text sends nothing."""
        body = body.strip()
        if 0 < len(body) <= content.TEXT_MAX:
            self.send(content.Text(body=body))
            return
        for part in text.split(body, content.TEXT_MAX):
            self.send(content.Text(body=part))

    def send(self, message: Content) -> None:
        """Add a message to what the turn sends; menus become numbered text where buttons do not exist."""
        if self.sent >= MESSAGES_MAX:
            self.effects.append(Warned(node_id=self.node_id, code="too_many_messages"))
            return
        self.sent += 1
        if self.env.channel != "official" and not isinstance(message, content.Text):
            message = content.Text(body=message.as_numbered_text()[: content.TEXT_MAX])
        self.effects.append(Send(content=message, node_id=self.node_id))

    def set_timer(self, kind: str, after: timedelta) -> None:
        """Ask for TimerFired; its token is remembered, so that an older timer is recognised as stale."""
        token = f"{self.env.rng.getrandbits(64):016x}"
        self.question["token"] = token
        self.effects.append(SetTimer(kind=kind, node_id=self.node_id, due_at=self.env.now + after, token=token))

    def warn(self, code: str, **details: Any) -> None:
        """Note something for authors."""
        self.effects.append(Warned(node_id=self.node_id, code=code, details=details))


def _size(value: Any) -> int:
    """Return about how many characters a list or object takes when stored."""
    try:
        return len(orjson.dumps(value))
    except TypeError:
        # JSON of ours may hold larger numbers than orjson writes.
        return len(str(value))
