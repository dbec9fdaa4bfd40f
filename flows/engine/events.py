"""What can happen to a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The session begins. `text` is the message that caused it; it is never taken as an answer."""

    text: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The contact wrote or tapped. `kind` is text, button, list or the type of another message.

    `reply_id` is the id of the tapped button or row; `payload` describes media, places and contacts.
    """

    text: str = ""
    reply_id: str = ""
    kind: str = "text"
    payload: Mapping[str, Any] = field(default_factory=dict)
    message_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFired:
    """A timer that the engine asked for is due; `token` says which one."""

    kind: str
    node_id: str
    token: str


Event: TypeAlias = Start | Reply | TimerFired
