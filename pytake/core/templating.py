"""Texts with placeholders: `{{name}}`, paths, filters, `{{#each}}`, `{{#if}}`.

A template is compiled once and rendered many times. Unknown paths render empty text. What customers
write is a value and is never read as a template. A text that is exactly one placeholder keeps the native
type of its value in `native()`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from pytake.core import phones
from pytake.core.dates import format_moment, parse_moment
from pytake.core.documents import format_cpf
from pytake.core.expressions import parser
from pytake.core.expressions.evaluate import Scope, evaluate
from pytake.core.expressions.parser import Node, parse
from pytake.core.expressions.values import ExpressionError, Value, is_empty, number_of, plain, text_of, truth, walk
from pytake.core.money import format_currency, format_number

OUTPUT_MAX: Final = 16 * 1024
EACH_MAX: Final = 100
_TAG: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_PATH: Final = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_-]+)*$")
_FUNCTION: Final = re.compile(r"^function\.(uuid|coupon|today|now_plus)\((.*)\)$", re.DOTALL)
_SHORT: Final = re.compile(r"^(coupon|today|now_plus)\((.*)\)$", re.DOTALL)


class TemplateError(ExpressionError):
    """A template cannot be read; the message says why, for authors."""


@dataclass(frozen=True, slots=True)
class _Filter:
    name: str
    argument: str | None


@dataclass(frozen=True, slots=True)
class _Placeholder:
    path: tuple[str, ...]
    filters: tuple[_Filter, ...]
    call: Node | None = None


@dataclass(frozen=True, slots=True)
class _Each:
    path: tuple[str, ...]
    body: tuple[_Part, ...]


@dataclass(frozen=True, slots=True)
class _If:
    condition: Node
    then: tuple[_Part, ...]
    otherwise: tuple[_Part, ...]


_Part: TypeAlias = "str | _Placeholder | _Each | _If"


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template."""

    source: str
    parts: tuple[_Part, ...]

    @property
    def is_constant(self) -> bool:
        """Whether there is nothing to fill in."""
        return all(isinstance(part, str) for part in self.parts)

    def names(self) -> set[str]:
        """Return the root names that it reads (variables, contact...), but for those it can do without."""
        return set(_names(self.parts))

    def render(self, scope: Scope) -> str:
        """Return the text with its values, cut at OUTPUT_MAX characters."""
        if len(self.parts) == 1 and isinstance(self.parts[0], str):
            return self.parts[0]
        pieces, room = [], OUTPUT_MAX
        for piece in _render(self.parts, scope):
            pieces.append(piece)
            room -= len(piece)
            if room <= 0:
                break
        return "".join(pieces)[:OUTPUT_MAX]

    def native(self, scope: Scope) -> Value:
        """Return the value itself when the template is exactly one placeholder, else the text."""
        if len(self.parts) == 1 and isinstance(self.parts[0], _Placeholder):
            return _placeholder_value(self.parts[0], scope)
        return self.render(scope)


@lru_cache(maxsize=8192)
def compile_template(source: str) -> Template:
    """Return the compiled template; raises TemplateError."""
    reader = _Reader(source)
    parts = reader.parts(closing=None)
    return Template(source, parts)


class _Reader:
    """Splits the source into texts and tags, and nests the blocks."""

    def __init__(self, source: str) -> None:
        self._pieces = _TAG.split(source)
        self._at = 0
        self._ended_by = ""

    def parts(self, closing: str | None, depth: int = 0) -> tuple[_Part, ...]:
        """Read until the closing tag (or the end of the source)."""
        if depth > 8:
            raise TemplateError("blocks are nested too deeply")
        found: list[_Part] = []
        while self._at < len(self._pieces):
            piece, is_tag = self._pieces[self._at], self._at % 2 == 1
            self._at += 1
            if not is_tag:
                if "{{" in piece:
                    raise TemplateError("'}}' is missing after '{{'")
                found.extend([piece] if piece else [])
                continue
            tag = piece.strip()
            if closing and (tag == f"/{closing}" or (closing == "if" and tag == "else")):
                self._ended_by = tag
                return tuple(found)
            found.append(self._tag(tag, depth))
        if closing:
            raise TemplateError(f"{{{{/{closing}}}}} is missing")
        return tuple(found)

    def _tag(self, tag: str, depth: int) -> _Part:
        if tag.startswith("#each "):
            path = _path(tag[6:].strip())
            return _Each(path, self.parts("each", depth + 1))
        if tag.startswith("#if "):
            condition = parse(tag[4:].strip())
            then = self.parts("if", depth + 1)
            otherwise = self.parts("if", depth + 1) if self._ended_by == "else" else ()
            return _If(condition, then, otherwise)
        if tag.startswith(("#", "/")) or tag == "else":
            raise TemplateError(f"{{{{{tag}}}}} is not expected here")
        return _placeholder(tag)


def _path(text: str) -> tuple[str, ...]:
    if not _PATH.match(text):
        raise TemplateError(f"{text[:60]!r} is not a variable")
    return tuple(text.split("."))


def _placeholder(tag: str) -> _Placeholder:
    head, *rest = _pipes(tag)
    filters = tuple(_filter(part) for part in rest)
    if match := _FUNCTION.match(head) or _SHORT.match(head):
        return _Placeholder((), filters, parse(f"{match.group(1)}({match.group(2)})"))
    return _Placeholder(_path(head), filters)


def _pipes(tag: str) -> list[str]:
    """Split at | outside of quotes."""
    parts, quoted = [""], False
    for letter in tag:
        quoted ^= letter == '"'
        if letter == "|" and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _filter(text: str) -> _Filter:
    name, mark, argument = text.partition(":")
    name = name.strip()
    if name not in FILTERS:
        raise TemplateError(f"there is no filter {name!r}")
    argument = argument.strip()
    if len(argument) >= 2 and argument[0] == argument[-1] == '"':
        argument = argument[1:-1]
    limit = _WHOLE_ARGUMENTS.get(name)
    if mark and limit and not (argument.isascii() and argument.isdigit() and int(argument[:9]) <= limit):
        raise TemplateError(f"the filter {name!r} takes a whole number up to {limit}")
    return _Filter(name, argument if mark else None)


def _names(parts: tuple[_Part, ...]) -> Iterator[str]:
    for part in parts:
        match part:
            case _Placeholder(path, filters, call):
                if not any(item.name == "default" for item in filters):
                    yield from path[:1] if call is None else parser.names(call)
            case _Each(path, _):
                # Inside, names may be fields of the items, which only the running flow knows.
                yield path[0]
            case _If(condition, then, otherwise):
                # A text that asks whether a variable is there knows that it may be missing.
                asked = parser.names(condition)
                yield from (name for name in _names((*then, *otherwise)) if name not in asked)
            case _:
                pass


def _render(parts: tuple[_Part, ...], scope: Scope) -> Iterator[str]:
    for part in parts:
        match part:
            case str():
                yield part
            case _Placeholder():
                yield text_of(_placeholder_value(part, scope))
            case _If(condition, then, otherwise):
                yield from _render(then if truth(evaluate(condition, scope)) else otherwise, scope)
            case _Each():
                yield from _repeat(part, scope)


def _repeat(part: _Each, scope: Scope) -> Iterator[str]:
    items = walk(scope.lookup, part.path)
    if not isinstance(items, list | tuple):
        return
    for index, item in enumerate(items[:EACH_MAX], start=1):
        scope.budget.spend(1 + len(part.body))
        yield from _render(part.body, replace(scope, lookup=_inside(scope.lookup, item, index)))


def _inside(outer: Callable[[str], Value], item: Value, index: int) -> Callable[[str], Value]:
    def lookup(name: str) -> Value:
        if name == "this":
            return item
        if name == "index":
            return index
        if isinstance(item, Mapping) and name in item:
            return item[name]
        return outer(name)

    return lookup


def _placeholder_value(part: _Placeholder, scope: Scope) -> Value:
    value = evaluate(part.call, scope) if part.call is not None else walk(scope.lookup, part.path)
    try:
        for item in part.filters:
            value = FILTERS[item.name](value, item.argument)
    except (ValueError, ArithmeticError) as exc:
        raise TemplateError(f"a filter cannot take {text_of(value)[:40]!r}") from exc
    return plain(value)


def fill(value: Any, scope: Scope) -> Any:
    """Return a JSON value with every text in it rendered, keeping native types of lone placeholders."""
    if isinstance(value, str):
        return compile_template(value).native(scope)
    if isinstance(value, Mapping):
        return {key: fill(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, scope) for item in value]
    return value


def syntax(value: Any) -> set[str]:
    """Compile every text in a JSON value; return the root names that they read. Raises TemplateError."""
    if isinstance(value, str):
        return compile_template(value).names()
    if isinstance(value, Mapping):
        return set().union(*(syntax(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(syntax(item) for item in value))
    return set()


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
_WHOLE_ARGUMENTS: Final = {"number": 10, "truncate": OUTPUT_MAX}
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
