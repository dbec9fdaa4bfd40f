"""Texts of the restricted expression language to trees. Our own parser; nothing is ever evaluated by Python.

Grammar (lowest binding first): `a if c else b`, or, and, not, comparisons and `in`, + -, * / %, unary -,
calls, paths, literals, lists, objects, parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from pytake.core.expressions.functions import ARITIES
from pytake.core.expressions.values import ExpressionError

SOURCE_MAX: Final = 2000
DEPTH_MAX: Final = 32

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<mark>==|!=|<=|>=|[-+*/%<>()\[\]{},.:]))""",
    re.VERBOSE,
)
_KEYWORDS: Final = {"and", "or", "not", "in", "if", "else", "true", "false", "null"}
_COMPARISONS: Final = {"==", "!=", "<", "<=", ">", ">="}


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    value: object


@dataclass(frozen=True, slots=True)
class Path:
    """A variable and the way into it; keys are names or computed by expressions."""

    root: str
    keys: tuple[str | Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Unary:
    """`-a` or `not a`."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Choice:
    """`then if condition else otherwise`."""

    condition: Node
    then: Node
    otherwise: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A built-in function."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """An object."""

    pairs: tuple[tuple[str, Node], ...]


Node: TypeAlias = Literal | Path | Unary | Binary | Choice | Call | Items | Pairs


def parse(source: str) -> Node:
    """Return the tree of an expression; raises ExpressionError."""
    if len(source) > SOURCE_MAX:
        raise ExpressionError(f"the expression is longer than {SOURCE_MAX} characters")
    reader = _Reader(_tokens(source))
    tree = reader.expression()
    reader.expect_end()
    return tree


def names(tree: Node) -> set[str]:
    """Return the root names that an expression reads."""
    found: set[str] = set()
    waiting: list[Node] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Path):
            found.add(node.root)
        waiting.extend(_children(node))
    return found


def _children(node: Node) -> Iterator[Node]:
    match node:
        case Path(_, keys):
            yield from (key for key in keys if not isinstance(key, str))
        case Unary(_, operand):
            yield operand
        case Binary(_, left, right):
            yield from (left, right)
        case Choice(condition, then, otherwise):
            yield from (condition, then, otherwise)
        case Call(_, items) | Items(items):
            yield from items
        case Pairs(pairs):
            yield from (item for _, item in pairs)
        case Literal():
            pass


def _call(name: str, arguments: tuple[Node, ...]) -> Call:
    """Return the call; a function that does not exist, or other arguments than it takes, is refused here."""
    arity = ARITIES.get(name)
    if arity is None:
        raise ExpressionError(f"there is no function {name!r}")
    if len(arguments) not in arity:
        raise ExpressionError(f"{name}() does not take {len(arguments)} arguments")
    return Call(name, arguments)


def _tokens(source: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    stripped = source.rstrip()
    while at < len(stripped):
        match = _TOKEN.match(stripped, at)
        if match is None or match.end() == at:
            raise ExpressionError(f"unexpected {stripped[at]!r} at position {at + 1}")
        kind = match.lastgroup or ""
        found.append((kind, match.group(kind)))
        at = match.end()
    return found


class _Reader:
    """Recursive descent with a bound on depth."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def expression(self) -> Node:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise ExpressionError(f"the expression is nested deeper than {DEPTH_MAX} levels")
        tree = self._or()
        if self._take_name("if"):
            condition = self._or()
            self._expect_name("else")
            tree = Choice(condition, tree, self.expression())
        self._depth -= 1
        return tree

    def expect_end(self) -> None:
        if self._at < len(self._tokens):
            raise ExpressionError(f"unexpected {self._tokens[self._at][1]!r}")

    def _or(self) -> Node:
        tree = self._and()
        while self._take_name("or"):
            tree = Binary("or", tree, self._and())
        return tree

    def _and(self) -> Node:
        tree = self._not()
        while self._take_name("and"):
            tree = Binary("and", tree, self._not())
        return tree

    def _not(self) -> Node:
        negations = 0
        while self._take_name("not"):
            negations += 1
        tree = self._comparison()
        return Unary("not", tree) if negations % 2 else (Unary("not", Unary("not", tree)) if negations else tree)

    def _comparison(self) -> Node:
        tree = self._sum()
        while True:
            operator = self._comparison_operator()
            if not operator:
                return tree
            tree = Binary(operator, tree, self._sum())

    def _comparison_operator(self) -> str:
        kind, word = self._peek()
        if kind == "mark" and word in _COMPARISONS:
            self._at += 1
            return word
        if kind == "name" and word == "in":
            self._at += 1
            return "in"
        if kind == "name" and word == "not" and self._peek(1) == ("name", "in"):
            self._at += 2
            return "not in"
        return ""

    def _sum(self) -> Node:
        tree = self._product()
        while (operator := self._take_mark("+", "-")) is not None:
            tree = Binary(operator, tree, self._product())
        return tree

    def _product(self) -> Node:
        tree = self._unary()
        while (operator := self._take_mark("*", "/", "%")) is not None:
            tree = Binary(operator, tree, self._unary())
        return tree

    def _unary(self) -> Node:
        signs = 0
        while self._take_mark("-") is not None:
            signs += 1
        tree = self._atom()
        return Unary("-", tree) if signs % 2 else tree

    def _atom(self) -> Node:
        kind, word = self._peek()
        self._at += 1
        if kind == "number":
            return Literal(Decimal(word))
        if kind == "text":
            return Literal(re.sub(r"\\(.)", r"\1", word[1:-1]))
        if kind == "name":
            return self._named(word)
        if word == "(":
            tree = self.expression()
            self._expect_mark(")")
            return tree
        if word == "[":
            return Items(self._list("]"))
        if word == "{":
            return self._object()
        raise ExpressionError(f"unexpected {word!r}" if word else "the expression ends too early")

    def _named(self, word: str) -> Node:
        if word in {"true", "false", "null"}:
            return Literal({"true": True, "false": False, "null": None}[word])
        if word in _KEYWORDS:
            raise ExpressionError(f"unexpected {word!r}")
        if self._take_mark("(") is not None:
            return _call(word, self._list(")"))
        keys: list[str | Node] = []
        while (mark := self._take_mark(".", "[")) is not None:
            if mark == ".":
                # `rows.0.1` is read as the number 0.1: two positions.
                keys.extend(self._key().split("."))
            else:
                keys.append(self.expression())
                self._expect_mark("]")
        if word == "function" and len(keys) == 1 and self._take_mark("(") is not None:
            return _call(str(keys[0]), self._list(")"))
        return Path(word, tuple(keys))

    def _key(self) -> str:
        kind, word = self._peek()
        if kind not in {"name", "number"}:
            raise ExpressionError("a name must follow the dot")
        self._at += 1
        return word

    def _list(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        if self._take_mark(end) is not None:
            return ()
        while True:
            items.append(self.expression())
            if self._take_mark(end) is not None:
                return tuple(items)
            self._expect_mark(",")

    def _object(self) -> Node:
        pairs: list[tuple[str, Node]] = []
        if self._take_mark("}") is not None:
            return Pairs(())
        while True:
            kind, word = self._peek()
            if kind not in {"text", "name"}:
                raise ExpressionError("an object's key must be a text or a name")
            self._at += 1
            key = word[1:-1] if kind == "text" else word
            self._expect_mark(":")
            pairs.append((key, self.expression()))
            if self._take_mark("}") is not None:
                return Pairs(tuple(pairs))
            self._expect_mark(",")

    def _peek(self, ahead: int = 0) -> tuple[str, str]:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else ("", "")

    def _take_name(self, word: str) -> bool:
        if self._peek() != ("name", word):
            return False
        if word == "not" and self._peek(1) == ("name", "in"):
            return False
        self._at += 1
        return True

    def _take_mark(self, *marks: str) -> str | None:
        kind, word = self._peek()
        if kind != "mark" or word not in marks:
            return None
        self._at += 1
        return word

    def _expect_mark(self, mark: str) -> None:
        if self._take_mark(mark) is None:
            raise ExpressionError(f"{mark!r} is missing")

    def _expect_name(self, word: str) -> None:
        if not self._take_name(word):
            raise ExpressionError(f"{word!r} is missing")
