"""Trying a flow: the production engine with a channel that leads nowhere and a clock that can be put forward.

A trial is a value: what the engine remembers and what was said. Nothing of it becomes a conversation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any, Final
from zoneinfo import ZoneInfo

from flows.engine.effects import CancelTimers, Effect, Ended, HandOff, Send, SetTimer, Warned
from flows.engine.events import Event, Reply, Start, TimerFired
from flows.engine.program import Program
from flows.engine.state import State
from flows.engine.state import from_json as state_from_json
from flows.engine.step import begin, step
from flows.engine.work import Env

LINES_MAX: Final = 200
TEXT_MAX: Final = 4096
# The customer of every trial.
PERSON: Final[Mapping[str, Any]] = {
    "name": "Ana Souza",
    "email": "ana@exemplo.com",
    "phone": "5511987654321",
    "wa_id": "5511987654321",
    "username": "",
    "company": "",
    "language": "",
    "is_vip": False,
    "lifecycle_stage": "",
    "lead_score": 0,
    "tags": [],
    "attributes": {},
    "custom_fields": {},
}

_RNG = SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A test session between two turns."""

    source: str  # "draft" or the number of a version
    draft_version: int
    state: State
    lines: tuple[dict[str, Any], ...] = ()
    timer: Mapping[str, str] = field(default_factory=dict)
    # By how much the clock was put forward.
    ahead_s: float = 0.0

    @property
    def is_over(self) -> bool:
        """Return whether the session has ended."""
        return self.state.status == "ended"

    def clock(self, now: datetime) -> datetime:
        """Return the time that the flow sees."""
        return now + timedelta(seconds=self.ahead_s)

    def to_json(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "source": self.source,
            "draft_version": self.draft_version,
            "state": self.state.to_json(),
            "lines": list(self.lines),
            "timer": dict(self.timer),
            "ahead_s": self.ahead_s,
        }


def from_json(raw: Mapping[str, Any]) -> Trial:
    """Return what `Trial.to_json` stored."""
    return Trial(
        source=raw["source"],
        draft_version=raw["draft_version"],
        state=state_from_json(raw["state"]),
        lines=tuple(raw["lines"]),
        timer=raw["timer"],
        ahead_s=raw["ahead_s"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a trial knows of its surroundings."""

    now: datetime
    zone: ZoneInfo
    language: str
    globals: Mapping[str, Any]
    load_program: Callable[[str], Program | None]
    get_program: Callable[[str], Program | None]


def start(program: Program, *, source: str, draft_version: int, world: World, text: str = "oi") -> Trial:
    """Begin with the customer's first message, which is never an answer."""
    fresh = Trial(source=source, draft_version=draft_version, state=begin(program), lines=(_said(text),))
    return _turn(program, fresh, Start(text=text), world, text)


def write(program: Program, trial: Trial, text: str, *, world: World) -> Trial:
    """Let the customer write."""
    text = text[:TEXT_MAX]
    return _turn(program, _with(trial, _said(text)), Reply(text=text), world, text)


def tap(program: Program, trial: Trial, reply_id: str, title: str, *, kind: str, world: World) -> Trial:
    """Let the customer tap a button or a row."""
    event = Reply(text=title[:TEXT_MAX], reply_id=reply_id[:256], kind="list" if kind == "list" else "button")
    return _turn(program, _with(trial, _said(title[:TEXT_MAX])), event, world, title)


def skip(program: Program, trial: Trial, *, world: World) -> Trial:
    """Put the clock forward to the timer that the session waits for, and let it ring."""
    if not trial.timer:
        return trial
    due = datetime.fromisoformat(trial.timer["due_at"])
    seconds = max(0.0, (due - trial.clock(world.now)).total_seconds())
    later = replace(
        _with(trial, {"from": "note", "code": "clock", "seconds": round(seconds)}),
        ahead_s=trial.ahead_s + seconds,
        timer={},
    )
    event = TimerFired(kind=trial.timer["kind"], node_id=trial.timer["node_id"], token=trial.timer["token"])
    return _turn(program, later, event, world, "")


def _turn(program: Program, trial: Trial, event: Event, world: World, message: str) -> Trial:
    turn = step(program, trial.state, event, _env(trial, world, message))
    trial = replace(trial, state=turn.state)
    for effect in turn.effects:
        trial = _apply(trial, effect)
    if trial.is_over:
        trial = replace(trial, timer={})
    return trial


def _apply(trial: Trial, effect: Effect) -> Trial:
    """Write down what the engine asked the world to do."""
    match effect:
        case Send(content=content, node_id=node_id):
            return _with(trial, {"from": "bot", "node_id": node_id, "content": content.as_dict()})
        case SetTimer():
            due = effect.due_at.isoformat()
            timer = {"kind": effect.kind, "node_id": effect.node_id, "token": effect.token, "due_at": due}
            return replace(trial, timer=timer)
        case CancelTimers():
            return replace(trial, timer={})
        case HandOff():
            target = effect.department or effect.queue or effect.agent
            return _with(trial, {"from": "note", "code": "handoff", "target": target, "priority": effect.priority})
        case Ended():
            return _with(trial, {"from": "note", "code": "ended", "reason": effect.reason, "outcome": effect.outcome})
        case Warned():
            reason = str(effect.details.get("reason", ""))[:300]
            note = {"from": "note", "code": "warning", "warning": effect.code, "reason": reason}
            return _with(trial, {**note, "node_id": effect.node_id})
        case _:
            return trial


def _said(text: str) -> dict[str, Any]:
    return {"from": "me", "text": text}


def _with(trial: Trial, line: dict[str, Any]) -> Trial:
    return replace(trial, lines=(*trial.lines, line)[-LINES_MAX:])


def _env(trial: Trial, world: World, message: str) -> Env:
    now = trial.clock(world.now)
    local = now.astimezone(world.zone)
    return Env(
        now=now,
        zone=world.zone,
        rng=_RNG,
        contact=PERSON,
        system={
            "now": local.isoformat(timespec="seconds"),
            "today": local.date().isoformat(),
            "time": local.strftime("%H:%M"),
            "weekday": local.isoweekday(),
            "phone": PERSON["phone"],
            "message": message,
            "message_type": "text",
            "channel": "official",
            "number_name": "",
            "window_open": True,
            "conversation_id": "",
        },
        globals=world.globals,
        language=world.language,
        load_program=world.load_program,
        get_program=world.get_program,
    )
