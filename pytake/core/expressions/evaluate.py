"""Computing expressions: compiled once, evaluated many times, every step counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Context, DecimalException, getcontext, localcontext, setcontext
from functools import lru_cache
from typing import Final

from pytake.core.expressions.closures import Closure, closure_of
from pytake.core.expressions.parser import Node, Path, parse
from pytake.core.expressions.scope import STEPS_MAX, Budget, Scope
from pytake.core.expressions.values import TEXT_MAX, ExpressionError, Value, plain

__all__ = ["STEPS_MAX", "Budget", "Expression", "Scope", "compile_expression", "compile_tree", "evaluate"]

_ARITHMETIC: Final = Context(prec=28)


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression."""

    tree: Node
    _closure: Closure = field(repr=False, compare=False)
    # Names alone: nothing to calculate.
    _is_path: bool = field(default=False, repr=False, compare=False)

    def evaluate(self, scope: Scope) -> Value:
        """Return the value as JSON can hold it; raises ExpressionError."""
        scope.budget.spend(self._closure.steps)
        if self._is_path:
            return plain(self._closure.run(scope))
        before = getcontext()
        # Faster than localcontext, which copies; nothing that runs here changes the context's settings.
        setcontext(_ARITHMETIC)
        try:
            value = plain(self._closure.run(scope))
        except (DecimalException, OverflowError) as exc:
            raise ExpressionError("the arithmetic has no result (division by zero?)") from exc
        finally:
            setcontext(before)
        # Lists and objects are measured where they are stored.
        if type(value) is str and len(value) > TEXT_MAX:
            raise ExpressionError("the result is too large")
        return value


def compile_tree(tree: Node) -> Expression:
    """Return a tree in the form that runs."""
    with localcontext(_ARITHMETIC):
        is_path = isinstance(tree, Path) and all(isinstance(key, str) for key in tree.keys)
        return Expression(tree, closure_of(tree), is_path)


@lru_cache(maxsize=4096)
def compile_expression(source: str) -> Expression:
    """Return the compiled expression; raises ExpressionError."""
    return compile_tree(parse(source))


def evaluate(tree: Node, scope: Scope) -> Value:
    """Compute a tree that is needed once; raises ExpressionError."""
    return compile_tree(tree).evaluate(scope)
