"""Placing boxes in layers from top to bottom, and leading lines between them. Pure geometry.

The classical steps: find the links that go back, lay the others in layers (longest path), order each
layer by the middle of its neighbours, place it as near to them as the boxes allow. Links that go back,
or far, run in a gutter on the right, so that they never cross a box.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, TypeAlias

Point: TypeAlias = tuple[float, float]

MARGIN: Final = 24.0
BETWEEN: Final = 32.0
GAP: Final = 64.0
TRACK: Final = 10.0
LANE: Final = 14.0
LABEL_ZONE: Final = 34.0
FAR: Final = 6
SWEEPS: Final = 8
TIDIED_MAX: Final = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """The size of a box."""

    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A line from one box to another; `port` is where it leaves, counted from the left of the source."""

    source: str
    target: str
    port: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The points of a line. Straight ones have rounded corners (`around`), others are curves."""

    points: tuple[Point, ...]
    around: bool = False
    back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Left upper corners by box, routes in the order of the links, and the size of everything."""

    places: dict[str, Point]
    routes: tuple[Route, ...]
    width: float
    height: float


@dataclass(slots=True)
class _Spot:
    """A box, or the point where a long line passes a layer."""

    width: float
    layer: int
    height: float = 0.0
    x: float = 0.0  # of the middle
    above: list[tuple[_Spot, float]] = field(default_factory=list)  # with where the line leaves it, from the middle
    below: list[tuple[_Spot, float]] = field(default_factory=list)


def arrange(boxes: Mapping[str, Box], links: Sequence[Link], *, root: str = "") -> Layout:
    """Return where everything goes. Links between unknown boxes are not allowed."""
    back = _going_back(boxes, links, root)
    layer_of = _layers(boxes, [link for index, link in enumerate(links) if index not in back])
    gutter = {
        index
        for index, link in enumerate(links)
        if index in back or layer_of[link.target] - layer_of[link.source] > FAR
    }
    spots = {key: _Spot(box.width, layer_of[key], box.height) for key, box in boxes.items()}
    layers: list[list[_Spot]] = [[] for _ in range(max(layer_of.values(), default=0) + 1)]
    for key in _in_order(boxes, links, root):
        layers[layer_of[key]].append(spots[key])
    chains = {index: _chain(spots, layers, link) for index, link in enumerate(links) if index not in gutter}
    _order(layers)
    _place(layers)
    return _measured(boxes, links, spots=spots, layers=layers, chains=chains, back=back)


def _starts(boxes: Mapping[str, Box], root: str) -> list[str]:
    return [root, *(key for key in boxes if key != root)] if root in boxes else list(boxes)


def _going_back(boxes: Mapping[str, Box], links: Sequence[Link], root: str) -> set[int]:
    """Return the links that close a circle, seen from the root."""
    leaving: dict[str, list[int]] = {key: [] for key in boxes}
    for index, link in enumerate(links):
        leaving[link.source].append(index)
    found: set[int] = set()
    done: set[str] = set()
    for start in _starts(boxes, root):
        if start in done:
            continue
        open_now, stack = {start}, [(start, iter(leaving[start]))]
        while stack:
            key, rest = stack[-1]
            following: int | None = next(rest, None)
            if following is None:
                stack.pop()
                open_now.discard(key)
                done.add(key)
            elif (target := links[following].target) in open_now:
                found.add(following)
            elif target not in done:
                open_now.add(target)
                stack.append((target, iter(leaving[target])))
    return found


def _layers(boxes: Mapping[str, Box], links: Sequence[Link]) -> dict[str, int]:
    """Return how many boxes come before each at most. The links have no circle."""
    missing = dict.fromkeys(boxes, 0)
    after: dict[str, list[str]] = {key: [] for key in boxes}
    for link in links:
        missing[link.target] += 1
        after[link.source].append(link.target)
    layer = dict.fromkeys(boxes, 0)
    ready = deque(key for key, count in missing.items() if count == 0)
    while ready:
        key = ready.popleft()
        for target in after[key]:
            layer[target] = max(layer[target], layer[key] + 1)
            missing[target] -= 1
            if missing[target] == 0:
                ready.append(target)
    return layer


def _in_order(boxes: Mapping[str, Box], links: Sequence[Link], root: str) -> list[str]:
    """Return the boxes as one meets them walking from the root, breadth first."""
    after: dict[str, list[str]] = {key: [] for key in boxes}
    for link in links:
        after[link.source].append(link.target)
    seen: dict[str, None] = {}
    for start in _starts(boxes, root):
        waiting = deque([start])
        while waiting:
            key = waiting.popleft()
            if key not in seen:
                seen[key] = None
                waiting.extend(after[key])
    return list(seen)


def _chain(spots: Mapping[str, _Spot], layers: list[list[_Spot]], link: Link) -> list[_Spot]:
    """Connect two boxes through the layers between them; return the passing points."""
    source, target = spots[link.source], spots[link.target]
    passing = [_Spot(8.0, number) for number in range(source.layer + 1, target.layer)]
    for spot in passing:
        layers[spot.layer].append(spot)
    way = [source, *passing, target]
    for index, (upper, lower) in enumerate(pairwise(way)):
        leaves = link.port - source.width / 2 if index == 0 else 0.0
        upper.below.append((lower, leaves))
        lower.above.append((upper, leaves))
    return passing


def _order(layers: list[list[_Spot]]) -> None:
    """Sort each layer by the middle of its neighbours, down and up in turns."""
    _pack(layers)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            wanted = {id(spot): _wish(spot, down=down) for spot in layer}
            layer.sort(key=lambda spot: wanted[id(spot)])
        _pack(layers)
    if sum(len(layer) for layer in layers) <= TIDIED_MAX:
        for _sweep in range(SWEEPS):
            for layer in layers:
                _untangle(layer)
            _pack(layers)


def _untangle(layer: list[_Spot]) -> None:
    """Exchange neighbours whose lines cross less the other way round."""
    for index in range(len(layer) - 1):
        left, right = layer[index], layer[index + 1]
        if _crossings(left, right) > _crossings(right, left):
            layer[index], layer[index + 1] = right, left


def _crossings(left: _Spot, right: _Spot) -> int:
    """Count the lines that cross when one stands to the left of the other."""
    above = [(a.x + x, b.x + y) for a, x in left.above for b, y in right.above]
    below = [(a.x, b.x) for a, _ in left.below for b, _ in right.below]
    return sum(one > other for one, other in (*above, *below))


def _pack(layers: list[list[_Spot]]) -> None:
    """Put the boxes of each layer side by side, in the middle."""
    for layer in layers:
        total = sum(spot.width + BETWEEN for spot in layer) - BETWEEN
        left = -total / 2
        for spot in layer:
            spot.x = left + spot.width / 2
            left += spot.width + BETWEEN


def _wish(spot: _Spot, *, down: bool) -> float:
    """Return where a spot would stand best for its neighbours on one side."""
    if down:
        wanted = [other.x + leaves for other, leaves in spot.above]
    else:
        wanted = [other.x - leaves for other, leaves in spot.below]
    return sum(wanted) / len(wanted) if wanted else spot.x


def _place(layers: list[list[_Spot]]) -> None:
    for sweep in range(SWEEPS + 1):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            _fit(layer, [_wish(spot, down=down) for spot in layer])


def _fit(layer: list[_Spot], wanted: list[float]) -> None:
    """Move the spots as near to their wishes as order and distance allow (least squares, pooled neighbours)."""
    offsets, total = [], 0.0
    for index, spot in enumerate(layer):
        if index:
            total += (layer[index - 1].width + spot.width) / 2 + BETWEEN
        offsets.append(total)
    pools: list[list[float]] = []  # sum, count
    for wish, offset in zip(wanted, offsets, strict=True):
        pools.append([wish - offset, 1])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            last = pools.pop()
            pools[-1] = [pools[-1][0] + last[0], pools[-1][1] + last[1]]
    places = [pool[0] / pool[1] for pool in pools for _ in range(int(pool[1]))]
    for spot, place, offset in zip(layer, places, offsets, strict=True):
        spot.x = place + offset


def _measured(
    boxes: Mapping[str, Box],
    links: Sequence[Link],
    *,
    spots: Mapping[str, _Spot],
    layers: list[list[_Spot]],
    chains: Mapping[int, list[_Spot]],
    back: set[int],
) -> Layout:
    """Turn the order into coordinates."""
    left = min((spot.x - spot.width / 2 for layer in layers for spot in layer), default=0.0) - MARGIN
    for layer in layers:
        for spot in layer:
            spot.x -= left
    right = max((spot.x + spot.width / 2 for layer in layers for spot in layer), default=0.0)
    around = [index for index in range(len(links)) if index not in chains]
    tracks = _Tracks(spots, links, around, len(layers))
    tops, bottom = [], tracks.room(0, first=True)
    for number, layer in enumerate(layers):
        tops.append(bottom)
        bottom += max((spot.height for spot in layer), default=0.0)
        bottom += tracks.room(number + 1) if number + 1 < len(layers) or tracks.used[number + 1] else MARGIN
    ends = [*(top + max((s.height for s in layer), default=0.0) for top, layer in zip(tops, layers, strict=True))]
    places = {key: (spots[key].x - box.width / 2, tops[spots[key].layer]) for key, box in boxes.items()}
    routes: list[Route] = []
    for index, link in enumerate(links):
        start = (places[link.source][0] + link.port, places[link.source][1] + boxes[link.source].height)
        goal = (spots[link.target].x, tops[spots[link.target].layer])
        if index in chains:
            middle = [p for spot in chains[index] for p in ((spot.x, tops[spot.layer]), (spot.x, ends[spot.layer]))]
            own_layer = (start[0], ends[spots[link.source].layer])
            routes.append(Route(points=(start, own_layer, *middle, goal)))
        else:
            routes.append(tracks.route(index, start, goal, tops=tops, ends=ends, right=right, back=index in back))
    return Layout(places=places, routes=tuple(routes), width=right + tracks.width + MARGIN, height=bottom)


class _Tracks:
    """Horizontal tracks in the gaps between layers and vertical lanes in the gutter."""

    def __init__(self, spots: Mapping[str, _Spot], links: Sequence[Link], around: Sequence[int], layers: int) -> None:
        self.used = [0] * (layers + 1)  # tracks in the gap above each layer, and below the last
        self._leave: dict[int, tuple[int, int]] = {}
        self._arrive: dict[int, tuple[int, int]] = {}
        self._lane: dict[int, int] = {}
        reach = {index: self._span(spots, links[index]) for index in around}
        lanes: list[list[tuple[int, int]]] = []
        for index in sorted(around, key=lambda item: reach[item][1] - reach[item][0]):
            self._leave[index] = self._take(spots[links[index].source].layer + 1)
            self._arrive[index] = self._take(spots[links[index].target].layer)
            low, high = reach[index]
            free = (n for n, taken in enumerate(lanes) if all(high < a or low > b for a, b in taken))
            number = next(free, len(lanes))
            if number == len(lanes):
                lanes.append([])
            lanes[number].append((low, high))
            self._lane[index] = number
        self.width = LANE * (len(lanes) + 1) if lanes else 0.0

    @staticmethod
    def _span(spots: Mapping[str, _Spot], link: Link) -> tuple[int, int]:
        ends = (spots[link.source].layer + 1, spots[link.target].layer)
        return min(ends), max(ends)

    def _take(self, gap: int) -> tuple[int, int]:
        self.used[gap] += 1
        return gap, self.used[gap] - 1

    def room(self, gap: int, *, first: bool = False) -> float:
        """Return the height of a gap."""
        tracks = self.used[gap]
        if first:
            return MARGIN + TRACK * (tracks + 1) if tracks else MARGIN
        return GAP + TRACK * tracks

    def route(
        self, index: int, start: Point, goal: Point, *, tops: list[float], ends: list[float], right: float, back: bool
    ) -> Route:
        """Return the way around: down, to the gutter, along it, and back in above the target."""
        leave = self._height(self._leave[index], tops, ends)
        arrive = self._height(self._arrive[index], tops, ends)
        lane = right + LANE * (self._lane[index] + 1)
        entry = goal[0] + 20.0
        points = (start, (start[0], leave), (lane, leave), (lane, arrive), (entry, arrive), (entry, goal[1]))
        return Route(points=points, around=True, back=back)

    def _height(self, track: tuple[int, int], tops: list[float], ends: list[float]) -> float:
        gap, number = track
        if gap == 0:
            return tops[0] - TRACK * (number + 2)
        return ends[gap - 1] + LABEL_ZONE + TRACK * number
