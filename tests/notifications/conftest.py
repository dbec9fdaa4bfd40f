"""Sockets in tests: their own keys in Redis, threads that give their connections back, a hub that ends."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from asgiref.testing import ApplicationCommunicator as UntypedCommunicator
from django.db import connections
from django.test import RequestFactory
from django.utils import timezone

from conversations.models import Conversation
from notifications import hub
from notifications.routing import sockets
from pytake.accounts import sessions
from pytake.accounts.models import Organization, User
from pytake.infra import redis_client, tenancy
from tests import make

Frame = dict[str, Any]
# asgiref's has no types.
Communicator: Any = UntypedCommunicator


class Client:
    """A client of a socket, as a test drives it."""

    def __init__(self, communicator: Any) -> None:
        self._communicator = communicator

    async def send(self, **frame: Any) -> None:
        """Send a frame."""
        await self.send_raw(orjson.dumps(frame).decode())

    async def send_raw(self, text: str) -> None:
        """Send what may not be a frame."""
        await self._communicator.send_input({"type": "websocket.receive", "text": text})

    async def next(self) -> Frame:
        """Return the next frame."""
        output = await self._communicator.receive_output(timeout=3)
        assert output["type"] == "websocket.send", output
        frame: Frame = orjson.loads(output["text"])
        return frame

    async def until(self, event_type: str) -> Frame:
        """Return the next frame of a type, passing over others."""
        while True:
            frame = await self.next()
            if frame["type"] == event_type:
                return frame

    async def closed(self) -> tuple[int, str]:
        """Return code and reason of the closing, passing over frames."""
        while True:
            output = await self._communicator.receive_output(timeout=12)
            if output["type"] == "websocket.close":
                return output["code"], output.get("reason") or ""

    async def is_quiet(self) -> bool:
        """Return whether nothing arrives for a moment."""
        return bool(await self._communicator.receive_nothing(timeout=0.3, interval=0.02))

    async def leave(self) -> None:
        """End the connection."""
        await self._communicator.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._communicator.wait(timeout=3)


Open = Callable[..., Any]


@pytest.fixture(autouse=True)
def _own_keys(settings: Any) -> Iterator[None]:
    """Keep what tests count and announce apart from each other."""
    settings.REDIS_PREFIX = f"test-{uuid.uuid4().hex[:12]}"
    yield
    for key in redis_client.client().scan_iter(redis_client.key("*")):
        redis_client.client().delete(key)


@pytest.fixture(autouse=True)
def _returned_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Close connections of threads after each use, so that the test database can be emptied and dropped."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)


@pytest.fixture
def token_of() -> Callable[[User], str]:
    """Return an access token of a person."""

    def issue(user: User) -> str:
        return sessions.begin(user, request=RequestFactory().get("/"), now=timezone.now()).access_token

    return issue


@pytest_asyncio.fixture
async def open_socket() -> AsyncIterator[Open]:
    """Return a function that opens a socket and gives its client."""
    opened: list[Client] = []

    async def connect(
        token: str = "", *, query: str = "", headers: dict[str, str] | None = None, address: str = "203.0.113.9"
    ) -> Client:
        scope = {
            "type": "websocket",
            "path": "/api/v1/ws",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
            "subprotocols": ["bearer", token] if token else [],
            "client": (address, 1),
        }
        communicator: Any = Communicator(sockets, scope)
        await communicator.send_input({"type": "websocket.connect"})
        assert (await communicator.receive_output(timeout=5))["type"] == "websocket.accept"
        client = Client(communicator)
        opened.append(client)
        return client

    yield connect
    for client in opened:
        with contextlib.suppress(asyncio.CancelledError):
            await client.leave()
    await hub.of_this_loop().stop()


@pytest.fixture
def people(transactional_db: None) -> tuple[Organization, User]:
    """An organization and an administrator, committed."""
    organization = make.organization(name="Clínica Aurora")
    return organization, make.user(organization, "org_admin")


@pytest.fixture
def thread(people: tuple[Organization, User]) -> Conversation:
    """A thread of the organization, committed."""
    with tenancy.organization_context(people[0].pk):
        return make.conversation(make.number(people[0]))


@pytest.fixture
def unreachable_redis(settings: Any) -> Iterator[None]:
    """Point the process at a port where no Redis is."""
    redis_client.client.cache_clear()
    address = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis_client.client()
    yield
    settings.REDIS_URL = address
    redis_client.client.cache_clear()
