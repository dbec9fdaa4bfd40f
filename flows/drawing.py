"""The drawing of a flow: cards for nodes, lines for edges, as numbers and texts that a template turns into SVG.

Pure: takes the parsed graph (also one with errors) and words for handles; knows no language and no HTML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from textwrap import shorten, wrap
from typing import Final, Literal

from flows.engine.fields import Finding
from flows.engine.nodes.base import Node
from flows.engine.nodes.moves import Jump
from flows.layered import Box, Link, Point, Route, arrange

WIDTH: Final = 236.0
EXIT_WIDTH: Final = 132.0
HEAD: Final = 36.0
LINE: Final = 17.0
TEXT_COLUMNS: Final = 31
LINES_MAX: Final = 2
LETTER: Final = 7.2
EXIT_LETTER: Final = 6.0
_PLACEHOLDER: Final = re.compile(r"{{\s*([\w.]+)\s*(?:\|[^}]*)?}}")
CORNER: Final = 8.0

Level = Literal["", "info", "warning", "error"]
Naming = Callable[[Node, str], str]
_LEVELS: Final[tuple[Level, ...]] = ("", "info", "warning", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """A wired exit of a node: its word, and where its line begins."""

    handle: str
    text: str
    target: str
    x: float
    y: float
    width: float
    short: str

    @property
    def left(self) -> float:
        """Return where the word's shape begins, from the exit's own x."""
        return -self.width / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A node as it is drawn."""

    id: str
    kind: str
    label: str
    title: str
    excerpt: str
    lines: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float
    level: Level
    exits: tuple[Exit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An edge as it is drawn."""

    source: str
    target: str
    path: str
    back: bool
    jump: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Everything to draw, and the size of the sheet."""

    cards: tuple[Card, ...]
    lines: tuple[Line, ...]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Way:
    source: str
    target: str
    handle: str
    jump: bool = False


def draw(
    nodes: Mapping[str, Node],
    edges: Mapping[tuple[str, str], str],
    *,
    naming: Naming,
    findings: tuple[Finding, ...] | list[Finding] = (),
) -> Drawing:
    """Return the drawing. Edges from or to nodes that do not exist are left out; findings name them."""
    ways = _ways(nodes, edges)
    leaving: dict[str, list[_Way]] = {key: [] for key in nodes}
    for way in ways:
        leaving[way.source].append(way)
    texts = {key: _wrapped(node.excerpt()) for key, node in nodes.items()}
    boxes = {
        key: Box(
            width=max(WIDTH, EXIT_WIDTH * len(leaving[key])),
            height=HEAD + LINE * len(texts[key]) + (10 if texts[key] else 0),
        )
        for key in nodes
    }
    links = [
        Link(source=way.source, target=way.target, port=_port(leaving[way.source], way, boxes[way.source].width))
        for way in ways
    ]
    root = next((key for key, node in nodes.items() if node.type == "start"), "")
    layout = arrange(boxes, links, root=root)
    levels = _levels(findings)
    cards = tuple(
        _card(
            node,
            place=layout.places[key],
            box=boxes[key],
            lines=texts[key],
            level=levels.get(key, ""),
            ways=leaving[key],
            naming=naming,
        )
        for key, node in nodes.items()
    )
    lines = tuple(
        Line(source=way.source, target=way.target, path=path_of(route), back=route.back, jump=way.jump)
        for way, route in zip(ways, layout.routes, strict=True)
    )
    return Drawing(cards=cards, lines=lines, width=round(layout.width), height=round(layout.height))


def _ways(nodes: Mapping[str, Node], edges: Mapping[tuple[str, str], str]) -> list[_Way]:
    """Return the edges in the order of the exits, then those of jumps."""
    found: list[_Way] = []
    for key, node in nodes.items():
        known = [handle.name for handle in node.handles()]
        wired = [handle for (source, handle), target in edges.items() if source == key and target in nodes]
        wired.sort(key=lambda name: known.index(name) if name in known else len(known))
        found += [_Way(key, edges[key, handle], handle) for handle in wired]
        if isinstance(node, Jump) and node.target == "node" and node.node_id in nodes:
            found.append(_Way(key, node.node_id, "", jump=True))
    return found


def _port(ways: list[_Way], way: _Way, width: float) -> float:
    return width * (ways.index(way) + 0.5) / len(ways)


def _card(
    node: Node,
    *,
    place: Point,
    box: Box,
    lines: tuple[str, ...],
    level: Level,
    ways: list[_Way],
    naming: Naming,
) -> Card:
    exits = []
    room = box.width / max(1, len(ways)) - 6
    for way in ways:
        text = naming(node, way.handle)
        short = _cut(text, int((room - 12) / EXIT_LETTER))
        exits.append(
            Exit(
                handle=way.handle,
                text=text,
                short=short,
                target=way.target,
                x=place[0] + _port(ways, way, box.width),
                y=place[1] + box.height,
                width=min(room, len(short) * EXIT_LETTER + 14),
            )
        )
    title = node.label or node.id
    return Card(
        id=node.id,
        kind=node.type,
        label=_cut(title, int((box.width - 52) / LETTER)),
        title=title,
        excerpt=node.excerpt(),
        lines=lines,
        x=place[0],
        y=place[1],
        width=box.width,
        height=box.height,
        level=level,
        exits=tuple(exits),
    )


def _levels(findings: tuple[Finding, ...] | list[Finding]) -> dict[str, Level]:
    """Return the worst finding of each node."""
    worst: dict[str, Level] = {}
    for finding in findings:
        known = worst.get(finding.node_id, "")
        worst[finding.node_id] = max(known, finding.level, key=_LEVELS.index)
    return worst


def _cut(text: str, columns: int) -> str:
    return text if len(text) <= columns else text[: max(1, columns - 1)].rstrip() + "…"


def _wrapped(text: str) -> tuple[str, ...]:
    """Break a text into the lines of a card; placeholders are shown by their names."""
    text = _PLACEHOLDER.sub(r"{\1}", text)
    short = shorten(text, TEXT_COLUMNS * LINES_MAX, placeholder="…") if text.strip() else ""
    if short == "…":  # one long word
        short = _cut(" ".join(text.split()), TEXT_COLUMNS * LINES_MAX)
    lines = wrap(short, TEXT_COLUMNS, break_long_words=True)
    if len(lines) > LINES_MAX:
        lines = [*lines[: LINES_MAX - 1], _cut(" ".join(lines[LINES_MAX - 1 :]), TEXT_COLUMNS)]
    return tuple(lines)


def path_of(route: Route) -> str:
    """Return the route as the `d` of an SVG path."""
    return _angular(route.points) if route.around else _curved(route.points)


def _curved(points: tuple[Point, ...]) -> str:
    """Lead through the points, always leaving and arriving vertically."""
    parts = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        if (x1, y1) == (x2, y2):
            continue
        if abs(x1 - x2) < 0.5:
            parts.append(f"L{_n(x2)} {_n(y2)}")
        else:
            pull = (y2 - y1) / 2
            parts.append(f"C{_n(x1)} {_n(y1 + pull)} {_n(x2)} {_n(y2 - pull)} {_n(x2)} {_n(y2)}")
    return "".join(parts)


def _angular(points: tuple[Point, ...]) -> str:
    """Lead along horizontal and vertical lines with rounded corners."""
    parts = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        near, far = _towards(corner, before), _towards(corner, after)
        parts.append(f"L{_n(near[0])} {_n(near[1])}Q{_n(corner[0])} {_n(corner[1])} {_n(far[0])} {_n(far[1])}")
    parts.append(f"L{_n(points[-1][0])} {_n(points[-1][1])}")
    return "".join(parts)


def _towards(corner: Point, other: Point) -> Point:
    """Return the point a corner's radius away from it."""
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    length = abs(dx) + abs(dy)
    if length == 0:
        return corner
    reach = min(CORNER, length / 2)
    return corner[0] + dx / length * reach, corner[1] + dy / length * reach


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
