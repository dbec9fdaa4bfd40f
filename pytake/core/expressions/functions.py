"""The built-in functions of expressions. Each takes plain values and returns one."""

from __future__ import annotations

import inspect
import json
import re
import uuid as uuids
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from pytake.core import patterns, phones
from pytake.core.dates import format_moment, parse_moment
from pytake.core.expressions import operators
from pytake.core.expressions.arithmetic import required_number
from pytake.core.expressions.values import (
    LIST_MAX,
    TEXT_MAX,
    ExpressionError,
    Value,
    is_empty,
    member,
    number_of,
    plain,
    text_of,
)
from pytake.core.money import format_currency, format_number

if TYPE_CHECKING:
    from pytake.core.expressions.scope import Scope

Function = Callable[..., Value]


def _whole(value: Value) -> int:
    return int(value if type(value) is Decimal else required_number(value))


def _list(value: Value) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise ExpressionError("a list is expected")
    return list(value)


def _round(value: Value, digits: Value = 0) -> Decimal:
    return required_number(value).quantize(Decimal(1).scaleb(-_whole(digits)), ROUND_HALF_UP)


def _length(value: Value) -> int:
    return len(value) if isinstance(value, list | Mapping) else len(text_of(value))


def _sum(values: Value) -> Decimal:
    return sum((required_number(item) for item in _list(values)), Decimal(0))


def _extreme(pick: Callable[..., Decimal]) -> Function:
    def function(*values: Value) -> Value:
        items = _list(values[0]) if len(values) == 1 and isinstance(values[0], list) else list(values)
        return pick(required_number(item) for item in items) if items else None

    return function


def _sort(values: Value, field: Value = None) -> list[Any]:
    def key(item: Value) -> tuple[int, Any]:
        value = item if field is None else member(item, text_of(field))
        number = number_of(value)
        return (0, number) if number is not None else (1, text_of(value).casefold())

    return sorted(_list(values), key=key)


def _unique(values: Value) -> list[Any]:
    kept: dict[tuple[str, object], Any] = {}
    for item in _list(values):
        kept.setdefault(_likeness(item), item)
    return list(kept.values())


def _likeness(value: Value) -> tuple[str, object]:
    """Return what values that are equal for people (`operators.equal`) have in common."""
    if is_empty(value):
        return ("empty", None)
    if (number := number_of(value)) is not None:
        return ("number", number)
    if (boolean := operators.boolean_of(value)) is not None:
        return ("boolean", boolean)
    return ("text", text_of(value).strip().casefold())


def _item(values: Value, index: Value) -> Value:
    items, at = _list(values), _whole(index)
    return items[at] if 0 <= at < len(items) else None


def _first(values: Value) -> Value:
    items = _list(values)
    return items[0] if items else None


def _last(values: Value) -> Value:
    items = _list(values)
    return items[-1] if items else None


def _slice(values: Value, start: Value, end: Value = None) -> Value:
    stop = None if end is None else _whole(end)
    return _list(values)[_whole(start) : stop]


def _substring(text: Value, start: Value, length: Value = None) -> str:
    begin = max(_whole(start), 0)
    return text_of(text)[begin:] if length is None else text_of(text)[begin : begin + max(_whole(length), 0)]


def _filter(values: Value, field: Value, wanted: Value) -> list[Any]:
    key = text_of(field)
    return [item for item in _list(values) if operators.equal(member(item, key), wanted)]


def _get(value: Value, key: Value, default: Value = None) -> Value:
    found = member(value, text_of(key))
    return default if found is None else found


def _object(value: Value) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ExpressionError("an object is expected")
    return value


def _merge(*objects: Value) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for value in objects:
        merged.update(_object(value))
    return merged


def _replace(text: Value, old: Value, new: Value) -> str:
    whole, part, fresh = text_of(text), text_of(old), text_of(new)
    # Measured before it is built: two texts of 64 KB could make one of 4 GB.
    if len(whole) + whole.count(part) * len(fresh) > 2 * TEXT_MAX:
        raise ExpressionError("the text is too long")
    return whole.replace(part, fresh)


def _split(text: Value, mark: Value = ",") -> list[str]:
    # One more than allowed shows that there are too many.
    return [part.strip() for part in text_of(text).split(text_of(mark), LIST_MAX + 1)]


def _join(values: Value, mark: Value = ", ") -> str:
    between, total, parts = text_of(mark), 0, []
    for item in _list(values):
        parts.append(text_of(item))
        total += len(parts[-1]) + len(between)
        if total > 2 * TEXT_MAX:
            raise ExpressionError("the text is too long")
    return between.join(parts)


def _coalesce(*values: Value) -> Value:
    return next((value for value in values if not is_empty(value)), None)


def _type(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float | Decimal):
        return "number"
    return "list" if isinstance(value, list) else "object" if isinstance(value, Mapping) else "text"


def _parse_json(text: Value) -> Value:
    try:
        return plain(json.loads(text_of(text), parse_float=Decimal))
    except (json.JSONDecodeError, RecursionError) as exc:
        raise ExpressionError("the text is not JSON") from exc


def _now(scope: Scope) -> str:
    return scope.local.isoformat(timespec="seconds")


def _today(scope: Scope) -> str:
    return scope.today


def _moment(value: Value) -> date | datetime:
    moment = parse_moment(value if type(value) is str else text_of(value))
    if moment is None:
        raise ExpressionError(f"{text_of(value)[:40]!r} is not a date")
    return moment


def _add_days(value: Value, days: Value) -> str:
    moment, shift = _moment(value), _whole(days)
    return _shifted(moment, shift) if type(moment) is date else (moment + timedelta(days=shift)).isoformat()


@lru_cache(maxsize=4096)
def _shifted(day: date, days: int) -> str:
    return (day + timedelta(days=days)).isoformat()


def _add_hours(value: Value, hours: Value) -> str:
    moment = _moment(value)
    base = moment if isinstance(moment, datetime) else datetime.combine(moment, datetime.min.time())
    return (base + timedelta(hours=float(required_number(hours)))).isoformat()


def _day(value: Value) -> date:
    moment = _moment(value)
    return moment.date() if isinstance(moment, datetime) else moment


def _weekday(value: Value) -> int:
    return _day(value).isoweekday()


def _format_date(value: Value, pattern: Value = "DD/MM/YYYY") -> str:
    return format_moment(_moment(value), text_of(pattern))


def _now_plus(scope: Scope, days: Value) -> str:
    return (scope.local.date() + timedelta(days=_whole(days))).isoformat()


_COUPON_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def _coupon(scope: Scope, prefix: Value = "", length: Value = 8) -> str:
    size = max(1, min(_whole(length), 32))
    # 32 letters: five bits each, all drawn at once.
    bits = scope.rng.getrandbits(5 * size)
    return text_of(prefix) + "".join(_COUPON_LETTERS[bits >> 5 * at & 31] for at in range(size))


def _uuid(scope: Scope) -> str:
    return str(uuids.UUID(int=scope.rng.getrandbits(128), version=4))


def _date(text: Value, pattern: Value = None) -> str | None:
    moment = parse_moment(text_of(text), None if pattern is None else text_of(pattern))
    return moment.isoformat() if moment else None


# Functions that depend on more than their arguments.
CLOCKED: Final = {"now", "today", "uuid", "coupon", "now_plus"}
FUNCTIONS: Final[Mapping[str, Function]] = {
    "len": _length,
    "lower": lambda text: text_of(text).lower(),
    "upper": lambda text: text_of(text).upper(),
    "trim": lambda text: text_of(text).strip(),
    "title": lambda text: text_of(text).title(),
    "replace": _replace,
    "split": _split,
    "join": _join,
    "substring": _substring,
    "starts_with": lambda text, start: text_of(text).casefold().startswith(text_of(start).casefold()),
    "ends_with": lambda text, end: text_of(text).casefold().endswith(text_of(end).casefold()),
    "contains": lambda value, part: operators.compare(value, "contains", part),
    "digits": lambda text: re.sub(r"[^0-9]", "", text_of(text)),
    "format_phone": lambda text: phones.format_phone(phones.digits_of(text_of(text))),
    "matches": lambda text, pattern: patterns.matches(text_of(pattern), text_of(text)),
    "number": number_of,
    "round": _round,
    "floor": lambda value: required_number(value).to_integral_value(ROUND_FLOOR),
    "ceil": lambda value: required_number(value).to_integral_value(ROUND_CEILING),
    "abs": lambda value: abs(required_number(value)),
    "min": _extreme(min),
    "max": _extreme(max),
    "sum": _sum,
    "format_number": lambda value, digits=2: format_number(required_number(value), _whole(digits)),
    "format_currency": lambda value: format_currency(required_number(value)),
    "first": _first,
    "last": _last,
    "item": _item,
    "slice": _slice,
    "append": lambda values, value: [*_list(values), value],
    "concat": lambda *lists: [item for values in lists for item in _list(values)],
    "map": lambda values, field: [member(item, text_of(field)) for item in _list(values)],
    "filter": _filter,
    "sort": _sort,
    "unique": _unique,
    "count": lambda values: _length(values) if values is not None else 0,
    "get": _get,
    "lookup": _get,
    "keys": lambda value: list(_object(value)),
    "values": lambda value: list(_object(value).values()),
    "merge": _merge,
    "now": _now,
    "today": _today,
    "now_plus": _now_plus,
    "date": _date,
    "add_days": _add_days,
    "add_hours": _add_hours,
    "diff_days": lambda a, b: (_day(b) - _day(a)).days,
    "weekday": _weekday,
    "format_date": _format_date,
    "is_business_day": lambda value: _day(value).isoweekday() <= 5,
    "coalesce": _coalesce,
    "type": _type,
    "is_empty": is_empty,
    "uuid": _uuid,
    "coupon": _coupon,
    "json": _parse_json,
}


def _arity(name: str, function: Function) -> range:
    """Return how many arguments the author may give (the scope is not theirs to give)."""
    parameters = list(inspect.signature(function).parameters.values())[1 if name in CLOCKED else 0 :]
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return range(_ARGUMENTS_MAX + 1)
    return range(sum(parameter.default is parameter.empty for parameter in parameters), len(parameters) + 1)


_ARGUMENTS_MAX: Final = 100
ARITIES: Final[Mapping[str, range]] = {name: _arity(name, function) for name, function in FUNCTIONS.items()}
# Functions that take a day, or a text that means one, and little else.
OF_DAYS: Final = {"add_days", "format_date", "is_business_day", "weekday"}
PURE: Final = FUNCTIONS.keys() - CLOCKED
