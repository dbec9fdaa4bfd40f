"""`jump`, `delay`, `handoff`, `end`: where the session goes without asking anything."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import ClassVar

from flows.engine.effects import HandOff
from flows.engine.events import Event, Reply, TimerFired
from flows.engine.fields import EMPTY, Fields, Wording
from flows.engine.nodes.base import NEXT, CallFlow, Finish, Go, Handle, JumpTo, Node, Outcome, Stay
from flows.engine.work import NodeError, Work
from pytake.core.clock import to_instant
from pytake.core.expressions.evaluate import Expression, compile_expression
from pytake.core.expressions.values import ExpressionError, text_of, walk
from pytake.core.templating import Template

_UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
_DELAY_MAX_S = 30 * 86400
_PATH = re.compile(r"^[A-Za-z_][A-Za-z0-9_.]*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump(Node):
    """Go to a node of this flow, or into another flow and perhaps back."""

    type: ClassVar[str] = "jump"

    target: str
    node_id: str = ""
    flow_id: str = ""
    returns: bool = False
    pass_all: bool = True
    mapping: tuple[tuple[str, str], ...] = ()
    return_variables: tuple[str, ...] = ()

    @classmethod
    def parse(cls, fields: Fields, *, id: str, label: str) -> Jump:  # noqa: A002  # the word of the schema
        """Read target, node_id or flow_id, return_to_parent, pass_variables, variable_mapping, return_variables."""
        target = fields.one_of("target", ("node", "flow"), "node")
        mapping = fields.get("variable_mapping", {})
        returned = fields.get("return_variables", [])
        node_id, flow_id = fields.word("node_id"), fields.word("flow_id")
        if not (node_id if target == "node" else flow_id):
            fields.fail("missing_target", "the target is missing", fix="Choose where to go.")
        if not isinstance(mapping, dict) or not all(_PATH.match(str(path)) for path in mapping.values()):
            fields.fail("wrong_type", "names and paths are expected", key="variable_mapping")
            mapping = {}
        if not isinstance(returned, list) or not all(isinstance(name, str) for name in returned):
            fields.fail("wrong_type", "a list of names is expected", key="return_variables")
            returned = []
        fields.flag("allow_other_bot")
        return cls(
            id=id,
            label=label,
            target=target,
            node_id=node_id,
            flow_id=flow_id,
            returns=fields.flag("return_to_parent"),
            pass_all=fields.one_of("pass_variables", ("all", "none", "mapped"), "all") == "all",
            mapping=tuple((str(name), str(path)) for name, path in mapping.items()),
            return_variables=tuple(returned),
        )

    def handles(self) -> tuple[Handle, ...]:
        """Return `return` when the jump comes back."""
        return (Handle("return"),) if self.returns and self.target == "flow" else ()

    def enter(self, work: Work) -> Outcome:
        """Leave for the target."""
        if self.target == "node":
            return JumpTo(self.node_id)
        passed: dict[str, object] = dict(work.variables) if self.pass_all else {}
        for name, path in self.mapping:
            passed[name] = walk(work.lookup, tuple(path.split(".")))
        return CallFlow(self.flow_id, self.returns, passed, self.return_variables)

    def excerpt(self) -> str:
        """Return the target."""
        return self.node_id or self.flow_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay(Node):
    """Sleep: for a while, until an instant, or until a time of day. Never in a process: a timer wakes it."""

    type: ClassVar[str] = "delay"
    waits: ClassVar[bool] = True

    mode: str
    seconds: int = 0
    until: Expression | None = None
    at: str = ""
    message: Wording = EMPTY
    interrupts: bool = False

    @classmethod
    def parse(cls, fields: Fields, *, id: str, label: str) -> Delay:  # noqa: A002  # the word of the schema
        """Read mode, amount and unit, until, time, message, on_inbound."""
        mode = fields.one_of("mode", ("duration", "until", "time_of_day", "business_hours"), "duration")
        seconds, until, at = 0, None, fields.word("time")
        amount = fields.integer("amount", None, 1, _DELAY_MAX_S)
        unit = fields.one_of("unit", tuple(_UNITS), "minutes")
        if mode == "duration":
            seconds = (amount or 0) * _UNITS[unit]
            if not 1 <= seconds <= _DELAY_MAX_S:
                fields.fail("out_of_range", "one second to 30 days", key="amount", fix="Choose a shorter delay.")
        elif mode == "until":
            until = _expression(fields, "until")
        elif mode == "time_of_day" and not re.match(r"^([01]\d|2[0-3]):[0-5]\d$", at):
            fields.fail("wrong_type", "a time such as 09:00 is expected", key="time")
        elif mode == "business_hours":
            fields.fail("not_supported_yet", "opening hours are not known yet", key="mode", fix="Use a time of day.")
        return cls(
            id=id,
            label=label,
            mode=mode,
            seconds=seconds,
            until=until,
            at=at,
            message=fields.wording("message"),
            interrupts=fields.one_of("on_inbound", ("queue", "interrupt"), "queue") == "interrupt",
        )

    def handles(self) -> tuple[Handle, ...]:
        """Return next and the optional interrupted."""
        return (Handle("next"), Handle("interrupted", required=False))

    def enter(self, work: Work) -> Outcome:
        """Say the message and sleep."""
        if self.message:
            work.say(work.render(self.message.choose(work.env.language)))
        wait = max(self._wake_at(work) - work.env.now, timedelta(0))
        if wait > timedelta(seconds=_DELAY_MAX_S):
            raise NodeError("delay_too_long", "a delay lasts at most 30 days")
        work.set_timer("delay", wait)
        return Stay(sleeping=True)

    def receive(self, work: Work, event: Event) -> Outcome:
        """Wake by the timer; a message interrupts if the author wants, else it waits unread by the flow."""
        match event:
            case TimerFired():
                return NEXT
            case Reply() if self.interrupts:
                return Go("interrupted" if work.program.has_edge(self.id, "interrupted") else "next")
            case _:
                return Stay(sleeping=True)

    def _wake_at(self, work: Work) -> datetime:
        now = work.env.now
        if self.mode == "duration":
            return now + timedelta(seconds=self.seconds)
        if self.mode == "time_of_day":
            local = now.astimezone(work.env.zone)
            wanted = time.fromisoformat(self.at)
            day = local.date() if local.time() < wanted else local.date() + timedelta(days=1)
            return to_instant(day, wanted, work.env.zone)
        return self._until(work)

    def _until(self, work: Work) -> datetime:
        try:
            value = text_of(self.until.evaluate(work.scope())) if self.until is not None else ""
            moment = datetime.fromisoformat(value)
        except (ExpressionError, ValueError) as exc:
            raise NodeError("bad_instant", "the delay's end is not a date and time") from exc
        return moment if moment.tzinfo else to_instant(moment.date(), moment.time(), work.env.zone)

    def templates(self) -> Iterable[Template]:
        """Return the message."""
        return self.message.texts.values()

    def excerpt(self) -> str:
        """Return how long."""
        return f"{self.seconds} s" if self.mode == "duration" else self.at or self.mode


def _expression(fields: Fields, key: str) -> Expression | None:
    try:
        return compile_expression(fields.word(key))
    except ExpressionError as exc:
        fields.fail("expression_syntax", str(exc), key=key, fix="Correct the expression.")
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff(Node):
    """Pass the conversation to people. Ends the session."""

    type: ClassVar[str] = "handoff"

    target: str
    department: Template
    queue: Template
    agent: Template
    priority: str
    context: Template
    message: Wording = EMPTY
    send_message: bool = True

    @classmethod
    def parse(cls, fields: Fields, *, id: str, label: str) -> Handoff:  # noqa: A002  # the word of the schema
        """Read target, department, queue, agent, priority, context, message."""
        return cls(
            id=id,
            label=label,
            target=fields.one_of("target", ("default", "department", "queue", "agent"), "default"),
            department=fields.template("department"),
            queue=fields.template("queue"),
            agent=fields.template("agent"),
            priority=fields.one_of("priority", ("low", "medium", "high", "urgent"), "medium"),
            context=fields.template("context"),
            message=fields.wording("message"),
            send_message=fields.flag("send_message", default=True),
        )

    def handles(self) -> tuple[Handle, ...]:
        """No exits."""
        return ()

    def enter(self, work: Work) -> Outcome:
        """Say it and hand over."""
        if self.send_message and self.message:
            work.say(work.render(self.message.choose(work.env.language)))
        work.effects.append(
            HandOff(
                department=work.render(self.department) if self.department.parts else "",
                queue=work.render(self.queue) if self.queue.parts else "",
                agent=work.render(self.agent) if self.agent.parts else "",
                priority=self.priority,
                context=work.render(self.context) if self.context.parts else "",
            )
        )
        return Finish("handed_off")

    def templates(self) -> Iterable[Template]:
        """Return all texts."""
        yield from self.message.texts.values()
        yield from (self.department, self.queue, self.agent, self.context)

    def excerpt(self) -> str:
        """Return the target."""
        return self.department.source or self.queue.source or self.agent.source or self.message.choose("pt-br").source


@dataclass(frozen=True, slots=True, kw_only=True)
class End(Node):
    """The end of the flow (or the way back to the flow that called it)."""

    type: ClassVar[str] = "end"

    message: Wording
    outcome: str
    then: str

    @classmethod
    def parse(cls, fields: Fields, *, id: str, label: str) -> End:  # noqa: A002  # the word of the schema
        """Read message, outcome, then."""
        if fields.flag("csat"):
            fields.fail("not_supported_yet", "ratings cannot be asked yet", key="csat", fix="Set it to false.")
        return cls(
            id=id,
            label=label,
            message=fields.wording("message"),
            outcome=fields.word("outcome"),
            then=fields.one_of("then", ("none", "handoff", "resolve"), "none"),
        )

    def handles(self) -> tuple[Handle, ...]:
        """No exits."""
        return ()

    def enter(self, work: Work) -> Outcome:
        """Say goodbye."""
        if self.message:
            work.say(work.render(self.message.choose(work.env.language)))
        if self.then == "handoff":
            work.effects.append(HandOff(priority="medium"))
            return Finish("handed_off", self.outcome)
        return Finish("completed", self.outcome, self.then)

    def templates(self) -> Iterable[Template]:
        """Return the message."""
        return self.message.texts.values()

    def excerpt(self) -> str:
        """Return the outcome or the message."""
        return self.outcome or self.message.choose("pt-br").source
