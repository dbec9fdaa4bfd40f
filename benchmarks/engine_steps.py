"""Node steps per second of the pure engine on one core: the booking flow of the gallery, played to its end.

    python -m benchmarks.engine_steps

A step is one node executed. Counted is the CPU time of playing alone: the program is compiled before, and
storing what comes of it is the business of other benchmarks. A second figure adds the state's way through
JSON. Every contact has a name and an address of their own, so that nothing is fast for having been seen.
"""

from __future__ import annotations

import gc
import itertools
import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import SystemRandom
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from benchmarks.harness import quick, report
from flows.engine.effects import Visit
from flows.engine.events import Event, Reply, Start
from flows.engine.program import Program, compile_graph
from flows.engine.state import State, from_json
from flows.engine.step import begin, step
from flows.engine.work import Env

FLOW: Final = Path(__file__).resolve().parent.parent / "flows/gallery/appointment_booking.json"
# More than the engine remembers answers.
CONTACTS: Final = 10_000
_RNG: Final = SystemRandom()
TARGET: Final = 50_000
Conversation: TypeAlias = tuple[Env, Sequence[Event]]


def main() -> None:
    """Measure and report."""
    program = compile_graph(json.loads(FLOW.read_text(encoding="utf-8"))["graph"], program_id="booking")
    conversations = [_conversation(number) for number in range(CONTACTS)]
    # What is made before the clock starts is not what the collector should look at meanwhile.
    gc.freeze()
    seconds = 0.5 if quick() else 5.0
    steps, turns = _size(program, conversations[0])
    rows = []
    for title, keep in (("in memory", _as_it_is), ("with its state through JSON each turn", _through_json)):
        played, cpu = _measure(program, conversations, keep, seconds)
        rows.append(
            {
                "conversations": title,
                "node steps/s": int(played * steps / cpu),
                "turns/s": int(played * turns / cpu),
                "µs/step": cpu / played / steps * 1e6,
            }
        )
    report(
        "engine_steps",
        f"Engine, one core: booking flow, {steps} node steps in {turns} turns a conversation",
        rows,
        f"target: {TARGET:,} node steps/s in memory",
    )


def _conversation(number: int) -> Conversation:
    """Books an appointment after one mistake and one change of mind, then asks for a person."""
    name = "Ana " + "".join(chr(ord("a") + int(digit)) for digit in str(number)).capitalize()
    address = name.lower().replace(" ", ".")
    env = Env(
        now=datetime(2026, 8, 10, 15, tzinfo=UTC) + timedelta(seconds=number),
        zone=ZoneInfo("America/Sao_Paulo"),
        rng=_RNG,
        contact={"name": name},
    )
    return env, (
        Start(text="oi"),
        Reply(text="Agendar consulta", reply_id="book", kind="button"),
        Reply(text=name),
        Reply(text=f"{address}@@exemplo"),
        Reply(text=f"{address}@exemplo.com"),
        Reply(text="Cardiologia", reply_id="cardiologia", kind="list"),
        Reply(text="2"),
        Reply(text="Outro horário", reply_id="other", kind="button"),
        Reply(text="1"),
        Reply(text="Confirmar", reply_id="yes", kind="button"),
        Reply(text="falar com atendente"),
    )


def _as_it_is(state: State) -> State:
    return state


def _through_json(state: State) -> State:
    return from_json(json.loads(json.dumps(state.to_json())))


def _play(program: Program, conversation: Conversation, keep: Callable[[State], State]) -> None:
    env, events = conversation
    state = begin(program)
    for event in events:
        state = step(program, keep(state), event, env).state


def _size(program: Program, conversation: Conversation) -> tuple[int, int]:
    """Return how many nodes one conversation executes, and in how many turns; it must reach its end."""
    env, events = conversation
    state, steps = begin(program), 0
    for event in events:
        turn = step(program, state, event, env)
        state = turn.state
        steps += sum(isinstance(effect, Visit) for effect in turn.effects)
    assert state.end_reason == "handed_off", f"the conversation rests at {state.node_id}"
    return steps, len(events)


def _measure(
    program: Program, conversations: Sequence[Conversation], keep: Callable[[State], State], seconds: float
) -> tuple[int, float]:
    """Return how many were played and the CPU time that took."""
    for conversation in conversations[:100]:
        _play(program, conversation, keep)
    played, began = 0, time.process_time()
    until = began + seconds
    for conversation in itertools.cycle(conversations):
        _play(program, conversation, keep)
        played += 1
        if (now := time.process_time()) >= until:
            break
    return played, now - began


if __name__ == "__main__":
    main()
