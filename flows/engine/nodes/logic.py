"""`condition` routes on values, `set_variable` computes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from flows.engine.fields import Fields
from flows.engine.nodes.base import NEXT, Go, Handle, Node, Outcome, leaving_by
from flows.engine.work import NodeError, Work
from pytake.core import patterns
from pytake.core.expressions import operators
from pytake.core.expressions.calls import Run
from pytake.core.expressions.evaluate import Expression, Scope, compile_expression
from pytake.core.expressions.values import ExpressionError, number_of, plain
from pytake.core.templating import Template, TemplateError, compile_template, fill, filler

_NO_RIGHT = {"exists", "empty"}


@dataclass(frozen=True, slots=True)
class Rule:
    """`left operator right`."""

    left: Any
    operator: str
    right: Any
    loose: bool
    read_left: Run
    read_right: Run

    def holds(self, work: Work) -> bool:
        """Return whether the rule is true now."""
        scope = work.scope()
        try:
            left, right = self.read_left(scope), self.read_right(scope)
            return operators.compare(left, self.operator, right, loose=self.loose)
        except (patterns.PatternError, ExpressionError) as exc:
            raise NodeError("condition_failed", str(exc)) from exc


@dataclass(frozen=True, slots=True)
class Case:
    """Rules that lead to a handle when all (or any) of them hold."""

    handle: str
    any_of: bool
    rules: tuple[Rule, ...]

    def holds(self, work: Work) -> bool:
        """Return whether the case is true now."""
        for rule in self.rules:
            if rule.holds(work) is self.any_of:
                return self.any_of
        return not self.any_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition(Node):
    """The first true case wins, else `default`; in boolean mode one group, handles true and false."""

    type: ClassVar[str] = "condition"

    cases: tuple[Case, ...]
    default: str

    @classmethod
    def parse(cls, fields: Fields, *, id: str, label: str) -> Condition:  # noqa: A002  # the word of the schema
        """Read mode, cases and default_handle, or rules and match."""
        if fields.one_of("mode", ("cases", "boolean"), "cases") == "boolean":
            return cls(id=id, label=label, cases=(_case(fields, handle="true"),), default="false")
        cases = []
        for item in fields.items("cases", low=1, high=50):
            cases.append(_case(item, handle=item.word("handle")))
            item.finish()
        names = [case.handle for case in cases]
        default = fields.word("default_handle", "default") or "default"
        if not all(names) or len({*names, default}) != len(names) + 1:
            fields.fail("duplicate_handle", "handles must be given and differ", key="cases")
        return cls(id=id, label=label, cases=tuple(cases), default=default)

    def handles(self) -> tuple[Handle, ...]:
        """Return one exit a case and the default."""
        return (*(Handle(case.handle) for case in self.cases), Handle(self.default))

    def enter(self, work: Work) -> Outcome:
        """Choose."""
        for case in self.cases:
            if case.holds(work):
                return leaving_by(case.handle)
        return leaving_by(self.default)

    def templates(self) -> Iterable[Template]:
        """Return both sides of every rule."""
        for case in self.cases:
            for rule in case.rules:
                for side in (rule.left, rule.right):
                    if isinstance(side, str):
                        yield compile_template(side)

    def excerpt(self) -> str:
        """Return the first rule."""
        rule = self.cases[0].rules[0] if self.cases and self.cases[0].rules else None
        return f"{rule.left} {rule.operator} {rule.right if rule.right is not None else ''}" if rule else ""


def _case(fields: Fields, *, handle: str) -> Case:
    rules = []
    for item in fields.items("rules", low=1, high=50):
        rules.append(_rule(item))
        item.finish()
    return Case(handle, fields.one_of("match", ("all", "any"), "all") == "any", tuple(rules))


def _rule(fields: Fields) -> Rule:
    operator = fields.one_of("operator", tuple(operators.OPERATORS), "==")
    left, right = fields.get("left"), fields.get("right")
    read_left, read_right = _filler(fields, "left", left), _filler(fields, "right", right)
    if left is None:
        fields.fail("empty_rule", "the left side is missing", key="left", fix="Choose a variable.")
    if right is None and operator not in _NO_RIGHT and "right" not in fields.raw:
        fields.fail("empty_rule", "the right side is missing", key="right", fix="Write a value.")
    if operator == "regex" and isinstance(right, str):
        try:
            patterns.compile_pattern(right)
        except patterns.PatternError as exc:
            fields.fail("invalid_regex", str(exc), key="right", fix="Correct or simplify the pattern.")
    return Rule(left, operator, right, fields.flag("loose"), read_left, read_right)


def _filler(fields: Fields, key: str, value: Any) -> Run:
    try:
        return filler(value)
    except TemplateError as exc:
        fields.fail("template_syntax", str(exc), key=key, fix="Correct the placeholder.")
        return filler(None)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One row of set_variable."""

    name: str
    kind: str
    value: Any
    expression: Expression | None = None
    template: Template | None = None

    def compute(self, work: Work) -> Any:
        """Return the new value."""
        if self.expression is not None:
            return self.expression.evaluate(work.scope())
        if self.kind == "static":
            return self.value
        return self._compute(work, work.scope())

    def _compute(self, work: Work, scope: Scope) -> Any:
        match self.kind:
            case "template" if self.template is not None:
                return self.template.render(scope)
            case "copy" if self.template is not None:
                return self.template.native(scope)
            case "append":
                present = work.lookup(self.name)
                return [*(present if isinstance(present, list) else []), fill(self.value, scope)]
            case "increment":
                step = number_of(fill(self.value, scope))
                return plain((number_of(work.lookup(self.name)) or 0) + (1 if step is None else step))
            case _:
                return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVariable(Node):
    """Rows of assignments, in order; later rows see earlier results."""

    type: ClassVar[str] = "set_variable"

    assignments: tuple[Assignment, ...]

    @classmethod
    def parse(cls, fields: Fields, *, id: str, label: str) -> SetVariable:  # noqa: A002  # the word of the schema
        """Read assignments."""
        rows = []
        for item in fields.items("assignments", low=1, high=50):
            rows.append(_assignment(item))
            item.finish()
        return cls(id=id, label=label, assignments=tuple(rows))

    def handles(self) -> tuple[Handle, ...]:
        """Return next and the optional error."""
        return (Handle("next"), Handle("error", required=False))

    def enter(self, work: Work) -> Outcome:
        """Compute; a failing row leads to `error` if wired, else it becomes null with a warning."""
        failed = ""
        for row in self.assignments:
            if row.kind == "unset":
                work.variables.pop(row.name, None)
                continue
            try:
                work.set(row.name, row.compute(work))
            except (ExpressionError, NodeError) as exc:
                failed = "assignment_failed"
                work.warn(failed, name=row.name, reason=str(exc))
                work.variables[row.name] = None
        if failed and work.program.has_edge(self.id, "error"):
            return Go("error", error_code=failed)
        return Go("next", error_code=failed) if failed else NEXT

    def templates(self) -> Iterable[Template]:
        """Return the texts of template rows."""
        for row in self.assignments:
            if row.kind == "template" and row.template is not None:
                yield row.template

    def assigns(self) -> Iterable[str]:
        """Return the names."""
        return (row.name for row in self.assignments if row.kind != "unset")

    def excerpt(self) -> str:
        """Return the rows."""
        return ", ".join(f"{row.name} = {row.value}" for row in self.assignments)


_KINDS = ("static", "template", "expression", "copy", "append", "increment", "unset")


def _assignment(fields: Fields) -> Assignment:
    name, kind = fields.word("name"), fields.one_of("kind", _KINDS, "static")
    value, expression, template = fields.get("value"), None, None
    if not name:
        fields.fail("empty_name", "the name is missing", key="name", fix="Name the variable.")
    try:
        if kind == "expression":
            expression = compile_expression(str(value or ""))
        elif kind == "template":
            value = str(value or "")
            template = compile_template(value)
        elif kind == "copy":
            template = compile_template("{{" + str(value or "") + "}}")
    except ExpressionError as exc:
        fields.fail("expression_syntax", str(exc), key="value", fix="Correct the expression.")
    return Assignment(name, kind, value, expression, template)
