from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, getcontext
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytake.core.expressions import operators
from pytake.core.expressions.evaluate import compile_expression, compile_tree
from pytake.core.expressions.functions import ARITIES
from pytake.core.expressions.parser import Binary, Call, Choice, Items, Literal, Node, Pairs, Path, Unary
from pytake.core.expressions.scope import STEPS_MAX, Budget, Scope
from pytake.core.expressions.values import ExpressionError
from pytake.core.filters import OUTPUT_MAX
from pytake.core.templating import compile_template
from tests.core.reference import equal, reference

VARIABLES: dict[str, Any] = {
    "n": 3,
    "text": "ana souza",
    "price": "1.234,50",
    "day": "2026-08-11",
    "moment": "2026-08-11T15:30:00-03:00",
    "long": "lorem ipsum " * 60,
    "days": ["2026-08-10", "2026-08-11"],
    "rows": [{"id": "s1", "open": True, "n": 1}, {"id": "s2", "open": False, "n": 2.5}],
    "contact": {"name": "Ana", "attributes": {"plan": "gold", "0": "zero"}},
    "nothing": None,
}
OPERATORS = ("+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or")

words = st.sampled_from(
    ["", " ", "ana", "1", "1,5", "sim", "Não", "id", "open", "2026-08-11", "10/08/2026", "DD/MM", "%H", "²", "x" * 300]
)
constants = st.one_of(st.none(), st.booleans(), words, st.decimals(-50, 50, places=1))
names = st.sampled_from([*VARIABLES, "unknown"])


def _deeper(trees: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    keys = st.lists(st.sampled_from(["id", "name", "attributes", "0", "1"]) | trees, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Path, names, keys),
        st.builds(Unary, st.sampled_from(["-", "not"]), trees),
        st.builds(Binary, st.sampled_from(OPERATORS), trees, trees),
        st.builds(Choice, trees, trees, trees),
        st.sampled_from(sorted(ARITIES)).flatmap(lambda name: _calls(name, trees)),
        st.builds(Items, st.lists(trees, max_size=4).map(tuple)),
        st.builds(Pairs, st.lists(st.tuples(words, trees), max_size=4).map(tuple)),
    )


def _calls(name: str, trees: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    arity = ARITIES[name]
    arguments = st.lists(trees, min_size=arity.start, max_size=min(arity.stop - 1, 4))
    return st.builds(Call, st.just(name), arguments.map(tuple))


TREES = st.recursive(st.builds(Literal, constants) | st.builds(Path, names), _deeper, max_leaves=12)


def scope() -> Scope:
    return Scope(
        lookup=VARIABLES.get,
        now=datetime(2026, 8, 10, 15, tzinfo=UTC),
        zone=ZoneInfo("America/Sao_Paulo"),
        rng=Random(1),
    )


def outcome(compute: Callable[[Scope], Any]) -> tuple[Any, int]:
    seen = scope()
    try:
        return repr(compute(seen)), STEPS_MAX - seen.budget.steps
    except ExpressionError:
        return "error", 0


@settings(max_examples=400, deadline=None)
@given(TREES)
@example(Path("rows", (Literal(Decimal(1)), "id")))
@example(Binary("+", Binary("+", Literal("a"), Literal(Decimal(1))), Path("n")))
@example(Call("add_days", (Path("day"), Literal(Decimal(1)))))
@example(Call("add_days", (Path("day"), Literal(True))))
def test_a_compiled_tree_means_what_the_tree_means_and_counts_no_fewer_steps(tree: Node) -> None:
    compiled = compile_tree(tree)
    expected, steps = outcome(lambda seen: reference(tree, seen))
    for _ in range(2):
        found, spent = outcome(compiled.evaluate)
        assert found == expected
        assert spent >= steps


@given(constants | st.lists(constants, max_size=2), constants | st.text(max_size=8), st.booleans())
@example("ſim", "sim", False)
@example("1.0", "1", False)
@example("yes ", "SIM", False)
def test_values_are_equal_as_people_see_them(left: Any, right: Any, loose: bool) -> None:
    assert operators.equal(left, right, loose) == equal(left, right, loose=loose)
    assert operators.equal(right, left, loose) == equal(right, left, loose=loose)


def test_constants_are_computed_once_and_still_counted() -> None:
    constant, variable = scope(), scope()
    assert compile_expression("(2 + 3) * 4").evaluate(constant) == 20
    assert compile_expression("(n + n) * n").evaluate(variable) == 18
    assert constant.budget.steps == variable.budget.steps


def test_what_fails_for_constants_fails_when_it_is_reached() -> None:
    assert compile_expression("1 if true else 1 / 0").evaluate(scope()) == 1
    with pytest.raises(ExpressionError):
        compile_expression("1 / 0").evaluate(scope())


def test_an_evaluation_leaves_the_arithmetic_of_others_alone() -> None:
    before = getcontext()
    compile_expression("1 / 3").evaluate(scope())
    with pytest.raises(ExpressionError):
        compile_expression("n / 0").evaluate(scope())
    assert getcontext() is before


@pytest.mark.parametrize("source", ["n + 1", "n if n else 2", "n and text", "rows[n]", "join(days)", "[n, n]"])
def test_every_kind_of_tree_spends_the_budget(source: str) -> None:
    seen = scope()
    seen.budget = Budget(steps=1)
    with pytest.raises(ExpressionError, match="steps"):
        compile_expression(source).evaluate(seen)


def test_a_long_text_costs_more_than_a_short_one() -> None:
    short, long = scope(), scope()
    compile_expression("upper(text)").evaluate(short)
    compile_expression("upper(long)").evaluate(long)
    assert long.budget.steps < short.budget.steps


def test_a_long_chain_does_not_exhaust_the_stack() -> None:
    assert compile_expression("n" + "+n" * 900).evaluate(scope()) == 3 * 901


@given(st.text("0123456789²٣፩", min_size=1, max_size=12))
def test_any_key_may_be_asked_of_a_list(key: str) -> None:
    compile_expression(f"days['{key}']").evaluate(scope())


def test_loops_within_loops_share_one_budget() -> None:
    many = {"items": list(range(100))}
    seen = scope()
    seen.lookup = many.get
    with pytest.raises(ExpressionError, match="steps"):
        compile_template(
            "{{#each items}}{{#each items}}{{#each items}}{{#if x}}a{{/if}}{{/each}}{{/each}}{{/each}}"
        ).render(seen)


def test_a_text_stops_growing_where_it_is_cut() -> None:
    asked: list[str] = []

    def lookup(name: str) -> Any:
        asked.append(name)
        return ["x" * 5000] * 100 if name == "items" else None

    seen = scope()
    seen.lookup = lookup
    assert compile_template("{{#each items}}{{this}}{{other}}{{/each}}{{last}}").render(seen) == "x" * OUTPUT_MAX
    assert "last" not in asked
    assert asked.count("other") == 3
