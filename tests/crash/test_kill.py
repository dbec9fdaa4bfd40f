"""`kill -9` in the middle of a thousand conversations: nothing is lost, nothing is sent twice."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from tests.crash.running import Running

CONVERSATIONS: Final = int(os.environ.get("CRASH_CONVERSATIONS", "1000"))
RATE: Final = 60
FIRST_PHONE: Final = 5569980000000
# Of the demo's flow: what is said to "oi", and what to the first button.
ANSWERS: Final = 2
ANSWERS_TO_TAP: Final = 1
ROUNDS: Final = 2
FAR_AHEAD_S: Final = 12
VICTIMS: Final = {"worker": ("pytake worker",), "redis": ("valkey-server",), "postgres": ("bin/postgres -D",)}
# The provider takes its time, so that sends are under way when the blow falls. What became of them is told only
# after their lease has run out: whoever sent those again would be caught. Refused deliveries come again soon.
WORLD: Final = {
    "latency_ms": 250.0,
    "lifecycle": {
        "sent_s": [3.0, 5.0],
        "delivered_s": [0.1, 0.3],
        "read_s": [0.2, 1.0],
        "tail_share": 0.0,
        "delivered_share": 1.0,
        "read_share": 1.0,
    },
    "webhooks": {"retry_s": [0.5, 1.0, 1.0, 1.0, 2.0]},
}
SWEEP_OFTEN: Final = """
WITH often AS (
    UPDATE django_celery_beat_periodictask SET interval_id = (
        SELECT id FROM django_celery_beat_intervalschedule WHERE every = 1 AND period = 'seconds' LIMIT 1
    ) WHERE name = 'conversations.sweep_sending'
)
UPDATE django_celery_beat_periodictasks SET last_update = now()
"""


@dataclass(frozen=True)
class Sent:
    """An outgoing message as the database has it."""

    id: str
    person: str
    state: str
    status: str
    attempts: int
    accepted: int


@dataclass(frozen=True)
class Aftermath:
    """What is there after the crashes, when everything has come to rest."""

    written: int
    inbound: list[tuple[str, str, str]]
    outbound: dict[str, Sent]
    ledger: Counter[str]
    unfinished: dict[str, int]


def crash(running: Running) -> Aftermath:
    """Let people write, kill one after the other, wait until everything has come to rest."""
    running.simulate("config", WORLD, method="PUT")
    # A number of the highest tier: the crowd is through in seconds.
    running.simulate("accounts/100000000000001/event", {"level": "HIGH"})
    running.rows("UPDATE conversations_whatsappnumber SET limit_per_second = 500")
    running.rows(SWEEP_OFTEN)
    before = running.simulate("metrics")["inbound"]
    running.simulate(
        "inbound",
        {
            "count": CONVERSATIONS,
            "personas": CONVERSATIONS,
            "rate": RATE,
            "text": "oi",
            "base": FIRST_PHONE,
            "persona": {"kind": "tap", "pick": 0, "delay_s": 0.3, "turns": 1},
        },
    )
    victims = [*VICTIMS] * ROUNDS
    for turn, victim in enumerate(victims, start=1):
        _await_written(running, CONVERSATIONS * turn // (len(victims) + 1))
        _await_sending(running)
        _kill_and_await(running, victim)
    try:
        seconds = running.wait(lambda: _is_at_rest(running), 120, "coming to rest")
    except AssertionError as exc:
        seen = running.simulate("metrics")
        raise AssertionError(f"{exc}\nleft: {_unfinished(running)}, {seen['timers']}, {seen['webhooks']}") from exc
    print(f"at rest {seconds:.1f} s after the last restart")  # noqa: T201  # a figure of the test
    return _look(running, before)


def _await_written(running: Running, count: int) -> None:
    running.wait(lambda: running.simulate("metrics")["jobs"][-1]["done"] >= count, 60, "writing")


def _await_sending(running: Running) -> None:
    """Wait for a moment at which messages are under way."""
    statement = "SELECT count(*) FROM conversations_message WHERE dispatch_state = 'sending'"
    running.wait(lambda: running.rows(statement)[0][0] > 0, 20, "sending", every_s=0.0)


def _kill_and_await(running: Running, victim: str) -> None:
    """Kill every process of the victim and wait until the supervisor has another one."""
    words = VICTIMS[victim]
    old = running.kill(*words)
    assert old
    seconds = running.wait(lambda: bool({p.pid for p in running.named(*words)} - old), 60, f"restarting {victim}")
    print(f"{victim}: {len(old)} processes killed, started again after {seconds:.1f} s")  # noqa: T201


def _is_at_rest(running: Running) -> bool:
    """Return whether neither side has anything left to do, twice in a row."""
    for pause in (0.5, 0):
        seen = running.simulate("metrics")
        hooks = seen["webhooks"]
        if seen["jobs"][-1]["state"] != "done":
            return False
        if hooks["waiting"] or hooks["in_flight"] or hooks["retrying"] or any(_unfinished(running).values()):
            return False
        if seen["timers"] and not _nothing_comes(running, hooks["updates"]):
            return False
        time.sleep(pause)
    return True


def _nothing_comes(running: Running, updates: int) -> bool:
    """Return whether what the provider still has in mind lies far ahead: its slowest status takes eight seconds."""
    time.sleep(FAR_AHEAD_S)
    return bool(running.simulate("metrics")["webhooks"]["updates"] == updates)


def _unfinished(running: Running) -> dict[str, int]:
    rows = running.rows(
        """
        SELECT 'delivery', count(*) FROM conversations_webhookevent WHERE state = 'new'
        UNION ALL SELECT 'unhandled', count(*) FROM conversations_unhandledmessage WHERE NOT is_dead
        UNION ALL SELECT 'outbound', count(*) FROM conversations_message WHERE dispatch_state IN ('queued', 'sending')
        """
    )
    return {str(name): int(count) for name, count in rows}


def _look(running: Running, before: int) -> Aftermath:
    prefix = str(FIRST_PHONE)[:9]
    phones = f"{prefix}%"
    inbound = running.rows(
        "SELECT whatsapp_message_id, message_type, contact_id::text FROM conversations_message "
        "WHERE direction = 'inbound' AND contact_id IN "
        "(SELECT contact_id FROM conversations_contactidentity WHERE value LIKE %s)",
        [phones],
    )
    outbound = running.rows(
        "SELECT message.id::text, message.contact_id::text, dispatch_state, message.status, attempts, "
        "(SELECT count(*) FROM conversations_messageattempt attempt "
        " WHERE attempt.message_id = message.id AND attempt.outcome = 'accepted') "
        "FROM conversations_message message WHERE direction = 'outbound' AND address_value LIKE %s",
        [phones],
    )
    return Aftermath(
        written=running.simulate("metrics")["inbound"] - before,
        inbound=[(str(a), str(b), str(c)) for a, b, c in inbound],
        outbound={row[0]: Sent(*row) for row in outbound},
        ledger=Counter(row["callback"] for row in running.ledger() if row["to"].startswith(prefix)),
        unfinished=_unfinished(running),
    )


def test_kills_in_the_middle_of_a_thousand_conversations_lose_and_double_nothing(running: Running) -> None:
    aftermath = crash(running)

    every_message_is_stored_once(aftermath)
    nothing_was_sent_twice(aftermath)
    every_message_was_answered_once(aftermath)
    every_answer_is_in_the_ledger_or_listed_as_unconfirmed(aftermath)
    nobody_tapped_without_a_menu_and_everybody_with_one(aftermath)
    the_statuses_are_settled(aftermath)
    nothing_was_given_up(running)


def every_message_is_stored_once(aftermath: Aftermath) -> None:
    assert len(aftermath.inbound) == aftermath.written >= CONVERSATIONS
    assert len({wamid for wamid, _, _ in aftermath.inbound}) == aftermath.written


def nothing_was_sent_twice(aftermath: Aftermath) -> None:
    assert [callback for callback, times in aftermath.ledger.items() if times > 1] == []
    assert [row for row in aftermath.outbound.values() if row.accepted > 1] == []


def every_message_was_answered_once(aftermath: Aftermath) -> None:
    """Each "oi" and each tap has its answers, decided exactly once."""
    kinds = Counter[tuple[str, str]]((person, kind) for _, kind, person in aftermath.inbound)
    decided = Counter(row.person for row in aftermath.outbound.values())
    expected = {
        person: kinds[person, "text"] * ANSWERS + kinds[person, "interactive"] * ANSWERS_TO_TAP
        for person in {person for _, _, person in aftermath.inbound}
    }
    assert len(expected) == CONVERSATIONS
    assert {person: decided[person] for person in expected} == expected


def every_answer_is_in_the_ledger_or_listed_as_unconfirmed(aftermath: Aftermath) -> None:
    in_ledger = {key for key in aftermath.outbound if key in aftermath.ledger}
    unconfirmed = {row.id for row in aftermath.outbound.values() if row.state in {"unknown", "abandoned"}}
    silent = {key for key in in_ledger if not aftermath.outbound[key].accepted}
    print(f"{len(in_ledger)} sent, {len(silent)} known by their statuses alone, {len(unconfirmed)} unconfirmed")  # noqa: T201
    assert in_ledger | unconfirmed == set(aftermath.outbound)
    # What left is known to have left, because its statuses came; what is unconfirmed did not.
    assert in_ledger & unconfirmed == set()
    assert silent | unconfirmed, "no blow fell while messages were under way: the test shows nothing"
    assert len(unconfirmed) < len(aftermath.outbound) * 0.3
    assert set(aftermath.ledger) - set(aftermath.outbound) == set()


def nobody_tapped_without_a_menu_and_everybody_with_one(aftermath: Aftermath) -> None:
    taps = sum(kind == "interactive" for _, kind, _ in aftermath.inbound)
    assert CONVERSATIONS * 0.5 < taps <= CONVERSATIONS


def the_statuses_are_settled(aftermath: Aftermath) -> None:
    assert aftermath.unfinished == {"delivery": 0, "unhandled": 0, "outbound": 0}
    wrong = [row for key, row in aftermath.outbound.items() if key in aftermath.ledger and row.status != "read"]
    assert wrong == []


def nothing_was_given_up(running: Running) -> None:
    dead: Any = running.rows(
        """
        SELECT 'delivery', count(*) FROM conversations_webhookevent WHERE state = 'dead'
        UNION ALL SELECT 'item', count(*) FROM conversations_webhookitem WHERE state = 'dead'
        UNION ALL SELECT 'unhandled', count(*) FROM conversations_unhandledmessage WHERE is_dead
        """
    )
    assert dict(dead) == {"delivery": 0, "item": 0, "unhandled": 0}
