"""Calling built-in functions: arguments are paid for, results bounded, errors worded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache, lru_cache
from typing import Final, TypeAlias

from pytake.core.expressions.functions import CLOCKED, FUNCTIONS, OF_DAYS, Function
from pytake.core.expressions.scope import Scope
from pytake.core.expressions.values import LIST_MAX, TEXT_MAX, ExpressionError, Value

Run: TypeAlias = Callable[[Scope], Value]

# Work on a text of this length counts as one step.
_TEXT_STEP: Final = 256
# Types whose values never cost more than the step of their own.
_SMALL: Final = {Decimal, int, bool, float, type(None), Scope}
# 2026-12-24
_DAY_LENGTH: Final = 10
_UNFIT: Final = (TypeError, ValueError, LookupError, OverflowError)


def call(name: str, arguments: tuple[Run, ...], constants: tuple[Value, ...] = ()) -> Run:
    """Return what calls a function with arguments; raises ExpressionError for one that does not exist.

    `constants` are the values of the last arguments, when they are always the same and small.
    """
    function = FUNCTIONS.get(name)
    if function is None:
        raise ExpressionError(f"there is no function {name!r}")
    if name in CLOCKED:
        # The scope takes part like an argument.
        arguments = (_itself, *arguments)
    checked = _checked(name, function)
    match arguments:
        case (only,) if name in OF_DAYS:
            return _of_day(_remembering(name), checked, only, constants)
        case (only,):
            return _one(checked, only, constants)
        case (first, second) if not constants:
            return _two(checked, first, second)
        case _:
            return _any_number(checked, (*arguments, *(_always(value) for value in constants)))


def _checked(name: str, function: Function) -> Function:
    """Return the function with its result bounded and its errors worded for authors."""

    def checked(*arguments: Value) -> Value:
        try:
            result = function(*arguments)
        except ExpressionError:
            raise
        except _UNFIT as exc:
            raise ExpressionError(f"{name}() cannot take these arguments") from exc
        return result if type(result) is str and len(result) < _TEXT_STEP else _bounded(result)

    return checked


@cache
def _remembering(name: str) -> Function:
    """Return a function of days that remembers: flows ask about the days of this week again and again."""
    return lru_cache(maxsize=2048, typed=True)(_checked(name, FUNCTIONS[name]))


def is_small(value: Value) -> bool:
    """Return whether going through a value costs nothing."""
    return type(value) in _SMALL or (type(value) is str and len(value) < _TEXT_STEP)


def _always(value: Value) -> Run:
    return lambda _scope: value


def _itself(scope: Scope) -> Scope:
    return scope


def _any_number(function: Function, arguments: tuple[Run, ...]) -> Run:
    def run(scope: Scope) -> Value:
        values = [argument(scope) for argument in arguments]
        for value in values:
            _pay(value, scope)
        return function(*values)

    return run


def _two(function: Function, first: Run, second: Run) -> Run:
    def run(scope: Scope) -> Value:
        one, other = first(scope), second(scope)
        _pay(one, scope)
        _pay(other, scope)
        return function(one, other)

    return run


def _one(function: Function, argument: Run, constants: tuple[Value, ...]) -> Run:
    """The most frequent case: one argument varies."""

    def run(scope: Scope) -> Value:
        value = argument(scope)
        kind = type(value)
        if kind is str:
            if len(value) >= _TEXT_STEP:
                _pay(value, scope)
        elif kind not in _SMALL:
            _pay(value, scope)
        return function(value, *constants)

    return run


def _of_day(remembered: Function, function: Function, argument: Run, constants: tuple[Value, ...]) -> Run:
    def run(scope: Scope) -> Value:
        value = argument(scope)
        if type(value) is str and len(value) == _DAY_LENGTH:
            return remembered(value, *constants)
        _pay(value, scope)
        return function(value, *constants)

    return run


def _pay(argument: Value, scope: Scope) -> None:
    """Take the steps that going through an argument once costs."""
    if type(argument) is str:
        if len(argument) >= _TEXT_STEP:
            scope.budget.spend(len(argument) // _TEXT_STEP)
    elif type(argument) not in _SMALL and isinstance(argument, (list, Mapping)):
        scope.budget.spend(len(argument))


def _bounded(value: Value) -> Value:
    kind = type(value)
    if kind is str:
        if len(value) > TEXT_MAX:
            raise ExpressionError("the text is too long")
    elif kind not in _SMALL and isinstance(value, (list, Mapping)) and len(value) > LIST_MAX:
        raise ExpressionError(f"a list holds at most {LIST_MAX} items")
    return value
