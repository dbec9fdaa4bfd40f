"""Values of expressions and templates: JSON values, with numbers as Decimal while computing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

Value: TypeAlias = Any
Lookup: TypeAlias = Callable[[str], Value]

_ALREADY_PLAIN: Final = {str, int, bool, float, type(None)}


class ExpressionError(ValueError):
    """An expression or template cannot be read or computed; the message says why, for authors."""


def number_of(value: Value) -> Decimal | None:
    """Return the value as a decimal, or None: 12, "12", "1.234,56", "1234.56"; never nan or infinity."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(str(value)) if math.isfinite(value) else None
    if isinstance(value, str):
        return _parse_number(value.strip())
    return None


def _parse_number(text: str) -> Decimal | None:
    if not text or len(text) > 40 or not re.match(r"^[+-]?[0-9.,]+$", text):
        return None
    if "," in text and "." in text:
        # The later mark is the decimal one.
        decimal, thousands = (",", ".") if text.rfind(",") > text.rfind(".") else (".", ",")
        text = text.replace(thousands, "").replace(decimal, ".")
    elif "," in text:
        text = text.replace(",", ".") if text.count(",") == 1 else text.replace(",", "")
    elif text.count(".") > 1:
        text = text.replace(".", "")
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def plain(value: Value) -> Value:
    """Return the value as JSON can hold it: decimals become int or float, dates ISO texts."""
    kind = type(value)
    if kind in _ALREADY_PLAIN:
        return value
    if kind is Decimal:
        return int(value) if value == value.to_integral_value() and abs(value) < 10**15 else float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


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
    return value is None or value in ("", [], {}) or (isinstance(value, str) and not value.strip())


def truth(value: Value) -> bool:
    """Return whether a condition holds: empty values, false and zero do not."""
    if isinstance(value, str):
        return value.strip().lower() not in {"", "false"}
    return bool(value) if not isinstance(value, Mapping | Sequence) else len(value) > 0


def member(value: Value, key: str) -> Value:
    """Return a field of an object or an item of a list by its position (0-based); null when absent."""
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, Sequence) and not isinstance(value, str) and key.isdigit():
        position = int(key)
        return value[position] if position < len(value) else None
    return None


def walk(lookup: Lookup, path: tuple[str, ...]) -> Value:
    """Return what a dotted path leads to; null when a part is absent."""
    value = lookup(path[0])
    for key in path[1:]:
        value = member(value, key)
    return value
