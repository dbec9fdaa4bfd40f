"""What is wrong with a graph, found before it is published. Structure only; names of rows are checked above."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flows.engine.fields import Finding
from flows.engine.nodes.base import Node
from flows.engine.nodes.moves import Jump
from flows.engine.program import RESERVED, Parsed, parse

# Names that templates may use besides the flow's variables.
_SYSTEM = RESERVED | {"now", "today", "phone", "message", "this", "index"}


def check(raw: Mapping[str, Any], *, known: frozenset[str] = frozenset()) -> list[Finding]:
    """Return all findings of a graph: errors block publishing, warnings and infos do not.

    `known` are further variables (the chatbot's globals).
    """
    parsed = parse(raw)
    findings = list(parsed.findings)
    if not parsed.nodes:
        findings.append(Finding(level="error", code="empty", message="the flow has no nodes", fix="Add a start."))
        return findings
    findings.extend(_starts(parsed))
    findings.extend(_wiring(parsed))
    findings.extend(_reach(parsed))
    findings.extend(_loops(parsed))
    findings.extend(_names(parsed, known))
    return findings


def blocking(findings: list[Finding]) -> list[Finding]:
    """Return the errors."""
    return [finding for finding in findings if finding.level == "error"]


def _error(code: str, message: str, node: str = "", handle: str = "", *, fix: str = "") -> Finding:
    return Finding(level="error", code=code, message=message, node_id=node, handle=handle, fix=fix)


def _starts(parsed: Parsed) -> Iterator[Finding]:
    starts = [node.id for node in parsed.nodes.values() if node.type == "start"]
    if not starts:
        yield _error("one_start", "the flow has no start", fix="Add a start node.")
    for extra in starts[1:]:
        yield _error("one_start", "the flow has more than one start", extra, fix="Remove this start.")


def _wiring(parsed: Parsed) -> Iterator[Finding]:
    for (source, handle), target in parsed.edges.items():
        node = parsed.nodes.get(source)
        if node is None:
            yield _error("dangling_edge", f"an edge leaves {source!r}, which does not exist", source, handle)
            continue
        if handle not in {leaving.name for leaving in node.handles()}:
            yield _error("unknown_handle", f"the node has no exit {handle!r}", source, handle, fix="Remove the edge.")
        if target not in parsed.nodes:
            yield _error("dangling_edge", f"the edge leads to {target!r}, which does not exist", source, handle)
    for node in parsed.nodes.values():
        yield from _unwired(node, parsed)


def _unwired(node: Node, parsed: Parsed) -> Iterator[Finding]:
    if isinstance(node, Jump) and node.target == "node" and node.node_id not in parsed.nodes:
        yield _error("missing_target", f"the jump leads to {node.node_id!r}, which does not exist", node.id)
    exits = [leaving.name for leaving in node.handles() if leaving.required]
    for name in exits:
        if (node.id, name) in parsed.edges:
            continue
        if name == "next" and len(exits) == 1:
            yield Finding(
                level="warning", code="ends_here", message="the conversation ends here", node_id=node.id,
                handle=name, fix="Connect the exit or add an end node.",
            )  # fmt: skip
        else:
            yield _error("missing_edge", f"the exit {name!r} leads nowhere", node.id, name, fix="Connect the exit.")


def _targets(parsed: Parsed) -> dict[str, list[str]]:
    """Return where each node may lead."""
    targets: dict[str, list[str]] = {node_id: [] for node_id in parsed.nodes}
    for (source, _), target in parsed.edges.items():
        if source in targets and target in targets:
            targets[source].append(target)
    for node in parsed.nodes.values():
        if isinstance(node, Jump) and node.node_id in targets:
            targets[node.id].append(node.node_id)
    return targets


def _reach(parsed: Parsed) -> Iterator[Finding]:
    targets = _targets(parsed)
    seen = {node.id for node in parsed.nodes.values() if node.type == "start"}
    waiting = list(seen)
    while waiting:
        for target in targets[waiting.pop()]:
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    for node_id in parsed.nodes:
        if node_id not in seen:
            yield _error("unreachable", "nothing leads to this node", node_id, fix="Connect it or remove it.")


def _loops(parsed: Parsed) -> Iterator[Finding]:
    """Find cycles in which no node waits: peel off nodes without automatic successors until none is left."""
    targets = {
        node_id: {target for target in found if not _rests(parsed.nodes[target])}
        for node_id, found in _targets(parsed).items()
        if not _rests(parsed.nodes[node_id])
    }
    peeled = True
    while peeled:
        done = [node_id for node_id, found in targets.items() if not found & targets.keys()]
        for node_id in done:
            del targets[node_id]
        peeled = bool(done)
    for node_id in targets:
        if any(node_id in targets.get(other, ()) for other in targets):
            yield _error(
                "loop_without_wait", "the flow runs in a circle here without asking anything", node_id,
                fix="Put a question or a delay into the circle.",
            )  # fmt: skip


def _rests(node: Node) -> bool:
    menu = getattr(node, "menu", None)
    return node.waits or menu is not None


def _names(parsed: Parsed, known: frozenset[str]) -> Iterator[Finding]:
    """Warn of variables that are used but never set, and of those set but never used."""
    assigned = {name for node in parsed.nodes.values() for name in node.assigns()}
    expected = {name for node in parsed.nodes.values() for name in getattr(node, "expected_variables", ())}
    declared = assigned | set(parsed.defaults) | expected | known | _SYSTEM
    for node in parsed.nodes.values():
        used = {name for template in node.templates() for name in template.names()}
        for name in sorted(used - declared):
            yield Finding(
                level="warning", code="unknown_variable", message=f"{name!r} is never set and shows as empty",
                node_id=node.id, fix="Set the variable or correct its name.",
            )  # fmt: skip
