"""Computing expression trees: decimal arithmetic, missing names are null, every step counted."""

from __future__ import annotations

import operator as calculate
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Context, Decimal, DecimalException, localcontext
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from pytake.core.expressions import functions, operators
from pytake.core.expressions.parser import Binary, Call, Choice, Items, Literal, Node, Pairs, Path, Unary
from pytake.core.expressions.values import (
    ExpressionError,
    Lookup,
    Value,
    member,
    number_of,
    plain,
    text_of,
    truth,
)

STEPS_MAX: Final = 10_000
RESULT_MAX: Final = 64 * 1024
LIST_MAX: Final = 1000
_ARITHMETIC: Final = Context(prec=28)
_CALCULATIONS: Final[Mapping[str, Callable[[Decimal, Decimal], Decimal]]] = {
    "-": calculate.sub,
    "*": calculate.mul,
    "/": calculate.truediv,
    "%": calculate.mod,
}


@dataclass(slots=True)
class Budget:
    """How many steps are left to one expression, or to one template with all its loops."""

    steps: int = STEPS_MAX

    def spend(self, steps: int) -> None:
        """Take steps; raises ExpressionError when none are left."""
        self.steps -= steps
        if self.steps < 0:
            raise ExpressionError(f"it takes more than {STEPS_MAX} steps")


@dataclass(slots=True, kw_only=True)
class Scope:
    """What an evaluation may see: variables by root name, the time, a zone, a generator."""

    lookup: Lookup
    now: datetime
    zone: ZoneInfo
    rng: Random
    budget: Budget = field(default_factory=Budget)


def evaluate(tree: Node, scope: Scope) -> Value:
    """Return the value as JSON can hold it; raises ExpressionError."""
    with localcontext(_ARITHMETIC):
        try:
            value = plain(_value(tree, scope))
        except (DecimalException, OverflowError) as exc:
            raise ExpressionError("the arithmetic has no result (division by zero?)") from exc
    # Lists and objects are measured where they are stored.
    if isinstance(value, str) and len(value) > RESULT_MAX:
        raise ExpressionError("the result is too large")
    return value


def _value(tree: Node, scope: Scope) -> Value:
    scope.budget.spend(1)
    match tree:
        case Literal(value):
            return value
        case Path():
            return _path(tree, scope)
        case Unary(operator, operand):
            value = _value(operand, scope)
            return not truth(value) if operator == "not" else -_number(value)
        case Binary():
            return _binary(tree, scope)
        case Choice(condition, then, otherwise):
            return _value(then if truth(_value(condition, scope)) else otherwise, scope)
        case Call(name, arguments):
            return functions.call(name, [_value(item, scope) for item in arguments], scope)
        case Items(items):
            return [_value(item, scope) for item in items]
        case Pairs(pairs):
            return {key: _value(item, scope) for key, item in pairs}


def _path(tree: Path, scope: Scope) -> Value:
    value = scope.lookup(tree.root)
    for key in tree.keys:
        if value is None:
            return None
        value = member(value, key if isinstance(key, str) else text_of(_value(key, scope)))
    return value


def _number(value: Value) -> Decimal:
    number = number_of(value)
    if number is None:
        raise ExpressionError(f"{text_of(value)[:40]!r} is not a number")
    return number


def _binary(tree: Binary, scope: Scope) -> Value:
    """Chains such as `a + b + c` lean to the left and may be long: they are walked, not recursed into."""
    chain = [tree]
    while isinstance(left := chain[-1].left, Binary):
        chain.append(left)
    value = _value(chain[-1].left, scope)
    for link in reversed(chain):
        scope.budget.spend(1)
        value = _combine(value, link.operator, link.right, scope)
    return value


def _combine(left: Value, operator: str, other: Node, scope: Scope) -> Value:
    if operator == "and":
        return truth(left) and truth(_value(other, scope))
    if operator == "or":
        return truth(left) or truth(_value(other, scope))
    right = _value(other, scope)
    if isinstance(right, list):
        scope.budget.spend(len(right))
    if operator in _CALCULATIONS:
        return _CALCULATIONS[operator](_number(left), _number(right))
    match operator:
        case "+":
            return _plus(left, right)
        case "in":
            return _within(left, right)
        case "not in":
            return not _within(left, right)
        case _:
            return operators.compare(left, operator, right)


def _within(left: Value, right: Value) -> bool:
    if isinstance(right, Mapping):
        return text_of(left) in right
    if isinstance(right, str):
        return text_of(left).casefold() in right.casefold()
    return operators.compare(left, "in", right)


def _plus(left: Value, right: Value) -> Value:
    if isinstance(left, list) and isinstance(right, list):
        if len(left) + len(right) > LIST_MAX:
            raise ExpressionError(f"a list holds at most {LIST_MAX} items")
        return [*left, *right]
    first, second = number_of(left), number_of(right)
    if first is not None and second is not None and not (isinstance(left, str) and isinstance(right, str)):
        return first + second
    if isinstance(left, str) or isinstance(right, str):
        joined = text_of(left) + text_of(right)
        if len(joined) > RESULT_MAX:
            raise ExpressionError("the text is too long")
        return joined
    return _number(left) + _number(right)
