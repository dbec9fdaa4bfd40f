"""The session of a conversation as agents see it: where it stands, what it knows, which way it came."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from conversations.models import Conversation
from flows import programs
from flows.engine.nodes.base import Node
from flows.models import ConversationLog, ConversationState
from flows.pages import values, words
from pytake.accounts.models import User

LINES_SHOWN: Final = 120


@dataclass(slots=True, kw_only=True)
class Stop:
    """A node on the way: when the bot spoke there, and what the customer answered."""

    node_id: str
    title: str
    icon: str
    at: datetime
    answers: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def newest(conversation: Conversation) -> ConversationState | None:
    """Return the session that is alive, else the last one."""
    rows = ConversationState.objects.filter(conversation=conversation, is_test=False)
    return rows.select_related("flow", "flow_version").order_by("-is_active", "-started_at").first()


def described(session: ConversationState, user: User) -> dict[str, Any]:
    """Return what the panel shows. Who may not see contacts in full sees no values."""
    program = programs.get(session.flow_version_id) if session.flow_version_id else None
    nodes = program.nodes if program else {}
    node = nodes.get(session.current_node_id)
    full = user.can("contacts.view_full")
    return {
        "session": session,
        "where": _title(node, session.current_node_id),
        "where_icon": words.icon(node.type if node else ""),
        "ended": words.end(session.end_reason),
        "variables": values.shown(session.variables or {}, masked=not full),
        "masked": not full,
        "stops": _stops(session, nodes, full=full),
    }


def _stops(session: ConversationState, nodes: Any, *, full: bool) -> list[Stop]:
    """Group the last lines of the log by node, in the order of time."""
    lines = list(ConversationLog.objects.filter(session=session).order_by("-sequence")[:LINES_SHOWN])
    stops: list[Stop] = []
    for line in reversed(lines):
        if line.direction == "in":
            if stops:
                stops[-1].answers.append(line.user_message if full else values.MASK)
            continue
        if not stops or stops[-1].node_id != line.node_id:
            node = nodes.get(line.node_id)
            title, icon = _title(node, line.node_id), words.icon(node.type if node else "")
            stops.append(Stop(node_id=line.node_id, title=title, icon=icon, at=line.timestamp))
        if line.direction == "note":
            stops[-1].warnings.append(str((line.extra_data or {}).get("warning", "")))
    return stops


def _title(node: Node | None, node_id: str) -> str:
    return (node.label or node.id) if node else node_id
