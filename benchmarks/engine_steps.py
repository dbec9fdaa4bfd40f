"""Node steps per second of the pure engine on one core: the booking flow of the gallery, played to its end.

    python -m benchmarks.engine_steps

A step is one node executed. Counted is the time inside `step` alone; storing what comes of it is the
business of other benchmarks. Storage is simulated once a run, to show what JSON in and out would add.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from benchmarks.harness import quick, report
from flows.engine.effects import Visit
from flows.engine.events import Event, Reply, Start
from flows.engine.program import Program, compile_graph
from flows.engine.state import State, from_json
from flows.engine.step import begin, step
from flows.engine.work import Env

FLOW: Final = Path(__file__).resolve().parent.parent / "flows/gallery/appointment_booking.json"
# Books an appointment after one mistake and one change of mind, then asks for a person.
BOOKING: Final[Sequence[Event]] = (
    Start(text="oi"),
    Reply(text="Agendar consulta", reply_id="book", kind="button"),
    Reply(text="Ana Souza"),
    Reply(text="ana@@exemplo"),
    Reply(text="ana@exemplo.com"),
    Reply(text="Cardiologia", reply_id="cardiologia", kind="list"),
    Reply(text="2"),
    Reply(text="Outro horário", reply_id="other", kind="button"),
    Reply(text="1"),
    Reply(text="Confirmar", reply_id="yes", kind="button"),
    Reply(text="falar com atendente"),
)
TARGET: Final = 50_000


def main() -> None:
    """Measure and report."""
    program = compile_graph(json.loads(FLOW.read_text(encoding="utf-8"))["graph"], program_id="booking")
    env = Env(
        now=datetime(2026, 8, 10, 15, tzinfo=UTC),
        zone=ZoneInfo("America/Sao_Paulo"),
        rng=Random(1),
        contact={"name": "Ana Souza"},
    )
    seconds = 0.5 if quick() else 5.0
    steps, turns = _size(program, env)
    rows = []
    for title, keep in (("in memory", _as_it_is), ("with its state through JSON each turn", _through_json)):
        conversations, cpu = _measure(lambda keep=keep: _play(program, env, keep), seconds)  # type: ignore[misc]  # bound now
        rows.append(
            {
                "conversations": title,
                "node steps/s": int(conversations * steps / cpu),
                "turns/s": int(conversations * turns / cpu),
                "µs/step": cpu / conversations / steps * 1e6,
            }
        )
    report(
        "engine_steps",
        f"Engine, one core: booking flow, {steps} node steps in {turns} turns a conversation",
        rows,
        f"target: {TARGET:,} node steps/s in memory",
    )


def _as_it_is(state: State) -> State:
    return state


def _through_json(state: State) -> State:
    return from_json(json.loads(json.dumps(state.to_json())))


def _play(program: Program, env: Env, keep: Callable[[State], State]) -> None:
    state = begin(program)
    for event in BOOKING:
        state = step(program, keep(state), event, env).state


def _size(program: Program, env: Env) -> tuple[int, int]:
    """Return how many nodes one conversation executes, and in how many turns; it must reach its end."""
    state, steps = begin(program), 0
    for event in BOOKING:
        turn = step(program, state, event, env)
        state = turn.state
        steps += sum(isinstance(effect, Visit) for effect in turn.effects)
    assert state.end_reason == "handed_off", f"the conversation rests at {state.node_id}"
    return steps, len(BOOKING)


def _measure(play: Callable[[], None], seconds: float) -> tuple[int, float]:
    """Return how often it was played and the CPU time that took."""
    for _ in range(50):
        play()
    played, began = 0, time.process_time()
    until = began + seconds
    while time.process_time() < until:
        play()
        played += 1
    return played, time.process_time() - began


if __name__ == "__main__":
    main()
