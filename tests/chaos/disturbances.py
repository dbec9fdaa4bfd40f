"""What can go wrong, chosen by a seed: processes die, answers get lost, deliveries come twice, late, or in bulk."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.crash.running import Running

PROCESSES: Final = {
    "worker": "pytake worker",
    "beat": "pytake beat",
    "web": "granian --interface",
    "realtime": "uvicorn pytake.asgi",
    "redis": "valkey-server",
    "postgres": "bin/postgres -D",
}
# Seconds until the supervisor must have another one.
RESTART_S: Final = 60.0

# The provider's mishaps. `after` ones happen although the message was accepted: whoever sends again sends twice.
FAULTS: Final[tuple[dict[str, Any], ...]] = (
    {"do": "reset_after", "match": {"p": 0.3}},
    {"do": "error_after", "match": {"p": 0.3}, "code": 131000, "http": 500},
    {"do": "garbage_200", "match": {"p": 0.3}},
    {"do": "slow_body", "match": {"p": 0.3}, "ms": 1500},
    {"do": "early_status", "match": {"p": 0.3}},
    {"do": "reset_before", "match": {"p": 0.3}},
    {"do": "html_502", "match": {"p": 0.3}},
    {"do": "http", "match": {"p": 0.3}, "status": 503, "body": ""},
    {"do": "hang", "match": {"p": 0.02}, "ms": 5000},
    {"do": "latency", "match": {"p": 0.5}, "ms": [50, 3000]},
    {"do": "error", "match": {"p": 0.3}, "code": 130429},
    {"do": "error", "match": {"p": 0.3}, "code": 131056},
)
# What happens to deliveries on their way.
DISORDERS: Final[tuple[dict[str, Any], ...]] = (
    {"duplicate_item": 0.3},
    {"duplicate_post": 0.3},
    {"duplicate_post": 0.3, "duplicate_post_after_s": 2.0},
    {"reorder": 0.5, "reorder_window_s": 3.0},
    {"delay_ms": [0.0, 4000.0]},
    {"bad_signature": 0.3, "missing_signature": 0.1, "foreign_signature": 0.1},
    {"unknown_field": 0.2, "unknown_type": 0.2, "unknown_keys": 0.3, "null_values": 0.3},
    {"missing_contacts": 0.3},
)
CALM: Final[dict[str, Any]] = {
    **{name: 0.0 for disorder in DISORDERS for name in disorder},
    "reorder_window_s": 2.0,
    "delay_ms": [0.0, 0.0],
}
MODES: Final = ("single", "natural", "max", "mixed")


@dataclass(frozen=True)
class Disturbance:
    """Something to do to the installation or its provider; `end` undoes what lasts."""

    name: str
    begin: Callable[[], object]
    end: Callable[[], object] = lambda: None


def drawn(running: Running, rng: random.Random) -> Iterator[Disturbance]:
    """Yield disturbances without end, the same ones for the same seed."""
    kinds = (_kill, _kill_two, _fault, _fault, _disorder, _disorder, _batching, _outage, _clock)
    while True:
        yield rng.choice(kinds)(running, rng)


def _kill(running: Running, rng: random.Random) -> Disturbance:
    victim = rng.choice([*PROCESSES])
    return Disturbance(f"kill {victim}", lambda: _kill_and_await(running, victim))


def _kill_two(running: Running, rng: random.Random) -> Disturbance:
    first, second = rng.sample([*PROCESSES], 2)
    return Disturbance(f"kill {first} and {second}", lambda: _kill_and_await(running, first, second))


def _kill_and_await(running: Running, *victims: str) -> None:
    killed = {victim: running.kill(PROCESSES[victim]) for victim in victims}
    for victim, old in killed.items():
        words = PROCESSES[victim]
        running.wait(
            lambda words=words, old=old: bool({p.pid for p in running.named(words)} - old),  # type: ignore[misc]
            RESTART_S,
            f"restarting {victim}",
        )


def _fault(running: Running, rng: random.Random) -> Disturbance:
    fault = {**rng.choice(FAULTS), "seed": rng.randrange(2**31)}
    fault["match"] = {**fault["match"], "endpoint": "messages"}
    name = f"fault {fault['do']} {fault.get('code', '')}".strip()
    return Disturbance(
        name, lambda: running.simulate("faults", fault), lambda: running.simulate("faults", method="DELETE")
    )


def _disorder(running: Running, rng: random.Random) -> Disturbance:
    disorder = rng.choice(DISORDERS)
    return Disturbance(
        f"deliveries {' '.join(disorder)}",
        lambda: running.simulate("config", {"disorder": disorder}, method="PATCH"),
        lambda: running.simulate("config", {"disorder": CALM}, method="PATCH"),
    )


def _batching(running: Running, rng: random.Random) -> Disturbance:
    mode = rng.choice(MODES)
    change = {"webhooks": {"mode": mode, "max_batch": rng.choice([5, 100, 1000])}}
    return Disturbance(f"batches {mode}", lambda: running.simulate("config", change, method="PATCH"))


def _outage(running: Running, rng: random.Random) -> Disturbance:
    """Hold everything back, then let it come at once."""
    return Disturbance(
        "deliveries held back",
        lambda: running.simulate("webhooks", {"hold": True}),
        lambda: running.simulate("webhooks", {"hold": False}),
    )


def _clock(running: Running, rng: random.Random) -> Disturbance:
    """The provider's clock leaps: what was due meanwhile comes at once, and its times lie in our future."""
    seconds = rng.choice([5, 60, 600])
    return Disturbance(f"clock +{seconds} s", lambda: running.simulate("clock", {"advance": seconds, "settle": False}))
