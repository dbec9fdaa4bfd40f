"""Servers in threads of their own: the simulator with its media, and a provider that answers what a test wants."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from conversations.simulator import config
from conversations.simulator.app import SimulatorServer
from conversations.simulator.model import Media
from tests.conversations.channel.conftest import PHONE_ID

WABA = "200000000000001"
TOKEN = f"token-{PHONE_ID}"


@contextmanager
def in_thread(start: Callable[[], Awaitable[Callable[[], Awaitable[None]]]]) -> Iterator[None]:
    """Run `start` in a loop of its own; what it returns closes the server at the end."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    def work() -> None:
        async def begin() -> Callable[[], Awaitable[None]]:
            return await start()

        close = loop.run_until_complete(begin())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(_closed(close))
        loop.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


async def _closed(close: Callable[[], Awaitable[None]]) -> None:
    await close()


@dataclass
class Simulated:
    """The running simulator."""

    server: SimulatorServer
    url: str = ""

    def put(
        self, media_id: str, content: bytes, mime: str = "image/png", *, sha256: str = "", life: float = 9e5
    ) -> str:
        """Give the provider a media object."""
        clock = self.server.sim.clock
        self.server.sim.world.media[media_id] = Media(
            id=media_id,
            waba=WABA,
            mime_type=mime,
            content=content,
            filename="",
            expires_at=clock.now() + 9e5,
            sha256=sha256 or hashlib.sha256(content).hexdigest(),
        )
        return media_id


@contextmanager
def simulator() -> Iterator[Simulated]:
    """Run the simulator with one number."""
    world = {
        "seed": 7,
        "speed": 0,
        "apps": [{"id": "7001", "secret": "s"}],
        "tokens": [{"token": TOKEN, "app": "7001"}],
        "wabas": [{"id": WABA, "apps": ["7001"]}],
        "numbers": [{"id": PHONE_ID, "waba": WABA, "display": "5511940040001"}],
    }
    running = Simulated(SimulatorServer(config.read(world, environment={})))

    async def start() -> Callable[[], Awaitable[None]]:
        port = await running.server.start(host="127.0.0.1", port=0)
        running.url = f"http://127.0.0.1:{port}"
        return running.server.close

    with in_thread(start):
        yield running


@dataclass
class Liar:
    """A provider that answers what the test says: `located` for the address, `answer` for the bytes."""

    url: str = ""
    located: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] | None = None
    paths: list[str] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.paths.append(request.path)
        if not request.path.startswith("/file"):
            return web.json_response({"url": f"{self.url}/file", **self.located}, status=self.status)
        assert self.answer is not None
        return await self.answer(request)


@contextmanager
def liar() -> Iterator[Liar]:
    """Run a provider of a few lines."""
    running = Liar()

    async def start() -> Callable[[], Awaitable[None]]:
        runner = web.ServerRunner(web.Server(running.handle, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        running.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner.cleanup

    with in_thread(start):
        yield running
