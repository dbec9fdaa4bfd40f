from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytake.core.expressions import operators
from pytake.core.expressions.evaluate import Scope, evaluate
from pytake.core.expressions.parser import parse
from pytake.core.expressions.values import ExpressionError, number_of
from pytake.core.templating import compile_template, fill

VALUES: dict[str, Any] = {
    "name": "ana souza",
    "n": 3,
    "price": "1.234,50",
    "cart": [{"sku": "a", "subtotal": 10.5}, {"sku": "b", "subtotal": 2}],
    "slots": [{"id": "s1", "label": "Seg"}, {"id": "s2", "label": "Ter"}],
    "contact": {"name": "Ana", "attributes": {"plan": "gold"}},
    "evil": "{{name}}",
    "nothing": None,
}


def scope() -> Scope:
    return Scope(
        lookup=VALUES.get, now=datetime(2026, 8, 10, 15, tzinfo=UTC), zone=ZoneInfo("America/Sao_Paulo"), rng=Random(1)
    )


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("-n + 1", -2),
        ("10 / 4", 2.5),
        ("0.1 + 0.2", 0.3),
        ("7 % 4", 3),
        ("'a' + 'b'", "ab"),
        ("'n: ' + n", "n: 3"),
        ("[1] + [2]", [1, 2]),
        ("n > 2 and not n == 4", True),
        ("'x' if n == 9 else 'y'", "y"),
        ("2 in [1, 2]", True),
        ("4 not in [1, 2]", True),
        ("sum(map(cart, 'subtotal'))", 12.5),
        ("first(filter(slots, 'id', 's2'))", {"id": "s2", "label": "Ter"}),
        ("slots[1].label", "Ter"),
        ("slots.0.label", "Seg"),
        ("item(slots, 7)", None),
        ("contact.attributes.plan", "gold"),
        ("unknown.path.here", None),
        ("coalesce(nothing, '', 'z')", "z"),
        ("lookup({\"a\": 10}, 'b', 0)", 0),
        ("number(price)", 1234.5),
        ("format_currency(1234.5)", "R$ 1.234,50"),
        ("today()", "2026-08-10"),
        ("add_days('2026-02-28', 1)", "2026-03-01"),
        ("diff_days('2026-08-01', '2026-08-10')", 9),
        ("format_date('2026-08-10', 'DD/MM/YYYY')", "10/08/2026"),
        ("is_business_day('2026-08-09')", False),
        ("title(trim('  oi  '))", "Oi"),
        ("join(split('a, b', ','), '-')", "a-b"),
        ("count(cart)", 2),
        ('merge({"a": 1}, {"b": 2})', {"a": 1, "b": 2}),
        ("matches('abc', '^a.c$')", True),
        ("round(2.345, 2)", 2.35),
        ("max([1, 9, 3])", 9),
        ("unique([1, '1', 2])", [1, 2]),
    ],
)
def test_expressions_compute(source: str, value: Any) -> None:
    assert evaluate(parse(source), scope()) == value


@pytest.mark.parametrize(
    "source",
    [
        "1 / 0", "nope(1)", "1 +", "a b", "'open", "__import__('os')", "(1", "{1: 2}", "a.__class__()", "x" * 2001,
        "(" * 40 + "1" + ")" * 40, "item(1, 2)", "1 + [2]", "number", "json('{')", "sum(['x'])",
    ],
)  # fmt: skip
def test_what_cannot_be_computed_is_an_error_of_the_language(source: str) -> None:
    if source == "number":
        assert evaluate(parse(source), scope()) is None
        return
    with pytest.raises(ExpressionError):
        evaluate(parse(source), scope())


@given(st.text(max_size=200))
def test_no_text_makes_the_language_fail_otherwise(source: str) -> None:
    with contextlib.suppress(ExpressionError):
        evaluate(parse(source), scope())


@given(st.text(alphabet="()[]{}+-*/%<>=!,.:'\"abn019 andorif", max_size=120))
def test_nor_does_anything_that_looks_like_an_expression(source: str) -> None:
    with contextlib.suppress(ExpressionError):
        evaluate(parse(source), scope())


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Olá {{name|first_name}}!", "Olá Ana!"),
        ("{{missing}}", ""),
        ('{{missing|default:"tudo bem"}}', "tudo bem"),
        ("{{cart.1.sku}}", "b"),
        ("{{cart|count}}", "2"),
        ("{{price|currency}}", "R$ 1.234,50"),
        ("{{#each cart}}{{index}}={{sku}};{{/each}}", "1=a;2=b;"),
        ("{{#if n > 2}}sim{{else}}não{{/if}}", "sim"),
        ("{{#if nothing}}sim{{/if}}", ""),
        ("{{evil}}", "{{name}}"),
        ("{{contact.name|upper}}", "ANA"),
        ("sem nada", "sem nada"),
    ],
)
def test_templates_render(source: str, text: str) -> None:
    assert compile_template(source).render(scope()) == text


def test_a_lone_placeholder_keeps_its_type() -> None:
    assert fill({"total": "{{n}}", "cart": "{{cart}}", "text": "n={{n}}"}, scope()) == {
        "total": 3,
        "cart": VALUES["cart"],
        "text": "n=3",
    }


@pytest.mark.parametrize("source", ["{{a b}}", "{{x|nofilter}}", "{{#each x}}", "{{/if}}", "{{a.b()}}", "{{}}"])
def test_broken_templates_are_refused(source: str) -> None:
    with pytest.raises(ExpressionError):
        compile_template(source)


@given(st.text(max_size=120))
def test_no_template_fails_otherwise(source: str) -> None:
    with contextlib.suppress(ExpressionError):
        compile_template(source).render(scope())


@pytest.mark.parametrize(
    ("left", "operator", "right", "holds"),
    [
        ("10", "==", "10,0", True),
        ("1.234,56", "==", 1234.56, True),
        ("Sim", "==", True, True),
        ("São", "==", "sao", False),
        (" OI ", "==", "oi", True),
        ("9", "<", "10", True),
        ("abc", ">", "1", False),
        ("2026-08-10", ">", "2026-08-09", True),
        ("b", "in", "a, b", True),
        ("c", "not_in", ["a"], True),
        (["VIP"], "contains", "vip", True),
        ("abc", "not_contains", "x", True),
        ("Boleto", "starts_with", "bol", True),
        ("Boleto", "ends_with", "TO", True),
        (None, "exists", None, False),
        (None, "empty", None, True),
        (None, "!=", "x", True),
        (None, "<", 3, False),
        ("abc123", "regex", r"^\w+\d$", True),
        ("nan", "==", "nan", True),
        ("nan", ">", 0, False),
    ],
)
def test_operators(left: Any, operator: str, right: Any, holds: bool) -> None:
    assert operators.compare(left, operator, right) is holds


def test_accents_count_unless_the_rule_is_loose() -> None:
    assert operators.compare("São Paulo", "==", "sao paulo", loose=True)


@pytest.mark.parametrize("text", ["nan", "inf", "1e5", "-", "", "()", "1.2.3,4,5x", "٣"])
def test_what_is_no_number(text: str) -> None:
    assert number_of(text) is None
