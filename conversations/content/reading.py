"""Taking stored content apart: every value has the type that is expected, or ContentError names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conversations.content.limits import UNREADABLE, ContentError

Raw = Mapping[str, Any]


def text(raw: Raw, key: str) -> str:
    """Return a text, empty if absent."""
    value = raw.get(key, "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ContentError(key, 0, UNREADABLE)
    return value


def number(raw: Raw, key: str) -> float:
    """Return a number, also one that is written as text."""
    try:
        return float(raw[key])
    except (KeyError, TypeError, ValueError):
        raise ContentError(key, 0, UNREADABLE) from None


def integer(raw: Raw, key: str) -> int:
    """Return a whole number, 0 if absent."""
    try:
        return int(raw.get(key) or 0)
    except (TypeError, ValueError):
        raise ContentError(key, 0, UNREADABLE) from None


def items(raw: Raw, key: str) -> list[Raw]:
    """Return a list of objects, empty if absent."""
    value = raw.get(key) or []
    if not isinstance(value, list | tuple) or not all(isinstance(item, Mapping) for item in value):
        raise ContentError(key, 0, UNREADABLE)
    return list(value)


def an_object(raw: Raw, key: str) -> dict[str, Any]:
    """Return an object, empty if absent."""
    value = raw.get(key) or {}
    if not isinstance(value, Mapping):
        raise ContentError(key, 0, UNREADABLE)
    return dict(value)


def filled(**values: Any) -> dict[str, Any]:
    """Return what is not empty."""
    return {key: value for key, value in values.items() if value not in ("", None, [], {})}
