"""Texts with placeholders: `{{name}}`, paths, filters, `{{#each}}`, `{{#if}}`.

A template is compiled once and rendered many times. Unknown paths render empty text. What customers
write is a value and is never read as a template. A text that is exactly one placeholder keeps the native
type of its value in `native()`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, TypeAlias

from pytake.core.expressions import parser
from pytake.core.expressions.calls import Run
from pytake.core.expressions.closures import reader
from pytake.core.expressions.evaluate import Expression, Scope, compile_expression
from pytake.core.expressions.values import ExpressionError, Lookup, Value, plain, text_of, truth
from pytake.core.filters import FILTERS, OUTPUT_MAX, WHOLE_ARGUMENTS

EACH_MAX: Final = 100
_TAG: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_PATH: Final = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_-]+)*$")
_FUNCTION: Final = re.compile(r"^function\.(uuid|coupon|today|now_plus)\((.*)\)$", re.DOTALL)
_SHORT: Final = re.compile(r"^(coupon|today|now_plus)\((.*)\)$", re.DOTALL)
# Adds what a part says to the pieces and returns how many characters there is still room for.
_Writer: TypeAlias = Callable[[Scope, list[str], int], int]


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
    call: Expression | None = None


@dataclass(frozen=True, slots=True)
class _Each:
    path: tuple[str, ...]
    body: tuple[_Part, ...]


@dataclass(frozen=True, slots=True)
class _If:
    condition: Expression
    then: tuple[_Part, ...]
    otherwise: tuple[_Part, ...]


_Part: TypeAlias = "str | _Placeholder | _Each | _If"


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template."""

    source: str
    parts: tuple[_Part, ...]
    # The text itself when there is nothing to fill in.
    constant: str | None = field(init=False, repr=False, compare=False)
    _writers: tuple[_Writer, ...] = field(init=False, repr=False, compare=False)
    _value: Run | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        texts = [part for part in self.parts if isinstance(part, str)]
        alone = self.parts[0] if len(self.parts) == 1 else None
        object.__setattr__(self, "constant", "".join(texts) if len(texts) == len(self.parts) else None)
        object.__setattr__(self, "_writers", _writers(self.parts))
        object.__setattr__(self, "_value", _getter(alone) if isinstance(alone, _Placeholder) else None)

    @property
    def is_constant(self) -> bool:
        """Whether there is nothing to fill in."""
        return self.constant is not None

    def names(self) -> set[str]:
        """Return the root names that it reads (variables, contact...), but for those it can do without."""
        return set(_names(self.parts))

    def render(self, scope: Scope) -> str:
        """Return the text with its values, cut at OUTPUT_MAX characters."""
        if self.constant is not None:
            return self.constant
        pieces: list[str] = []
        room = _write(self._writers, scope, pieces, OUTPUT_MAX)
        text = "".join(pieces)
        return text if room >= 0 else text[:OUTPUT_MAX]

    def native(self, scope: Scope) -> Value:
        """Return the value itself when the template is exactly one placeholder, else the text."""
        return self.render(scope) if self._value is None else plain(self._value(scope))


@lru_cache(maxsize=8192)
def compile_template(source: str) -> Template:
    """Return the compiled template; raises TemplateError."""
    return Template(source, _Reader(source).parts(closing=None))


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
            condition = compile_expression(tag[4:].strip())
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
        return _Placeholder((), filters, compile_expression(f"{match.group(1)}({match.group(2)})"))
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
    limit = WHOLE_ARGUMENTS.get(name)
    if mark and limit and not (argument.isascii() and argument.isdigit() and int(argument[:9]) <= limit):
        raise TemplateError(f"the filter {name!r} takes a whole number up to {limit}")
    return _Filter(name, argument if mark else None)


def _names(parts: tuple[_Part, ...]) -> Iterator[str]:
    for part in parts:
        match part:
            case _Placeholder(path, filters, call):
                if not any(item.name == "default" for item in filters):
                    yield from path[:1] if call is None else parser.names(call.tree)
            case _Each(path, _):
                # Inside, names may be fields of the items, which only the running flow knows.
                yield path[0]
            case _If(condition, then, otherwise):
                # A text that asks whether a variable is there knows that it may be missing.
                asked = parser.names(condition.tree)
                yield from (name for name in _names((*then, *otherwise)) if name not in asked)
            case _:
                pass


def _writers(parts: tuple[_Part, ...]) -> tuple[_Writer, ...]:
    return tuple(_writer(part) for part in parts)


def _writer(part: _Part) -> _Writer:
    match part:
        case str():
            return _constant(part)
        case _Placeholder():
            return _value(_getter(part))
        case _If(condition, then, otherwise):
            return _branch(condition, _writers(then), _writers(otherwise))
        case _Each(path, body):
            return _loop(reader(path[0], path[1:]), _writers(body))


def _write(writers: tuple[_Writer, ...], scope: Scope, pieces: list[str], room: int) -> int:
    """Write until there is no room left."""
    for writer in writers:
        room = writer(scope, pieces, room)
        if room <= 0:
            break
    return room


def _constant(text: str) -> _Writer:
    length = len(text)

    def write(_scope: Scope, pieces: list[str], room: int) -> int:
        pieces.append(text)
        return room - length

    return write


def _value(read: Run) -> _Writer:
    def write(scope: Scope, pieces: list[str], room: int) -> int:
        text = text_of(read(scope))
        pieces.append(text)
        return room - len(text)

    return write


def _branch(condition: Expression, then: tuple[_Writer, ...], otherwise: tuple[_Writer, ...]) -> _Writer:
    def write(scope: Scope, pieces: list[str], room: int) -> int:
        return _write(then if truth(condition.evaluate(scope)) else otherwise, scope, pieces, room)

    return write


def _loop(read: Run, body: tuple[_Writer, ...]) -> _Writer:
    def write(scope: Scope, pieces: list[str], room: int) -> int:
        items = read(scope)
        if not isinstance(items, list | tuple):
            return room
        for index, item in enumerate(items[:EACH_MAX], start=1):
            scope.budget.spend(1 + len(body))
            room = _write(body, scope.within(_inside(scope.lookup, item, index)), pieces, room)
            if room <= 0:
                break
        return room

    return write


def _inside(outer: Lookup, item: Value, index: int) -> Lookup:
    def lookup(name: str) -> Value:
        if name == "this":
            return item
        if name == "index":
            return index
        if isinstance(item, Mapping) and name in item:
            return item[name]
        return outer(name)

    return lookup


def _getter(part: _Placeholder) -> Run:
    """Return what reads the value of a placeholder and filters it."""
    read = part.call.evaluate if part.call is not None else reader(part.path[0], part.path[1:])
    if not part.filters:
        return read
    filters = tuple((FILTERS[item.name], item.argument) for item in part.filters)

    def run(scope: Scope) -> Value:
        value = read(scope)
        try:
            for function, argument in filters:
                value = function(value, argument)
        except (ValueError, ArithmeticError) as exc:
            raise TemplateError(f"a filter cannot take {text_of(value)[:40]!r}") from exc
        return value

    return run


def filler(value: Any) -> Run:
    """Return what fills in a JSON value as `fill` does; raises TemplateError for a text that cannot be read."""
    if isinstance(value, str):
        template = compile_template(value)
        return _always(template.constant) if template.constant is not None else template.native
    if isinstance(value, Mapping | list):
        return lambda scope: fill(value, scope)
    return _always(value)


def _always(value: Value) -> Run:
    return lambda _scope: value


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
