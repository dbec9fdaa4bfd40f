"""The channel's number, people and provider; limits that are made by hand and a clock that tests move."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conversations.claimed import Claimed
from conversations.simulator.app import SimulatorServer
from pytake.infra.ids import new_id
from tests.conversations.channel.conftest import (  # noqa: F401  # fixtures
    fresh_cache,
    number,
    provider,
    responder,
    say,
    thread,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass
class Clock:
    """Time that stands still until somebody moves it; waiting moves it."""

    now: datetime = NOON
    waited: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **amount: float) -> datetime:
        self.now += timedelta(**amount)
        return self.now

    def pause(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def claimed() -> Callable[..., Claimed]:
    """Return a message as a drain has it; a promotion outside of any window if not told otherwise."""

    def make_claimed(**fields: Any) -> Claimed:
        facts: dict[str, Any] = {
            "id": new_id(),
            "organization_id": uuid.uuid4(),
            "conversation_id": uuid.uuid4(),
            "contact_id": uuid.uuid4(),
            "content": {"kind": "template", "name": "promo", "language": "pt_BR"},
            "address_kind": "wa_id",
            "address_value": "5511987650001",
            "attempts": 1,
            "priority": 80,
            "sequence": 0,
            "created_at": NOON,
            "window_expires_at": None,
            "refusal": "",
            **fields,
        }
        return Claimed(**facts)

    return make_claimed


@contextmanager
def serving(server: SimulatorServer) -> Iterator[str]:
    """Run a simulator in a thread of its own; give its address."""
    loop = asyncio.new_event_loop()
    port = loop.run_until_complete(server.start(host="127.0.0.1", port=0))
    runs = threading.Thread(target=loop.run_forever, daemon=True)
    runs.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        runs.join(5)
        loop.close()
