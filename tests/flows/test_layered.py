"""The drawing's geometry: boxes don't overlap, lines end at boxes, circles and long lines go around."""

from __future__ import annotations

from random import Random

import pytest

from flows.layered import Box, Layout, Link, arrange

SIZE = Box(width=100, height=40)


def arranged(count: int, *pairs: tuple[int, int]) -> tuple[Layout, list[Link]]:
    boxes = {f"n{number}": SIZE for number in range(count)}
    links = [Link(source=f"n{a}", target=f"n{b}", port=50) for a, b in pairs]
    return arrange(boxes, links, root="n0"), links


def overlaps(layout: Layout) -> list[tuple[str, str]]:
    places = sorted(layout.places.items())
    return [
        (one, other)
        for index, (one, (x, y)) in enumerate(places)
        for other, (x2, y2) in places[index + 1 :]
        if abs(x - x2) < SIZE.width and abs(y - y2) < SIZE.height
    ]


def test_what_follows_stands_below() -> None:
    layout, _ = arranged(3, (0, 1), (1, 2))

    assert [layout.places[f"n{number}"][1] for number in range(3)] == sorted(
        {layout.places[f"n{number}"][1] for number in range(3)}
    )


def test_a_circle_goes_around_on_the_right_and_comes_back_from_above() -> None:
    layout, _ = arranged(3, (0, 1), (1, 2), (2, 1))

    back = layout.routes[2]
    rightmost = max(x for x, _ in layout.places.values()) + SIZE.width
    assert (back.back, back.around) == (True, True)
    assert max(x for x, _ in back.points) > rightmost
    assert back.points[-1][1] == layout.places["n1"][1]
    assert back.points[-2][1] < back.points[-1][1]


def test_a_node_may_lead_to_itself() -> None:
    layout, _ = arranged(2, (0, 1), (1, 1))

    assert [route.back for route in layout.routes] == [False, True]


def test_far_lines_go_around_without_being_circles() -> None:
    chain = [(number, number + 1) for number in range(9)]
    layout, _ = arranged(10, *chain, (0, 9))

    assert (layout.routes[-1].around, layout.routes[-1].back) == (True, False)


def test_what_nothing_leads_to_is_drawn_beside_the_start() -> None:
    layout, _ = arranged(3, (0, 1))

    assert layout.places["n2"][1] == layout.places["n0"][1]
    assert overlaps(layout) == []


def test_nothing_at_all_is_an_empty_sheet() -> None:
    assert arrange({}, []).places == {}


@pytest.mark.parametrize("seed", range(20))
def test_any_graph_is_drawn_without_overlaps_and_inside_the_sheet(seed: int) -> None:
    chance = Random(seed)
    count = chance.randint(2, 40)
    pairs = [(chance.randrange(count), chance.randrange(count)) for _ in range(chance.randint(1, 80))]
    layout, links = arranged(count, *pairs)

    assert overlaps(layout) == []
    for link, route in zip(links, layout.routes, strict=True):
        x, y = layout.places[link.source]
        assert route.points[0] == (x + link.port, y + SIZE.height)
        assert route.points[-1][1] == layout.places[link.target][1]
        assert all(0 <= px <= layout.width and 0 <= py <= layout.height for px, py in route.points)
