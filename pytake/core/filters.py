"""Filters of templates: `{{price|currency}}`. Each takes a value and the text after the colon, if any."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

from pytake.core import phones
from pytake.core.dates import format_moment, parse_moment
from pytake.core.documents import format_cpf
from pytake.core.expressions.values import Value, is_empty, number_of, plain, text_of
from pytake.core.money import format_currency, format_number

OUTPUT_MAX: Final = 16 * 1024


def _date_filter(value: Value, pattern: str | None) -> Value:
    moment = parse_moment(text_of(value))
    return format_moment(moment, pattern or "DD/MM/YYYY") if moment else value


def _time_filter(value: Value, _: str | None) -> Value:
    moment = parse_moment(text_of(value))
    return moment.strftime("%H:%M") if moment else text_of(value)[:5]


def _number_filter(value: Value, digits: str | None) -> Value:
    number = number_of(value)
    return value if number is None else format_number(number, int(digits or 2))


def _currency_filter(value: Value, _: str | None) -> Value:
    number = number_of(value)
    return value if number is None else format_currency(number)


def _truncate(value: Value, length: str | None) -> str:
    text, limit = text_of(value), int(length or 80)
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + "…"


def _mask(value: Value, _: str | None) -> str:
    text = text_of(value)
    return "•" * max(len(text) - 4, 0) + text[-4:]


def _join(value: Value, mark: str | None) -> str:
    items = value if isinstance(value, list | tuple) else [value]
    return (", " if mark is None else mark).join(text_of(item) for item in items)


def _first_name(value: Value, _: str | None) -> str:
    words = text_of(value).split()
    return words[0].capitalize() if words else ""


# Filters whose argument is a whole number, and the largest one.
WHOLE_ARGUMENTS: Final = {"number": 10, "truncate": OUTPUT_MAX}
FILTERS: Final[Mapping[str, Callable[[Value, str | None], Value]]] = {
    "default": lambda value, other: other if is_empty(value) else value,
    "upper": lambda value, _: text_of(value).upper(),
    "lower": lambda value, _: text_of(value).lower(),
    "title": lambda value, _: text_of(value).title(),
    "trim": lambda value, _: text_of(value).strip(),
    "first_name": _first_name,
    "date": _date_filter,
    "time": _time_filter,
    "currency": _currency_filter,
    "number": _number_filter,
    "digits": lambda value, _: re.sub(r"[^0-9]", "", text_of(value)),
    "phone": lambda value, _: phones.format_phone(phones.digits_of(text_of(value))),
    "cpf": lambda value, _: format_cpf(text_of(value)),
    "join": _join,
    "count": lambda value, _: len(value) if isinstance(value, list | tuple | Mapping | str) else 0,
    "truncate": _truncate,
    "json": lambda value, _: json.dumps(plain(value), ensure_ascii=False),
    "urlencode": lambda value, _: quote(text_of(value), safe=""),
    "mask": _mask,
}
