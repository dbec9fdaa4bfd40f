from __future__ import annotations

from typing import Any

import pytest

from flows.engine.check import blocking, check
from tests.flows.engine.play import graph, node
from tests.flows.engine.test_step import DEMO

START = node("s", "start")


def codes(raw: dict[str, Any]) -> set[tuple[str, str]]:
    return {(finding.code, finding.node_id) for finding in blocking(check(raw))}


def test_the_demo_flow_has_no_findings() -> None:
    assert check(DEMO) == []


@pytest.mark.parametrize(
    ("raw", "finding"),
    [
        pytest.param(graph([]), ("empty", ""), id="nothing"),
        pytest.param(graph([node("m", "message", text="x")]), ("one_start", ""), id="no start"),
        pytest.param(graph([START, node("t", "start")], ("s", "next", "t")), ("one_start", "t"), id="two starts"),
        pytest.param(graph([START], ("s", "next", "zz")), ("dangling_edge", "s"), id="edge to nowhere"),
        pytest.param(graph([START, node("m", "message", text="x")]), ("unreachable", "m"), id="unreachable"),
        pytest.param(
            graph([START, node("c", "condition", mode="boolean",
                               rules=[{"left": "a", "operator": "==", "right": "b"}])],
                  ("s", "next", "c")), ("missing_edge", "c"), id="exit not wired"),
        pytest.param(
            graph([START, node("a", "message", text="x"), node("b", "message", text="y")],
                  ("s", "next", "a"), ("a", "next", "b"), ("b", "next", "a")), ("loop_without_wait", "a"), id="circle"),
        pytest.param(graph([START, node("m", "message", text="{{a b}}")], ("s", "next", "m")),
                     ("template_syntax", "m"), id="broken placeholder"),
        pytest.param(graph([START, node("m", "message", text="")], ("s", "next", "m")),
                     ("empty_text", "m"), id="no text"),
        pytest.param(graph([START, node("m", "message", text="x", colour="red")], ("s", "next", "m")),
                     ("unknown_key", "m"), id="unknown key"),
        pytest.param(graph([START, node("m", "dance")], ("s", "next", "m")), ("unknown_type", "m"), id="unknown type"),
        pytest.param(graph([START, node("m", "api_call")], ("s", "next", "m")),
                     ("not_supported_yet", "m"), id="later type"),
        pytest.param(
            graph([START, node("b", "interactive_buttons", body="x", buttons=[{"id": "a", "title": "y" * 21}])],
                  ("s", "next", "b")), ("too_long", "b"), id="button too long"),
        pytest.param(
            graph([START, node("b", "interactive_buttons", body="x",
                               buttons=[{"id": "a", "title": "Sim"}, {"id": "b", "title": "sim!"}])],
                  ("s", "next", "b")), ("duplicate_option", "b"), id="equal titles"),
        pytest.param(
            graph([START, node("q", "question", text="?", validation={"regex": r"(a)\1"})], ("s", "next", "q")),
            ("invalid_regex", "q"), id="back reference"),
        pytest.param(
            graph([START, node("v", "set_variable", assignments=[{"name": "x", "kind": "expression", "value": "1 +"}])],
                  ("s", "next", "v")), ("expression_syntax", "v"), id="broken expression"),
        pytest.param(
            graph([START, node("v", "set_variable", assignments=[{"name": "contact", "value": 1}])],
                  ("s", "next", "v")), ("variable_name", "v"), id="reserved name"),
        pytest.param(graph([START, node("j", "jump", node_id="nope")], ("s", "next", "j")),
                     ("missing_target", "j"), id="jump"),
        pytest.param({**graph([START]), "schema": "other"}, ("schema", ""), id="schema"),
        pytest.param(graph([START, node("m", "message", text="a"), node("m", "message", text="b")], ("s", "next", "m")),
                     ("duplicate_id", "m"), id="same id twice"),
    ],
)  # fmt: skip
def test_mistakes_are_found_and_named(raw: dict[str, Any], finding: tuple[str, str]) -> None:
    assert finding in codes(raw)


def test_a_variable_that_nobody_sets_is_a_warning() -> None:
    raw = graph([START, node("m", "message", text="{{nome}}")], ("s", "next", "m"))

    warnings = [finding for finding in check(raw) if finding.level == "warning"]

    assert {finding.code for finding in warnings} == {"unknown_variable", "ends_here"}


@pytest.mark.parametrize("raw", [None, [], "x", {}, {"nodes": 3}, {"nodes": [1]}, {"edges": [None]}, {"settings": 4}])
def test_rubbish_gives_findings_and_no_crash(raw: Any) -> None:
    assert blocking(check(raw))


@pytest.mark.parametrize("data", [{"response_type": "choice", "options_from": "a b"}, {"rows_from": "{{rows}}"}])
def test_a_list_is_named_by_a_path(data: dict[str, str]) -> None:
    kind = "question" if "options_from" in data else "interactive_list"
    menu = node("q", kind, text="x", **data) if kind == "question" else node("q", kind, body="x", **data)
    assert ("template_syntax", "q") in codes(graph([START, menu], ("s", "next", "q")))
