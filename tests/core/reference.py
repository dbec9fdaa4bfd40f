"""What expressions mean, written as plainly as possible: a walk of the tree that decides everything anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, DecimalException, localcontext
from operator import mod, mul, sub, truediv
from typing import Any

from pytake.core.expressions import operators
from pytake.core.expressions.functions import CLOCKED, FUNCTIONS
from pytake.core.expressions.parser import Binary, Call, Choice, Items, Literal, Node, Pairs, Path, Unary
from pytake.core.expressions.scope import Scope
from pytake.core.expressions.values import ExpressionError, is_empty, number_of, plain, text_of, truth
from pytake.core.text import without_accents

ARITHMETIC: dict[str, Callable[[Decimal, Decimal], Decimal]] = {"-": sub, "*": mul, "/": truediv, "%": mod}


def reference(tree: Node, scope: Scope) -> Any:
    with localcontext(prec=28):
        try:
            value = plain(walk(tree, scope))
        except (DecimalException, OverflowError) as exc:
            raise ExpressionError("no result") from exc
    if isinstance(value, str) and len(value) > 64 * 1024:
        raise ExpressionError("too large")
    return value


def walk(tree: Node, scope: Scope) -> Any:
    scope.budget.spend(1)
    match tree:
        case Literal(value):
            return value
        case Path():
            return path(tree, scope)
        case Unary(operator, operand):
            value = walk(operand, scope)
            return not truth(value) if operator == "not" else -number(value)
        case Binary():
            return binary(tree, scope)
        case Choice(condition, then, otherwise):
            return walk(then if truth(walk(condition, scope)) else otherwise, scope)
        case Call(name, arguments):
            return call(name, [walk(item, scope) for item in arguments], scope)
        case Items(items):
            return [walk(item, scope) for item in items]
        case Pairs(pairs):
            return {key: walk(item, scope) for key, item in pairs}


def path(tree: Path, scope: Scope) -> Any:
    value = scope.lookup(tree.root)
    for key in tree.keys:
        if value is None:
            return None
        value = part(value, key if isinstance(key, str) else text_of(walk(key, scope)))
    return value


def part(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list) and key.isascii() and key.isdigit() and len(key) < 10:
        return value[int(key)] if int(key) < len(value) else None
    return None


def number(value: Any) -> Decimal:
    found = number_of(value)
    if found is None:
        raise ExpressionError("not a number")
    return found


def binary(tree: Binary, scope: Scope) -> Any:
    left = walk(tree.left, scope)
    if tree.operator == "and":
        return truth(left) and truth(walk(tree.right, scope))
    if tree.operator == "or":
        return truth(left) or truth(walk(tree.right, scope))
    right = walk(tree.right, scope)
    if isinstance(right, list):
        scope.budget.spend(len(right))
    if tree.operator in ARITHMETIC:
        return ARITHMETIC[tree.operator](number(left), number(right))
    match tree.operator:
        case "+":
            return plus(left, right)
        case "in":
            return within(left, right)
        case "not in":
            return not within(left, right)
        case operator:
            return operators.compare(left, operator, right)


def within(left: Any, right: Any) -> bool:
    if isinstance(right, Mapping):
        return text_of(left) in right
    if isinstance(right, str):
        return text_of(left).casefold() in right.casefold()
    return operators.compare(left, "in", right)


def plus(left: Any, right: Any) -> Any:
    if isinstance(left, list) and isinstance(right, list):
        return bounded([*left, *right])
    first, second = number_of(left), number_of(right)
    if first is not None and second is not None and not (isinstance(left, str) and isinstance(right, str)):
        return first + second
    if isinstance(left, str) or isinstance(right, str):
        return bounded(text_of(left) + text_of(right))
    return number(left) + number(right)


def call(name: str, arguments: list[Any], scope: Scope) -> Any:
    for argument in arguments:
        if isinstance(argument, list | Mapping):
            scope.budget.spend(len(argument))
        elif isinstance(argument, str):
            scope.budget.spend(len(argument) // 256)
    given = [scope, *arguments] if name in CLOCKED else arguments
    try:
        return bounded(FUNCTIONS[name](*given))
    except (TypeError, ValueError, LookupError, OverflowError) as exc:
        raise ExpressionError(str(exc)) from exc


def bounded(value: Any) -> Any:
    if (isinstance(value, list | Mapping) and len(value) > 1000) or (isinstance(value, str) and len(value) > 64 * 1024):
        raise ExpressionError("too long")
    return value


def equal(left: Any, right: Any, *, loose: bool) -> bool:
    if left is None or right is None:
        return is_empty(left) and is_empty(right) if left is not right else True
    first, second = number_of(left), number_of(right)
    if first is not None and second is not None:
        return first == second
    a, b = operators.boolean_of(left), operators.boolean_of(right)
    if a is not None and b is not None:
        return a is b
    if isinstance(left, list | Mapping) or isinstance(right, list | Mapping):
        return bool(left == right)
    one, other = (text_of(value).strip().casefold() for value in (left, right))
    return without_accents(one) == without_accents(other) if loose else one == other
