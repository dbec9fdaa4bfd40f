"""A real uvicorn with real clients: events arrive quickly, tokens stay out of its output, Redis may go."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import websockets
from django.conf import settings
from django.db import connection
from django.utils import timezone

from notifications import events, threads
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
ROOT = Path(__file__).resolve().parent.parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def database_url() -> str:
    found = connection.settings_dict
    return f"postgresql://{found['USER']}:{found['PASSWORD']}@{found['HOST']}:{found['PORT']}/{found['NAME']}"


@pytest.fixture
def server(transactional_db: None, tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """uvicorn on the test's database; its port and the file of its output."""
    port, output = free_port(), tmp_path / "output"
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "REDIS_PREFIX": settings.REDIS_PREFIX,
        "SECRET_KEY": settings.SECRET_KEY,
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "DEBUG",
    }
    command = [sys.executable, "-m", "uvicorn", "pytake.asgi:application", "--port", str(port)]
    with output.open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(port, process, output)
        yield port, output
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(output.read_text())


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
    server: tuple[int, Path], people: tuple[Organization, User], token_of: Callable[[User], str]
) -> None:
    organization, user = people
    token = await threads.run(token_of, user)
    address = f"ws://127.0.0.1:{server[0]}/api/v1/ws"

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
    server: tuple[int, Path], people: tuple[Organization, User], token_of: Callable[[User], str]
) -> None:
    token = await threads.run(token_of, people[1])
    address = f"ws://127.0.0.1:{server[0]}/api/v1/ws"

    async with websockets.connect(f"{address}?token={token}") as client:
        await until(client, "connected")
    async with websockets.connect(f"{address}?ticket=geheim-{'x' * 20}") as client:
        assert (await until(client, "error"))["data"]["code"] == "AUTH_EXPIRED"
    async with websockets.connect(f"{address}?token={token[:-3]}abc") as client:
        await until(client, "error")

    written = server[1].read_text()
    assert "/api/v1/ws?token=[redacted]" in written, "the server logs addresses, or this proves nothing"
    assert "socket.refused" in written
    assert token[:30] not in written
    assert token.rpartition(".")[2] not in written
    assert "geheim" not in written
