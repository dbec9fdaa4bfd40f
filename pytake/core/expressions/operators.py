"""Comparisons, as conditions and expressions make them.

Both sides are trimmed. Numbers compare as numbers, boolean words as booleans, everything else as text
without regard to case; accents count unless `loose`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from pytake.core import patterns
from pytake.core.expressions.values import NUMBER_STARTS, Value, is_empty, number_of, text_of
from pytake.core.text import without_accents

_TRUE: Final = {"true", "verdadeiro", "sim", "yes"}
_FALSE: Final = {"false", "falso", "nao", "não", "no"}
_WORDS: Final = _TRUE | _FALSE
_NEGATED_WHEN_MISSING: Final = {"!=", "not_in", "not_contains", "empty"}


def compare(left: Value, operator: str, right: Value, *, loose: bool = False) -> bool:
    """Return whether `left operator right` holds. A missing left side makes all but negations false."""
    if left is None and operator not in _NEGATED_WHEN_MISSING:
        return operator == "==" and right is None
    if left is None and operator == "!=":
        return right is not None
    return OPERATORS[operator](left, right, loose)


def equal(left: Value, right: Value, loose: bool = False) -> bool:  # noqa: FBT001, FBT002  # table of operators
    """Return whether two values are the same for people."""
    if left is None or right is None:
        return left is right or (is_empty(left) and is_empty(right))
    kind = type(left)
    if kind is type(right):
        if kind is bool:
            return left is right
        if kind is str and (left == right or not (_means_more(left) and _means_more(right))):
            return left == right or _plain(left, loose) == _plain(right, loose)
    first = number_of(left)
    second = number_of(right) if first is not None else None
    if first is not None and second is not None:
        return first == second
    a = boolean_of(left)
    b = boolean_of(right) if a is not None else None
    if a is not None and b is not None:
        return a is b
    if isinstance(left, list | Mapping) or isinstance(right, list | Mapping):
        return bool(left == right)
    return _plain(left, loose) == _plain(right, loose)


def _means_more(text: str) -> bool:
    """Return whether a text may be a number or boolean, which can be written in several ways."""
    start = text[:1]
    return start in NUMBER_STARTS or start.isspace() or text.rstrip().lower() in _WORDS


def boolean_of(value: Value) -> bool | None:
    """Return the boolean that a value or word means, else None."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    return None


def _plain(value: Value, loose: bool) -> str:  # noqa: FBT001  # see equal
    text = text_of(value).strip().casefold()
    return without_accents(text) if loose else text


def _ordered(left: Value, right: Value) -> int | None:
    """Return -1, 0 or 1; None when the values have no order."""
    first, second = number_of(left), number_of(right)
    if first is not None and second is not None:
        return (first > second) - (first < second)
    a, b = _instant(left), _instant(right)
    if a is None or b is None:
        return None
    if a.tzinfo is None or b.tzinfo is None:
        # Without a zone on both sides only the wall times can be compared.
        a, b = a.replace(tzinfo=None), b.replace(tzinfo=None)
    return (a > b) - (a < b)


def _instant(value: Value) -> datetime | None:
    """Return the moment that an ISO date or datetime means."""
    try:
        text = text_of(value).strip()
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _elements(value: Value) -> list[Value]:
    if isinstance(value, list | tuple):
        return list(value)
    return [part.strip() for part in text_of(value).split(",")]


def _contains(left: Value, right: Value, loose: bool) -> bool:  # noqa: FBT001  # see equal
    if isinstance(left, list | tuple):
        return any(equal(item, right, loose) for item in left)
    wanted = _plain(right, loose)
    return bool(wanted) and wanted in _plain(left, loose)


OPERATORS: Final[Mapping[str, Callable[[Value, Value, bool], bool]]] = {
    "==": equal,
    "!=": lambda a, b, loose: not equal(a, b, loose),
    ">": lambda a, b, _: _ordered(a, b) == 1,
    "<": lambda a, b, _: _ordered(a, b) == -1,
    ">=": lambda a, b, _: _ordered(a, b) in {0, 1},
    "<=": lambda a, b, _: _ordered(a, b) in {0, -1},
    "in": lambda a, b, loose: any(equal(a, item, loose) for item in _elements(b)),
    "not_in": lambda a, b, loose: a is None or not any(equal(a, item, loose) for item in _elements(b)),
    "contains": _contains,
    "not_contains": lambda a, b, loose: a is None or not _contains(a, b, loose),
    "starts_with": lambda a, b, loose: bool(text_of(b)) and _plain(a, loose).startswith(_plain(b, loose)),
    "ends_with": lambda a, b, loose: bool(text_of(b)) and _plain(a, loose).endswith(_plain(b, loose)),
    "exists": lambda a, _b, _loose: a is not None,
    "empty": lambda a, _b, _loose: is_empty(a),
    "regex": lambda a, b, _: patterns.matches(text_of(b), text_of(a)),
}
