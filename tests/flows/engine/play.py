"""A tiny stage for flows: build a graph, play replies, see what was said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from flows.engine.effects import Ended, HandOff, Send, SetTimer
from flows.engine.events import Event, Reply, Start, TimerFired
from flows.engine.program import Program, compile_graph
from flows.engine.state import State
from flows.engine.step import Turn, begin, step
from flows.engine.work import Env

NOW = datetime(2026, 8, 10, 15, 0, tzinfo=UTC)


def node(node_id: str, kind: str, /, **data: Any) -> dict[str, Any]:
    return {"id": node_id, "type": kind, "label": "", "data": data}


def graph(nodes: list[dict[str, Any]], *edges: tuple[str, str, str], **more: Any) -> dict[str, Any]:
    return {
        "schema": "pytake.flow/1",
        "nodes": nodes,
        "edges": [{"source": s, "sourceHandle": h, "target": t} for s, h, t in edges],
        **more,
    }


class Stage:
    """One session of one program (others by id for jumps)."""

    def __init__(self, raw: Mapping[str, Any], *, others: Mapping[str, Program] | None = None, **env: Any) -> None:
        self.program = compile_graph(raw, program_id="main")
        known = {"main": self.program, **(others or {})}
        self.env = Env(
            now=NOW,
            zone=ZoneInfo("America/Sao_Paulo"),
            rng=Random(1),
            load_program=known.get,
            get_program=known.get,
            **env,
        )
        self.programs = known
        self.state: State = begin(self.program)
        self.turn = Turn(self.state, ())

    def start(self, text: str = "oi", **variables: Any) -> Stage:
        return self.give(Start(text=text, variables=variables))

    def reply(self, text: str = "", *, tap: str = "", kind: str = "text") -> Stage:
        return self.give(Reply(text=text, reply_id=tap, kind=kind))

    def wait(self, duration: timedelta) -> Stage:
        """Let time pass; the newest timer fires if it is due."""
        self.env = replace(self.env, now=self.env.now + duration)
        timers = [effect for effect in self.turn.effects if isinstance(effect, SetTimer)]
        if timers and timers[-1].due_at <= self.env.now:
            last = timers[-1]
            self.give(TimerFired(kind=last.kind, node_id=last.node_id, token=last.token))
        return self

    def give(self, event: Event) -> Stage:
        self.turn = step(self.programs[self.state.program_id], self.state, event, self.env)
        self.state = self.turn.state
        return self

    @property
    def said(self) -> list[str]:
        return [effect.content.preview() for effect in self.turn.effects if isinstance(effect, Send)]

    @property
    def ended(self) -> Ended | None:
        return next((effect for effect in self.turn.effects if isinstance(effect, Ended)), None)

    @property
    def handed_off(self) -> HandOff | None:
        return next((effect for effect in self.turn.effects if isinstance(effect, HandOff)), None)
