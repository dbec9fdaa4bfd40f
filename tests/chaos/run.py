"""A run of chaos: people write all the time while everything fails; afterwards nothing is lost or doubled."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from tests.chaos import invariants
from tests.chaos.disturbances import CALM, drawn
from tests.crash.running import Running

PREFIX: Final = "55699"
FIRST_PHONE: Final = 5569910000000
WAVE: Final = 60
RATE: Final = 20
PAUSE_S: Final = (1.0, 5.0)
LASTING_S: Final = (1.0, 6.0)
REST_S: Final = 240.0
# Quick statuses and quick repeats: what a day brings happens within minutes.
WORLD: Final[dict[str, Any]] = {
    "latency_ms": 60.0,
    "lifecycle": {
        "sent_s": [0.5, 4.0],
        "delivered_s": [0.1, 1.0],
        "read_s": [0.2, 2.0],
        "tail_share": 0.0,
        "delivered_share": 1.0,
        "read_share": 0.7,
    },
    "webhooks": {"retry_s": [0.5, 1.0, 1.0, 2.0, 2.0, 3.0]},
}
OFTEN: Final = """
WITH often AS (
    UPDATE django_celery_beat_periodictask SET interval_id = (
        SELECT id FROM django_celery_beat_intervalschedule WHERE every = 1 AND period = 'seconds' LIMIT 1
    ) WHERE name = 'conversations.sweep_sending'
)
UPDATE django_celery_beat_periodictasks SET last_update = now()
"""
_UNFINISHED: Final = """
SELECT 'deliveries', count(*) FROM conversations_webhookevent WHERE state = 'new'
UNION ALL SELECT 'turns', count(*) FROM conversations_unhandledmessage WHERE NOT is_dead
UNION ALL SELECT 'sends', count(*) FROM conversations_message WHERE dispatch_state IN ('queued', 'sending')
"""


@dataclass
class Report:
    """What happened and what did not hold."""

    seed: int
    seconds: float = 0.0
    rest_s: float = 0.0
    written: int = 0
    sent: int = 0
    states: dict[str, int] = field(default_factory=dict)
    happened: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return it for people."""
        done = f"{self.written} messages in, {self.sent} sent, at rest after {self.rest_s:.1f} s"
        lines = [
            f"chaos: seed {self.seed}, {self.seconds:.0f} s, {sum(self.happened.values())} disturbances, {done}",
            f"  outgoing: {', '.join(f'{count} {state}' for state, count in sorted(self.states.items()))}",
            *(f"  {count:4} × {name}" for name, count in self.happened.most_common()),
            *(f"  VIOLATION: {sentence}" for sentence in self.violations[:20]),
            f"  {len(self.violations)} violations",
        ]
        return "\n".join(lines)


def chaos(running: Running, *, seed: int, seconds: float) -> Report:
    """Disturb for so many seconds, let everything come to rest, and look."""
    report = Report(seed)
    _prepare(running)
    written = running.simulate("metrics")["inbound"]
    _disturb(running, random.Random(seed), report, time.monotonic() + seconds)
    report.seconds = seconds
    report.rest_s = running.wait(lambda: is_at_rest(running), REST_S, "coming to rest", every_s=0.5)
    report.written = running.simulate("metrics")["inbound"] - written
    report.sent = sum(row["to"].startswith(PREFIX) for row in running.ledger())
    states = "SELECT dispatch_state, count(*) FROM conversations_message WHERE address_value LIKE %s GROUP BY 1"
    report.states = {str(state): int(count) for state, count in running.rows(states, [f"{PREFIX}%"])}
    report.violations = [*invariants.violations(running, phones=PREFIX, written=report.written)]
    return report


def _prepare(running: Running) -> None:
    running.simulate("config", WORLD, method="PUT")
    running.simulate("accounts/100000000000001/event", {"level": "HIGH"})
    running.rows("UPDATE conversations_whatsappnumber SET limit_per_second = 500")
    running.rows(OFTEN)
    running.rows(invariants.WATCH)


def _disturb(running: Running, rng: random.Random, report: Report, until: float) -> None:
    """Let waves of people write, and disturb them, one thing or two at a time."""
    wave = 0
    disturbances = drawn(running, rng)
    while time.monotonic() < until:
        if wave == 0 or running.simulate("metrics")["jobs"][-1]["state"] == "done":
            _write(running, wave)
            wave += 1
        under_way = [next(disturbances) for _ in range(rng.choice([1, 1, 2]))]
        for disturbance in under_way:
            disturbance.begin()
            report.happened[disturbance.name] += 1
        time.sleep(rng.uniform(*LASTING_S))
        for disturbance in under_way:
            disturbance.end()
        time.sleep(rng.uniform(*PAUSE_S) / 2)
    running.simulate("faults", method="DELETE")
    running.simulate("config", {"disorder": CALM, "webhooks": {"mode": "natural"}}, method="PATCH")
    running.simulate("webhooks", {"hold": False})


def _write(running: Running, wave: int) -> None:
    """Let some people whom nobody knows yet write "oi"; each taps the first button when the menu comes."""
    running.simulate(
        "inbound",
        {
            "count": WAVE,
            "personas": WAVE,
            "rate": RATE,
            "text": "oi",
            "base": FIRST_PHONE + wave * WAVE,
            "persona": {"kind": "tap", "pick": 0, "delay_s": 0.3, "turns": 1},
        },
    )


def is_at_rest(running: Running) -> bool:
    """Return whether neither side has anything left to do."""
    for _ in range(2):
        seen = running.simulate("metrics")
        hooks = seen["webhooks"]
        busy = hooks["waiting"] or hooks["in_flight"] or hooks["retrying"]
        if busy or seen["jobs"][-1]["state"] != "done" or any(count for _, count in running.rows(_UNFINISHED)):
            return False
        # The slowest status takes seven seconds; what is due later is no matter of this run.
        time.sleep(8 if seen["timers"] else 0.5)
        if running.simulate("metrics")["webhooks"]["updates"] != hooks["updates"]:
            return False
    return True
