"""Trees to Python closures, so that nothing is decided again at run time.

What a tree takes for certain (`steps`) is paid before it runs; branches, functions and lists pay for
themselves when they are reached. Operators and functions of constants are computed here, once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, DecimalException
from random import Random
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from pytake.core.expressions.arithmetic import OPERATIONS, negated
from pytake.core.expressions.calls import Run, call, is_small
from pytake.core.expressions.functions import PURE
from pytake.core.expressions.parser import Binary, Call, Choice, Items, Literal, Node, Pairs, Path, Unary
from pytake.core.expressions.scope import STEPS_MAX, Budget, Scope
from pytake.core.expressions.values import ExpressionError, Value, member, position_of, text_of, truth

# Takes what stands left of an operator.
_Link: TypeAlias = Callable[[Value, Scope], Value]

# Longer texts are computed anew each time rather than kept.
_KEPT_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class Closure:
    """What computes a tree, the steps that it takes at least, and whether it is always the same value."""

    run: Run
    steps: int = 1
    constant: bool = False


def closure_of(tree: Node) -> Closure:
    """Return what computes the tree."""
    match tree:
        case Literal(value):
            return _always(value)
        case Path(root, keys):
            return _path(root, keys)
        case Unary(operator, operand):
            return _unary(operator, closure_of(operand))
        case Binary():
            return _binary(tree)
        case Choice(condition, then, otherwise):
            return _choice(closure_of(condition), closure_of(then), closure_of(otherwise))
        case Call(name, arguments):
            return _call(name, [closure_of(item) for item in arguments])
        case Items(items):
            return _items([closure_of(item) for item in items])
        case Pairs(pairs):
            return _pairs([(key, closure_of(item)) for key, item in pairs])


def _always(value: Value, steps: int = 1) -> Closure:
    return Closure(lambda _scope: value, steps, constant=True)


def _folded(closure: Closure) -> Closure:
    """Return the constant that a closure of constants gives, if that is worth keeping."""
    scope = Scope(lookup=lambda _name: None, now=_NEVER, zone=_NOWHERE, rng=Random(0), budget=Budget())  # noqa: S311  # never asked
    try:
        value = closure.run(scope)
    except (ExpressionError, DecimalException, OverflowError):
        # The error belongs to whoever evaluates it.
        return closure
    if value is None or isinstance(value, bool | Decimal | int) or (isinstance(value, str) and len(value) <= _KEPT_MAX):
        return _always(value, closure.steps + STEPS_MAX - scope.budget.steps)
    return closure


_NEVER: Final = datetime(2000, 1, 1, tzinfo=UTC)
_NOWHERE: Final = ZoneInfo("UTC")


def _path(root: str, keys: tuple[str | Node, ...]) -> Closure:
    found = [key if isinstance(key, str) else _key(closure_of(key)) for key in keys]
    fixed = tuple(key for key in found if isinstance(key, str))
    steps = 1 + sum(not isinstance(key, str) for key in keys)
    if len(fixed) < len(found):
        computed = sum(not isinstance(key, str) for key in found)
        return Closure(_computed_path(root, found), steps - computed)
    return Closure(reader(root, fixed), steps)


def _key(closure: Closure) -> str | Closure:
    """Return a computed key; one that is always the same, as its text."""
    return text_of(closure.run(_NO_SCOPE)) if closure.constant and closure.steps == 1 else closure


_NO_SCOPE: Final = Scope(lookup=lambda _name: None, now=_NEVER, zone=_NOWHERE, rng=Random(0))  # noqa: S311  # never asked


def reader(root: str, keys: tuple[str, ...]) -> Run:
    """Return what follows a path of names; null when a part is absent."""
    if not keys:
        return lambda scope: scope.lookup(root)
    return _field(root, keys[0]) if len(keys) == 1 else _path_of_names(root, keys)


def _field(root: str, key: str) -> Run:
    position = position_of(key)
    if position >= 0:
        return _item(root, key, position)

    def run(scope: Scope) -> Value:
        value = scope.lookup(root)
        return value.get(key) if type(value) is dict else member(value, key)

    return run


def _item(root: str, key: str, position: int) -> Run:
    def run(scope: Scope) -> Value:
        value = scope.lookup(root)
        if type(value) is list:
            return value[position] if position < len(value) else None
        return member(value, key)

    return run


def _path_of_names(root: str, keys: tuple[str, ...]) -> Run:
    def run(scope: Scope) -> Value:
        value = scope.lookup(root)
        for key in keys:
            value = value.get(key) if type(value) is dict else member(value, key)
        return value

    return run


def _computed_path(root: str, keys: list[str | Closure]) -> Run:
    def run(scope: Scope) -> Value:
        value = scope.lookup(root)
        for key in keys:
            if value is None:
                return None
            if isinstance(key, Closure):
                scope.budget.spend(key.steps)
                value = member(value, text_of(key.run(scope)))
            else:
                value = member(value, key)
        return value

    return run


def _unary(operator: str, operand: Closure) -> Closure:
    inner = operand.run
    run: Run = (lambda scope: not truth(inner(scope))) if operator == "not" else (lambda scope: negated(inner(scope)))
    closure = Closure(run, 1 + operand.steps)
    return _folded(closure) if operand.constant else closure


def _binary(tree: Binary) -> Closure:
    """Chains such as `a + b + c` lean to the left and may be long: they are walked, not recursed into."""
    chain = [tree]
    while isinstance(left := chain[-1].left, Binary):
        chain.append(left)
    first = closure_of(chain[-1].left)
    links, steps, constant = [], 1 + first.steps, first.constant
    for binary in reversed(chain):
        right = closure_of(binary.right)
        links.append(_lazy(binary.operator, right) or _eager(binary.operator, right))
        steps += 1 if binary.operator in {"and", "or"} else 1 + right.steps
        constant = constant and right.constant
    closure = Closure(_chain(first.run, tuple(links)), steps)
    return _folded(closure) if constant else closure


def _chain(first: Run, links: tuple[_Link, ...]) -> Run:
    if len(links) == 1:
        (only,) = links
        return lambda scope: only(first(scope), scope)

    def run(scope: Scope) -> Value:
        value = first(scope)
        for link in links:
            value = link(value, scope)
        return value

    return run


def _lazy(operator: str, right: Closure) -> _Link | None:
    """Return the link of `and` and `or`, which look at the right side only when it matters."""
    if operator not in {"and", "or"}:
        return None
    decided = operator == "or"
    run, steps = right.run, right.steps

    def link(left: Value, scope: Scope) -> Value:
        if truth(left) is decided:
            return decided
        scope.budget.spend(steps)
        return truth(run(scope))

    return link


def _eager(operator: str, right: Closure) -> _Link:
    operation, run = OPERATIONS[operator], right.run
    if right.constant:
        fixed = run(_NO_SCOPE)
        return lambda left, _scope: operation(left, fixed)

    def link(left: Value, scope: Scope) -> Value:
        other = run(scope)
        if type(other) is list:
            scope.budget.spend(len(other))
        return operation(left, other)

    return link


def _choice(condition: Closure, then: Closure, otherwise: Closure) -> Closure:
    asked = condition.run

    def run(scope: Scope) -> Value:
        branch = then if truth(asked(scope)) else otherwise
        scope.budget.spend(branch.steps)
        return branch.run(scope)

    closure = Closure(run, 1 + condition.steps)
    return _folded(closure) if condition.constant and then.constant and otherwise.constant else closure


def _call(name: str, arguments: list[Closure]) -> Closure:
    constants = _trailing_constants(arguments)
    varying = arguments[: len(arguments) - len(constants)]
    run = call(name, tuple(argument.run for argument in varying), constants)
    closure = Closure(run, 1 + sum(argument.steps for argument in arguments))
    constant = name in PURE and all(argument.constant for argument in arguments)
    return _folded(closure) if constant else closure


def _trailing_constants(arguments: list[Closure]) -> tuple[Value, ...]:
    """Return the small constants that end the arguments, but for the first argument."""
    found: list[Value] = []
    for argument in reversed(arguments[1:]):
        value = argument.run(_NO_SCOPE) if argument.constant else _NO_SCOPE
        if value is _NO_SCOPE or not is_small(value):
            break
        found.insert(0, value)
    return tuple(found)


def _items(items: list[Closure]) -> Closure:
    runs = tuple(item.run for item in items)
    return Closure(lambda scope: [item(scope) for item in runs], 1 + sum(item.steps for item in items))


def _pairs(pairs: list[tuple[str, Closure]]) -> Closure:
    runs = tuple((key, item.run) for key, item in pairs)
    return Closure(lambda scope: {key: item(scope) for key, item in runs}, 1 + sum(item.steps for _, item in pairs))
