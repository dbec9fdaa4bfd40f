"""Small checks on JSON values, raising what the Graph API answers: 131008 for absent, 131009 for wrong."""

from __future__ import annotations

from typing import Any

from conversations.simulator.config import Json
from conversations.simulator.errors import GraphError


def required(holder: Json, name: str, *, where: str = "") -> Any:
    """Return a value that must be there."""
    value = holder.get(name)
    if value is None:
        raise GraphError(131008, f"Required parameter is missing: {where}{name}")
    return value


def an_object(holder: Json, name: str, *, where: str = "") -> Json:
    """Return a value that must be an object."""
    value = required(holder, name, where=where)
    if not isinstance(value, dict):
        raise wrong(f"{where}{name} must be a JSON object")
    return value


def a_name(holder: Json, name: str, *, where: str = "") -> str:
    """Return a value that must be a string, such as a type."""
    value = required(holder, name, where=where)
    if not isinstance(value, str):
        raise wrong(f"{where}{name} must be a string")
    return value


def a_list(holder: Json, name: str, *, where: str, least: int, most: int) -> list[Any]:
    """Return a value that must be a list of this many entries."""
    value = required(holder, name, where=where)
    if not isinstance(value, list):
        raise wrong(f"{where}{name} must be a JSON array")
    if not least <= len(value) <= most:
        raise wrong(f"{where}{name} count invalid. Min: {least}, Max: {most}")
    return value


def text(holder: Json, name: str, *, label: str, most: int, least: int = 1) -> str:
    """Return a string of `least` to `most` characters that must be there."""
    value = required(holder, name, where="")
    return text_value(value, label=label, most=most, least=least)


def text_value(value: Any, *, label: str, most: int, least: int = 1) -> str:
    """Return a string of `least` to `most` characters; blank ones count as empty."""
    if not isinstance(value, str):
        raise wrong(f"{label} must be a string")
    if not least <= len(value) <= most or (least and not value.strip()):
        raise wrong(f"{label} length invalid. Min length: {least}, Max length: {most}")
    return value


def optional_text(holder: Json, name: str, *, label: str, most: int, least: int = 0) -> str:
    """Return a string that may be absent, then empty."""
    value = holder.get(name)
    return "" if value is None else text_value(value, label=label, most=most, least=least)


def unique(values: list[str], *, label: str) -> None:
    """Refuse the same value twice."""
    if len(set(values)) != len(values):
        raise wrong(f"Duplicated {label}")


def wrong(details: str) -> GraphError:
    """Return the error for a value that is there but wrong."""
    return GraphError(131009, details)
