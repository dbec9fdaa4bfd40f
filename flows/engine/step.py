"""The engine: one event in, the next state and what to do out. Pure, never recursive, always ends.

`step(program, state, event, env)` takes a session from one rest to the next: it delivers the event to
the node where the session waits, then executes nodes along the edges until one waits, sleeps or ends.
Limits: 100 node executions a turn, 10 visits of one node between two inputs, 20 messages a turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from flows.engine import phrases
from flows.engine.effects import CancelTimers, Effect, Ended, HandOff, Visit
from flows.engine.events import Event, Reply, Start, TimerFired
from flows.engine.nodes.base import CallFlow, Finish, Go, JumpTo, Outcome, Stay
from flows.engine.program import Program
from flows.engine.state import PATH_KEPT, Frame, State, Status
from flows.engine.work import VARIABLES_MAX, Env, NodeError, Work
from pytake.core.expressions.values import ExpressionError

TURN_MAX: Final = 100
VISITS_MAX: Final = 10
STACK_MAX: Final = 10
_CANCEL: Final = CancelTimers()


@dataclass(frozen=True, slots=True)
class Turn:
    """The result of a step."""

    state: State
    effects: tuple[Effect, ...]


class _Run:
    """One turn: where it is and what it has gathered."""

    def __init__(self, program: Program, state: State, env: Env) -> None:
        self.state = state
        self.env = env
        self.visits = dict(state.node_visits)
        self.path = list(state.path)
        self.stack = list(state.call_stack)
        self.work = Work(
            program=program,
            env=env,
            variables=dict(state.variables),
            question=dict(state.question),
            node_id=state.node_id,
        )
        self.ended: Finish | None = None
        self.sleeping = False

    def at(self, node_id: str) -> None:
        """Move to a node."""
        self.work.node_id = node_id

    def turn(self) -> Turn:
        """Return what came of it."""
        ended, work = self.ended, self.work
        work.close()
        if ended is not None:
            work.effects.append(_CANCEL)
            work.effects.append(Ended(reason=ended.reason, outcome=ended.outcome, then=ended.then))
        status: Status = "ended" if ended else "sleeping" if self.sleeping else "waiting"
        state = State(
            program_id=work.program.id,
            node_id=work.node_id,
            status=status,
            end_reason=ended.reason if ended else "",
            variables=work.variables,
            call_stack=tuple(self.stack),
            question={} if ended else work.question,
            node_visits=self.visits,
            path=tuple(self.path if len(self.path) <= PATH_KEPT else self.path[-PATH_KEPT:]),
        )
        return Turn(state, tuple(work.effects))


def begin(program: Program, *, variables: Mapping[str, Any] | None = None) -> State:
    """Return the state of a session that has not started."""
    return State(program_id=program.id, variables=dict(variables or {}))


def step(program: Program, state: State, event: Event, env: Env) -> Turn:
    """Return the next state and the effects of one event.

    An event that does not concern the session any more (a stale timer, anything after the end)
    changes nothing. Errors of nodes follow `settings.on_error`; the function itself raises nothing.
    """
    if state.status == "ended":
        return Turn(state, ())
    run = _Run(program, state, env)
    outcome = _deliver(run, event)
    if outcome is None:
        return Turn(state, ())
    _go_on(run, outcome)
    return run.turn()


def _deliver(run: _Run, event: Event) -> Outcome | None:
    """Hand the event to the node that waits. None: it does not concern this session."""
    match event:
        case Reply():
            run.visits = {}
            _find_late_menu(run, event)
        case Start(variables=variables):
            run.work.variables.update(variables)
            return JumpTo(run.work.program.start)
        case TimerFired(token=token):
            if token != run.work.question.get("token"):
                return None
    node = run.work.program.nodes.get(run.work.node_id)
    if node is None:
        return None
    try:
        outcome = node.receive(run.work, event)
    except (NodeError, ExpressionError) as exc:
        return _failed(run, exc)
    if isinstance(outcome, Stay):
        # The node still waits: only its memory and words changed.
        run.sleeping = outcome.sleeping
        return outcome
    run.work.effects.append(_CANCEL)
    return outcome


def _find_late_menu(run: _Run, reply: Reply) -> None:
    """A tap on a menu that was shown earlier goes back to that menu, if this session passed it."""
    if not reply.reply_id or run.state.status != "waiting":
        return
    candidates = run.work.program.reply_index.get(reply.reply_id)
    if candidates is None or run.work.node_id in candidates:
        return
    if reply.reply_id in {str(option.get("id")) for option in run.work.question.get("options", [])}:
        return
    passed = [node_id for node_id in candidates if node_id in run.path]
    if passed:
        run.at(passed[-1])
        node = run.work.program.nodes[passed[-1]]
        options = [{"id": reply_id, "title": reply_id, "value": None} for reply_id in node.reply_ids()]
        for option in options:
            option["title"] = reply.text if option["id"] == reply.reply_id else option["title"]
        run.work.question = {"attempts": 0, "options": options}


def _go_on(run: _Run, outcome: Outcome) -> None:
    """Follow outcomes until the session rests. Every loop step is one node execution or one return."""
    pending: Outcome | None = outcome
    executed = 0
    while pending is not None and not isinstance(pending, Stay):
        target = _resolve(run, pending)
        if target is None:
            return
        executed += 1
        visits = run.visits[target] = run.visits.get(target, 0) + 1
        if executed > TURN_MAX or visits > VISITS_MAX:
            run.at(target)
            _stop_on_error(run, "loop_guard")
            return
        pending = _execute(run, target)


def _resolve(run: _Run, outcome: Outcome) -> str | None:
    """Return the node to execute next, or None when the session has ended."""
    match outcome:
        case Go(handle):
            target = run.work.program.next_of(run.work.node_id, handle)
            return target if target is not None else _finish(run, Finish())
        case JumpTo(node_id):
            if node_id in run.work.program.nodes:
                return node_id
            _stop_on_error(run, "failed")
            return None
        case CallFlow():
            return _call(run, outcome)
        case Finish():
            return _finish(run, outcome)
        case _:
            return None


def _execute(run: _Run, node_id: str) -> Outcome:
    work = run.work
    node = work.program.nodes[node_id]
    work.node_id = node_id
    work.question = {}
    run.path.append(node_id)
    try:
        outcome = node.enter(work)
    except (NodeError, ExpressionError) as exc:
        return _failed(run, exc)
    if isinstance(outcome, Go):
        work.effects.append(_visit(node_id, node.type, outcome.handle, outcome.error_code))
        run.sleeping = False
    else:
        work.effects.append(_visit(node_id, node.type, "", ""))
        run.sleeping = isinstance(outcome, Stay) and outcome.sleeping
    if work.size > VARIABLES_MAX:
        return _failed(run, NodeError("variables_too_large", "the session holds more than 256 KB"))
    return outcome


@lru_cache(maxsize=8192)
def _visit(node_id: str, node_type: str, handle: str, error_code: str) -> Visit:
    """Sessions pass the same few places again and again."""
    return Visit(node_id=node_id, node_type=node_type, handle=handle, error_code=error_code)


def _failed(run: _Run, exc: Exception) -> Outcome:
    """A node could not do its work: handle `error` if wired, else what the author set for errors."""
    code = exc.code if isinstance(exc, NodeError) else "expression_failed"
    node = run.work.program.nodes[run.work.node_id]
    run.work.warn(code, reason=str(exc)[:300])
    wired = run.work.program.has_edge(node.id, "error")
    run.work.effects.append(_visit(node.id, node.type, "error" if wired else "", code))
    if wired:
        return Go("error", error_code=code)
    _say_fallback(run)
    return _error_outcome(run, "failed")


def _stop_on_error(run: _Run, reason: str) -> None:
    run.work.warn(reason, path=run.path[-20:])
    _say_fallback(run)
    _finish(run, _error_outcome(run, reason), whole=True)


def _say_fallback(run: _Run) -> None:
    if run.work.program.settings.on_error == "end":
        return
    own = run.work.program.settings.fallback_message
    run.work.say(own.choose(run.env.language).source if own else phrases.say("fallback", run.env.language))


def _error_outcome(run: _Run, reason: str) -> Finish:
    if run.work.program.settings.on_error == "handoff":
        run.work.effects.append(HandOff(priority="high", context=f"{reason} @ {run.work.node_id}"))
    return Finish(reason)


def _call(run: _Run, call: CallFlow) -> str | None:
    """Enter another flow at its published version; remember where to return to."""
    program = run.env.load_program(call.flow_id)
    if program is None or len(run.stack) >= STACK_MAX:
        run.work.warn("flow_missing" if program is None else "stack_too_deep", flow_id=call.flow_id)
        _stop_on_error(run, "failed")
        return None
    if call.returns:
        run.stack.append(
            Frame(
                program_id=run.work.program.id,
                node_id=run.work.node_id,
                variables=dict(run.work.variables),
                return_variables=call.return_variables,
            )
        )
    run.work.program = program
    run.work.variables = dict(call.variables)
    return program.start


def _finish(run: _Run, finish: Finish, *, whole: bool = False) -> str | None:
    """End the session, or return to the flow that called; then the node after the jump comes next."""
    while finish.reason == "completed" and run.stack and not whole:
        frame = run.stack.pop()
        parent = run.env.get_program(frame.program_id)
        if parent is None:
            continue
        brought = {name: run.work.variables.get(name) for name in frame.return_variables}
        run.work.program = parent
        run.work.variables = {**frame.variables, **brought}
        run.at(frame.node_id)
        target = parent.next_of(frame.node_id, "return")
        if target is not None:
            return target
    run.ended = finish
    return None
