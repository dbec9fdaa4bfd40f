"""From JSON to a program: the graph parsed once, with every template, expression and pattern compiled."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flows.engine.fields import EMPTY, Fields, Finding, Wording
from flows.engine.nodes.base import Node
from flows.engine.nodes.registry import NODE_TYPES, PLANNED

SCHEMA: Final = "pytake.flow/1"
NODES_MAX: Final = 500
EDGES_MAX: Final = 1000
JSON_MAX: Final = 1024 * 1024
_ID: Final = re.compile(r"^[A-Za-z0-9_-]{1,64}$")
_NAME: Final = re.compile(r"^[a-z_][a-z0-9_]{0,63}$")
_TOP_KEYS: Final = {"schema", "variables", "settings", "nodes", "edges", "viewport", "name", "description"}
RESERVED: Final = frozenset(
    {
        "contact", "system", "secrets", "flow", "chatbot", "recipient", "row", "function",
        "true", "false", "null", "and", "or", "not", "in", "if",
    }
)  # fmt: skip


class GraphInvalidError(ValueError):
    """The graph cannot be compiled; `findings` say which node and why."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(f"{item.node_id or 'graph'}: {item.message}" for item in findings[:5]))
        self.findings = findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of the whole flow."""

    session_ttl_hours: int = 24
    on_error: str = "handoff"
    fallback_message: Wording = EMPTY
    default_max_attempts: int = 3
    response_timeout_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A compiled flow version. `id` is the version's id; sessions are pinned to it."""

    id: str
    start: str
    nodes: Mapping[str, Node]
    edges: Mapping[tuple[str, str], str]
    settings: Settings
    defaults: Mapping[str, Any]
    pii: frozenset[str]
    # Which nodes show a button or row with this id: late taps find their way back.
    reply_index: Mapping[str, tuple[str, ...]]

    def next_of(self, node_id: str, handle: str) -> str | None:
        """Return the node that a handle leads to, or None."""
        return self.edges.get((node_id, handle))

    def has_edge(self, node_id: str, handle: str) -> bool:
        """Return whether a handle is wired."""
        return (node_id, handle) in self.edges


@dataclass(slots=True)
class Parsed:
    """What parsing made of a graph, with the errors it met."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str], str] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    defaults: dict[str, Any] = field(default_factory=dict)
    pii: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)

    def fail(self, code: str, message: str, **where: str) -> None:
        """Add an error."""
        self.findings.append(Finding(level="error", code=code, message=message, **where))


def compile_graph(raw: Any, *, program_id: str = "") -> Program:
    """Return the program of a graph; raises GraphInvalidError when it cannot run."""
    parsed = parse(raw)
    starts = [node.id for node in parsed.nodes.values() if node.type == "start"]
    if len(starts) != 1:
        parsed.fail("one_start", f"a flow has exactly one start, not {len(starts)}")
    if parsed.findings:
        raise GraphInvalidError(parsed.findings)
    index: dict[str, tuple[str, ...]] = {}
    for node in parsed.nodes.values():
        for reply_id in node.reply_ids():
            index[reply_id] = (*index.get(reply_id, ()), node.id)
    return Program(
        id=program_id,
        start=starts[0],
        nodes=parsed.nodes,
        edges=parsed.edges,
        settings=parsed.settings,
        defaults=parsed.defaults,
        pii=frozenset(parsed.pii),
        reply_index=index,
    )


def parse(raw: Any) -> Parsed:
    """Return nodes, edges and settings as far as they can be read; never raises."""
    parsed = Parsed()
    if not isinstance(raw, Mapping):
        parsed.fail("wrong_type", "a flow is a JSON object")
        return parsed
    if raw.get("schema") != SCHEMA:
        parsed.fail("schema", f"the schema must be {SCHEMA}")
    for key in sorted(set(raw) - _TOP_KEYS):
        parsed.fail("unknown_key", f"{key}: this key is not known here")
    if len(json.dumps(raw, default=str)) > JSON_MAX:
        parsed.fail("too_large", "the flow is larger than 1 MB")
    _settings(raw.get("settings") or {}, parsed)
    _variables(raw.get("variables") or [], parsed)
    _nodes(raw.get("nodes") or [], parsed)
    _edges(raw.get("edges") or [], parsed)
    return parsed


def _settings(raw: Any, parsed: Parsed) -> None:
    if not isinstance(raw, Mapping):
        parsed.fail("wrong_type", "settings: an object is expected")
        return
    fields = Fields("", raw, parsed.findings, prefix="settings.")
    for key in ("window_closed_template", "coalesce_seconds", "merge_bubbles"):
        fields.get(key)
    parsed.settings = Settings(
        session_ttl_hours=fields.integer("session_ttl_hours", 24, 1, 72) or 24,
        on_error=fields.one_of("on_error", ("handoff", "end", "message_and_end"), "handoff"),
        fallback_message=fields.wording("fallback_message"),
        default_max_attempts=fields.integer("default_max_attempts", 3, 1, 10) or 3,
        response_timeout_s=fields.integer("response_timeout_seconds", None, 10, 30 * 86400),
    )
    fields.finish()


def _variables(raw: Any, parsed: Parsed) -> None:
    if not isinstance(raw, list) or len(raw) > 200:
        parsed.fail("wrong_type", "variables: a list of at most 200 objects is expected")
        return
    for item in raw:
        name = item.get("name") if isinstance(item, Mapping) else None
        if not isinstance(name, str) or not _NAME.match(name) or name in RESERVED:
            parsed.fail("variable_name", f"variables: {name!r} is not a name for a variable")
            continue
        parsed.defaults[name] = item.get("default")
        if item.get("pii"):
            parsed.pii.add(name)


def _nodes(raw: Any, parsed: Parsed) -> None:
    if not isinstance(raw, list) or len(raw) > NODES_MAX:
        parsed.fail("count", f"nodes: a list of at most {NODES_MAX} is expected")
        return
    for item in raw:
        if not isinstance(item, Mapping):
            parsed.fail("wrong_type", "nodes: objects are expected")
            continue
        node = _node(item, parsed)
        if node is None:
            continue
        if node.id in parsed.nodes:
            parsed.fail("duplicate_id", f"the id {node.id} is used twice", node_id=node.id)
        parsed.nodes[node.id] = node


def _node(item: Mapping[str, Any], parsed: Parsed) -> Node | None:
    node_id, kind, data = str(item.get("id") or ""), str(item.get("type") or ""), item.get("data") or {}
    if not _ID.match(node_id):
        parsed.fail("node_id", f"{node_id!r} is not an id for a node")
        return None
    found = NODE_TYPES.get(kind)
    if found is None:
        code, text = ("not_supported_yet", "does not run yet") if kind in PLANNED else ("unknown_type", "is not known")
        parsed.fail(code, f"the node type {kind!r} {text}", node_id=node_id, fix="Replace the node.")
        return None
    if not isinstance(data, Mapping):
        parsed.fail("wrong_type", "data: an object is expected", node_id=node_id)
        return None
    fields = Fields(node_id, data, parsed.findings)
    node = found.parse(fields, id=node_id, label=str(item.get("label") or ""))
    fields.finish()
    for name in node.assigns():
        if not _NAME.match(name) or name in RESERVED:
            parsed.fail("variable_name", f"{name!r} is not a name for a variable", node_id=node_id)
    return node


def _edges(raw: Any, parsed: Parsed) -> None:
    if not isinstance(raw, list) or len(raw) > EDGES_MAX:
        parsed.fail("count", f"edges: a list of at most {EDGES_MAX} is expected")
        return
    for item in raw:
        if not isinstance(item, Mapping):
            parsed.fail("wrong_type", "edges: objects are expected")
            continue
        source, target = str(item.get("source") or ""), str(item.get("target") or "")
        handle = str(item.get("sourceHandle") or "next")
        if (source, handle) in parsed.edges:
            parsed.fail("duplicate_edge", "two edges leave by this handle", node_id=source, handle=handle)
        parsed.edges[source, handle] = target
