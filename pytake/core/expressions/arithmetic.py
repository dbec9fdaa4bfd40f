"""What the binary operators do with two values (`and` and `or` decide before they see the second)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, TypeAlias

from pytake.core.expressions import operators
from pytake.core.expressions.values import LIST_MAX, TEXT_MAX, ExpressionError, Value, number_of, text_of

Operation: TypeAlias = Callable[[Value, Value], Value]


def negated(value: Value) -> Decimal:
    """Return `-value`."""
    return -required_number(value)


def required_number(value: Value) -> Decimal:
    """Return the number that a value means; raises ExpressionError when it means none."""
    number = number_of(value)
    if number is None:
        raise ExpressionError(f"{text_of(value)[:40]!r} is not a number")
    return number


def _plus(left: Value, right: Value) -> Value:
    if type(left) is str and type(right) is str:
        joined = left + right
        if len(joined) > TEXT_MAX:
            raise ExpressionError("the text is too long")
        return joined
    if isinstance(left, list) and isinstance(right, list):
        if len(left) + len(right) > LIST_MAX:
            raise ExpressionError(f"a list holds at most {LIST_MAX} items")
        return [*left, *right]
    first, second = number_of(left), number_of(right)
    if first is not None and second is not None:
        return first + second
    if isinstance(left, str) or isinstance(right, str):
        return _plus(text_of(left), text_of(right))
    return required_number(left) + required_number(right)


def _within(left: Value, right: Value) -> bool:
    if isinstance(right, Mapping):
        return text_of(left) in right
    if isinstance(right, str):
        return text_of(left).casefold() in right.casefold()
    return operators.compare(left, "in", right)


def _comparison(operator: str) -> Operation:
    return lambda left, right: operators.compare(left, operator, right)


OPERATIONS: Final[Mapping[str, Operation]] = {
    "+": _plus,
    "-": lambda left, right: required_number(left) - required_number(right),
    "*": lambda left, right: required_number(left) * required_number(right),
    "/": lambda left, right: required_number(left) / required_number(right),
    "%": lambda left, right: required_number(left) % required_number(right),
    "in": _within,
    "not in": lambda left, right: not _within(left, right),
    **{operator: _comparison(operator) for operator in ("==", "!=", "<", "<=", ">", ">=")},
}
