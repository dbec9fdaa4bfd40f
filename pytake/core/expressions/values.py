"""Values of expressions and templates: JSON values, with numbers as Decimal while computing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

Value: TypeAlias = Any
Lookup: TypeAlias = Callable[[str], Value]

DEPTH_MAX: Final = 64
LIST_MAX: Final = 1000
TEXT_MAX: Final = 64 * 1024
_ALREADY_PLAIN: Final = {str, int, bool, type(None)}
# 12  12.5  12,5  .5 — or thousands in groups of three: 1.234.567,8  1,234,567.8
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)")
_DOTTED: Final = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?")
_COMMAED: Final = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_NUMBER_MAX: Final = 40
_POSITION_DIGITS: Final = 9
_UNTRUE: Final = frozenset({"", "false"})
NUMBER_STARTS: Final = frozenset("+-.,0123456789")


class ExpressionError(ValueError):
    """An expression or template cannot be read or computed; the message says why, for authors."""


def number_of(value: Value) -> Decimal | None:
    """Return the value as a decimal, or None: 12, "12", "1.234,56", "1234.56"; never nan or infinity."""
    kind = type(value)
    if kind is Decimal:
        return value  # type: ignore[no-any-return]  # its type was just looked at
    if kind is str:
        return _parse_number(value.strip()) if value and value.lstrip()[:1] in NUMBER_STARTS else None
    if kind is bool or value is None:
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(str(value)) if math.isfinite(value) else None
    return _parse_number(value.strip()) if isinstance(value, str) else None


def _parse_number(text: str) -> Decimal | None:
    if not text or len(text) > _NUMBER_MAX:
        return None
    if _NUMBER.fullmatch(text):
        return Decimal(text.replace(",", "."))
    if _DOTTED.fullmatch(text):
        return Decimal(text.replace(".", "").replace(",", "."))
    if _COMMAED.fullmatch(text):
        return Decimal(text.replace(",", ""))
    return None


def plain(value: Value, depth: int = DEPTH_MAX) -> Value:
    """Return the value as JSON can hold it: decimals become int or float, dates ISO texts.

    Raises ExpressionError for what JSON cannot hold (nan, infinity) or people cannot mean (deep nesting).
    """
    kind = type(value)
    if kind in _ALREADY_PLAIN:
        return value
    if kind is Decimal or kind is float:
        return _plain_number(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if kind is not list and kind is not dict and not isinstance(value, Mapping | list | tuple):
        return value
    if depth == 0:
        raise ExpressionError(f"the value is nested deeper than {DEPTH_MAX} levels")
    if kind is dict or isinstance(value, Mapping):
        return {
            key if type(key) is str else str(key): item if type(item) in _ALREADY_PLAIN else plain(item, depth - 1)
            for key, item in value.items()
        }
    return [item if type(item) in _ALREADY_PLAIN else plain(item, depth - 1) for item in value]


def _plain_number(value: Decimal | float) -> int | float:
    if isinstance(value, Decimal) and value == value.to_integral_value() and abs(value) < 10**15:
        return int(value)
    number = float(value)
    if not math.isfinite(number):
        raise ExpressionError("the number is too large")
    return number


def text_of(value: Value) -> str:
    """Return the value as people read it; null is empty text."""
    if type(value) is str:
        return value
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{Decimal(str(value)):f}"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def is_empty(value: Value) -> bool:
    """Return whether the value is null, an empty text, list or object."""
    if type(value) is str:
        return not value or value.isspace()
    return value is None or value in ("", [], {}) or (isinstance(value, str) and not value.strip())


def truth(value: Value) -> bool:
    """Return whether a condition holds: empty values, false and zero do not."""
    if type(value) is bool:
        return value
    if isinstance(value, str):
        return value.strip().lower() not in _UNTRUE
    return bool(value) if not isinstance(value, Mapping | Sequence) else len(value) > 0


def member(value: Value, key: str) -> Value:
    """Return a field of an object or an item of a list by its position (0-based); null when absent."""
    kind = type(value)
    if kind is dict:
        return value.get(key)
    if value is None or kind is str:
        return None
    if kind is not list and isinstance(value, Mapping):
        return value.get(key)
    if kind is list or (isinstance(value, Sequence) and not isinstance(value, str)):
        position = position_of(key)
        return value[position] if 0 <= position < len(value) else None
    return None


def position_of(key: str) -> int:
    """Return the position that a key names, -1 for a key that is a name."""
    return int(key) if len(key) <= _POSITION_DIGITS and key.isdigit() and key.isascii() else -1


def walk(lookup: Lookup, path: tuple[str, ...]) -> Value:
    """Return what a dotted path leads to; null when a part is absent."""
    value = lookup(path[0])
    for key in path[1:]:
        value = member(value, key)
    return value
