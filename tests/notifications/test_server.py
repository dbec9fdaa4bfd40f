"""A real uvicorn with real clients: events arrive quickly, tokens stay out of its output."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import websockets
from django.utils import timezone

from notifications import events, threads
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy
from tests.notifications.server import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def server(transactional_db: None, tmp_path: Path) -> Iterator[Server]:
    """uvicorn, started."""
    running = Server(tmp_path / "output")
    running.start()
    yield running
    running.stop()


async def until(client: Any, event_type: str) -> dict[str, Any]:
    while True:
        frame: dict[str, Any] = orjson.loads(await asyncio.wait_for(client.recv(), 10))
        if frame["type"] == event_type:
            return frame


def tell(organization: Organization, number: int) -> None:
    with tenancy.organization_context(organization.pk):
        events.emit(
            organization_id=organization.pk,
            room=f"org:{organization.pk}",
            event_type="test",
            data={"n": number},
            now=timezone.now(),
        )


async def test_events_reach_real_clients_at_once_and_in_order(
    server: Server, people: tuple[Organization, User], token_of: Callable[[User], str]
) -> None:
    organization, user = people
    token = await threads.run(token_of, user)
    address = f"ws://127.0.0.1:{server.port}/api/v1/ws"

    async with (
        websockets.connect(address, subprotocols=["bearer", token]) as one,  # type: ignore[list-item]  # plain words
        websockets.connect(f"{address}?token={token}") as two,
    ):
        for client in (one, two):
            await until(client, "connected")
        for number in range(5):
            began = time.monotonic()
            await threads.run(tell, organization, number)
            heard = [(await until(client, "test"))["data"]["n"] for client in (one, two)]
            assert heard == [number, number]
            assert time.monotonic() - began < 1.0

    assert one.subprotocol == "bearer"


async def test_tokens_are_never_written_to_the_output(
    server: Server, people: tuple[Organization, User], token_of: Callable[[User], str]
) -> None:
    token = await threads.run(token_of, people[1])
    address = f"ws://127.0.0.1:{server.port}/api/v1/ws"

    async with websockets.connect(f"{address}?token={token}") as client:
        await until(client, "connected")
    async with websockets.connect(f"{address}?ticket=geheim-{'x' * 20}") as client:
        assert (await until(client, "error"))["data"]["code"] == "AUTH_EXPIRED"
    async with websockets.connect(f"{address}?token={token[:-3]}abc") as client:
        await until(client, "error")

    written = server.output.read_text()
    assert "/api/v1/ws?token=[redacted]" in written, "the server logs addresses, or this proves nothing"
    assert "socket.refused" in written
    assert token[:30] not in written
    assert token.rpartition(".")[2] not in written
    assert "geheim" not in written
