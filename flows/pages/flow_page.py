"""What the page of a flow shows: the graph drawn and as an outline, findings, the text of the draft, versions."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.http import Http404

from flows import publishing
from flows.drawing import Card, Drawing, draw
from flows.engine.program import parse
from flows.models import Flow, FlowVersion
from flows.pages import listing, words
from flows.pages.forms import DraftForm, ImportForm, PublishForm
from pytake.accounts.models import User

TABS: Final = ("drawing", "json", "versions")
VERSIONS_SHOWN: Final = 100
_GRAPH_KEYS: Final = ("schema", "name", "description", "variables", "settings", "nodes", "edges", "viewport")
_NODE_KEYS: Final = ("id", "type", "label", "position", "data")
_EDGE_KEYS: Final = ("id", "source", "sourceHandle", "target", "targetHandle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A node in the outline."""

    id: str
    title: str
    kind: words.Text
    icon: str
    excerpt: str
    exits: list[dict[str, str]]
    findings: list[words.Shown]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A graph as people see it."""

    drawing: Drawing
    cards: list[dict[str, Any]]
    steps: list[Step]
    findings: list[words.Shown]

    @property
    def errors(self) -> int:
        """Return how many findings block publishing."""
        return sum(finding.level == "error" for finding in self.findings)

    @property
    def warnings(self) -> int:
        """Return how many findings are doubts only."""
        return sum(finding.level == "warning" for finding in self.findings)


def find(user: User, pk: uuid.UUID) -> Flow:
    """Return a flow that the person may see; 404 for others."""
    rows = Flow.objects.visible_to(user).alive().filter(chatbot__deleted_at=None)
    flow = rows.select_related("chatbot", "published_version", "draft_updated_by").filter(pk=pk).first()
    if flow is None:
        raise Http404
    return flow


def version_of(flow: Flow, number: str | int) -> FlowVersion | None:
    """Return a version by its number; None if there is none."""
    text = str(number)
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        return None
    return FlowVersion.objects.filter(flow=flow, number=int(text)).first()


def sheet(flow: Flow, graph: Any) -> Sheet:
    """Draw and check a graph."""
    parsed = parse(graph)
    findings = publishing.findings(flow, graph)
    shown = words.shown(findings, parsed.nodes)
    drawing = draw(parsed.nodes, parsed.edges, naming=words.exit_name, findings=findings)
    titles = {card.id: card.title for card in drawing.cards}
    ordered = sorted(drawing.cards, key=lambda card: (card.y, card.x))
    return Sheet(
        drawing=drawing,
        cards=[{"card": card, "kind": words.kind(card.kind), "icon": words.icon(card.kind)} for card in ordered],
        steps=[_step(card, titles, shown) for card in ordered],
        findings=shown,
    )


def _step(card: Card, titles: dict[str, str], findings: Sequence[words.Shown]) -> Step:
    return Step(
        id=card.id,
        title=card.title,
        kind=words.kind(card.kind),
        icon=words.icon(card.kind),
        excerpt=card.excerpt,
        exits=[{"text": way.text, "target": way.target, "title": titles[way.target]} for way in card.exits],
        findings=[finding for finding in findings if finding.node_id == card.id],
    )


def as_text(graph: Any) -> str:
    """Return a graph as the editor shows it."""
    return json.dumps(ordered(graph or publishing.EMPTY_GRAPH), indent=2, ensure_ascii=False)


def ordered(graph: Any) -> Any:
    """Return a graph with its keys in the order of the schema: the database forgets theirs."""
    if not isinstance(graph, dict):
        return graph
    sorted_graph = _sorted(graph, _GRAPH_KEYS)
    for key, order in (("nodes", _NODE_KEYS), ("edges", _EDGE_KEYS)):
        if isinstance(found := sorted_graph.get(key), list):
            sorted_graph[key] = [_sorted(item, order) if isinstance(item, dict) else item for item in found]
    return sorted_graph


def _sorted(value: dict[str, Any], order: tuple[str, ...]) -> dict[str, Any]:
    known = {key: value[key] for key in order if key in value}
    return {**known, **value}


def context(flow: Flow, user: User, *, tab: str, version: FlowVersion | None = None, **more: Any) -> dict[str, Any]:
    """Return what the templates need; `more` replaces forms and adds notices."""
    graph = version.graph if version else flow.draft or publishing.EMPTY_GRAPH
    shown = {
        "flow": flow,
        "tab": tab if tab in TABS else TABS[0],
        "version": version,
        "sheet": sheet(flow, graph),
        "state": listing.state_of(flow),
        "can_edit": user.can("chatbots.edit"),
        "can_create": user.can("chatbots.create"),
        "can_publish": user.can("chatbots.publish"),
        "can_test": user.can("chatbots.test"),
        "publish_form": PublishForm(initial={"draft_version": flow.draft_version}),
        **more,
    }
    if shown["tab"] == "json":
        shown.setdefault("form", DraftForm(initial={"graph": as_text(graph), "draft_version": flow.draft_version}))
        shown.setdefault("import_form", ImportForm(initial={"draft_version": flow.draft_version}, prefix="import"))
    if shown["tab"] == "versions":
        rows = FlowVersion.objects.filter(flow=flow).select_related("published_by").defer("graph")
        shown["versions"] = list(rows.order_by("-number")[:VERSIONS_SHOWN])
    return shown
