"""What every node type is: data parsed once, and what happens on entering it and on an event while it waits.

A new type is one module beside this one and a line in `registry`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final, TypeAlias

from flows.engine.events import Event
from flows.engine.fields import Fields
from flows.engine.work import Work
from pytake.core.templating import Template


@dataclass(frozen=True, slots=True)
class Handle:
    """A named exit. Those that are required must be wired before publishing."""

    name: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Go:
    """Leave by a handle."""

    handle: str = "next"
    error_code: str = ""


@dataclass(frozen=True, slots=True)
class Stay:
    """Wait for the contact, or sleep until a timer."""

    sleeping: bool = False


@dataclass(frozen=True, slots=True)
class JumpTo:
    """Go on at a node of this flow."""

    node_id: str


@dataclass(frozen=True, slots=True)
class CallFlow:
    """Go on in another flow; come back to handle `return` if asked to."""

    flow_id: str
    returns: bool
    variables: dict[str, object]
    return_variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finish:
    """End the session (or return to the flow that called this one)."""

    reason: str = "completed"
    outcome: str = ""
    then: str = "none"


NEXT: Final = Go()
STAY: Final = Stay()
Outcome: TypeAlias = Go | Stay | JumpTo | CallFlow | Finish


@lru_cache(maxsize=4096)
def leaving_by(handle: str) -> Go:
    """Return the outcome of leaving by a handle; there are few, and they are needed all the time."""
    return Go(handle)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A step of a flow."""

    type: ClassVar[str] = ""
    # Whether the session stops here for a person or a timer; loops must contain such a node.
    waits: ClassVar[bool] = False

    id: str
    label: str = ""

    @classmethod
    def parse(cls, fields: Fields, *, id: str, label: str) -> Node:  # noqa: A002  # the word of the schema
        """Return the node; errors go to `fields.findings`."""
        raise NotImplementedError

    def handles(self) -> tuple[Handle, ...]:
        """Return the exits."""
        return (Handle("next"),)

    def enter(self, work: Work) -> Outcome:
        """Do the node's work."""
        raise NotImplementedError

    def receive(self, work: Work, event: Event) -> Outcome:
        """Take an event while waiting here."""
        return NEXT

    def templates(self) -> Iterable[Template]:
        """Return the texts with placeholders (for the checks)."""
        return ()

    def assigns(self) -> Iterable[str]:
        """Return the variables that this node sets."""
        return ()

    def reply_ids(self) -> Iterable[str]:
        """Return the ids of buttons and rows fixed in the graph (late taps find their node by them)."""
        return ()

    def excerpt(self) -> str:
        """Return what a drawing of the flow shows of it."""
        return ""
