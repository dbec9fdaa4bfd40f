"""The webhook's fast entrance while its database, its process and Redis are killed: a 200 is a row."""

from __future__ import annotations

import pytest

from tests.conversations.channel.conftest import change, encode, envelope
from tests.conversations.channel.crowd import Crowd
from tests.crash.running import Running

VICTIMS = {
    "postgres": ("bin/postgres -D",),
    "realtime": ("uvicorn pytake.asgi",),
    "redis": ("valkey-server",),
}


def of_no_known_kind(key: str) -> bytes:
    """A delivery that is stored and set aside: nobody answers it."""
    return encode(envelope(change(field="crash_test", event=key)))


@pytest.mark.parametrize("victim", VICTIMS)
def test_what_was_answered_200_before_a_kill_is_there_after_it(running: Running, victim: str) -> None:
    words = VICTIMS[victim]
    secret = running.secrets()["SIMULATOR_APP_SECRET"]

    with Crowd(running.realtime, lambda key: of_no_known_kind(f"{victim}.{key}"), secret=secret, clients=6) as crowd:
        crowd.until(150)
        old = running.kill(*words)
        assert old
        running.wait(lambda: bool({p.pid for p in running.named(*words)} - old), 60, f"restarting {victim}")
        crowd.until(crowd.count(200) + 150)

    stored = {bytes(raw) for (raw,) in running.rows("SELECT raw_body FROM conversations_webhookevent")}
    assert crowd.accepted() <= stored
    assert set(crowd.answers.values()) <= {200, 503}
    print(f"{victim}: {len(crowd.accepted())} stored, {crowd.count(503)} refused")  # noqa: T201  # a figure of the test
