"""A provider of a few lines on 127.0.0.1: it answers what the test wants and remembers what it was asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Json = dict[str, Any]
# What it does with a request: (HTTP status, JSON or bytes), or one of the words below.
Answer = tuple[int, Any] | str
CUT, HANG, HALF = "cut", "hang", "half"


def accepted(wamid: str) -> Answer:
    return 200, {"messaging_product": "whatsapp", "messages": [{"id": wamid}]}


def error(code: int, status: int = 400, **more: Any) -> Answer:
    return status, {"error": {"message": f"(#{code}) Something", "code": code, "fbtrace_id": "TRACE", **more}}


@dataclass
class Responder:
    """The running server. `answer` decides by the request's body; the default accepts."""

    url: str = ""
    requests: list[Json] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    answer: Callable[[Json], Answer] = field(default=lambda body: accepted(f"wamid.{body['biz_opaque_callback_data']}"))

    def callbacks(self) -> list[str]:
        return [body["biz_opaque_callback_data"] for body in self.requests]

    def texts(self) -> list[str]:
        return [body["text"]["body"] for body in self.requests]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body: Json = await request.json()
        self.requests.append(body)
        self.paths.append(request.path)
        self.tokens.append(request.headers.get("Authorization"))
        answer = await asyncio.to_thread(self.answer, body)
        if isinstance(answer, str):
            return await self._misbehave(request, answer)
        status, content = answer
        if isinstance(content, bytes):
            return web.Response(status=status, body=content)
        return web.json_response(content, status=status)

    @staticmethod
    async def _misbehave(request: web.Request, how: str) -> web.StreamResponse:
        assert request.transport is not None
        if how == HANG:
            await asyncio.sleep(30)
        if how == HALF:
            response = web.StreamResponse(headers={"Content-Length": "100"})
            await response.prepare(request)
            await response.write(b'{"messages":[')
        request.transport.close()
        return web.Response()


@contextmanager
def running() -> Iterator[Responder]:
    """Run a responder in a thread of its own."""
    responder = Responder()
    loop = asyncio.new_event_loop()
    started = threading.Event()

    async def serve() -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/{tail:.*}", responder.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        responder.url = site.name if ":0" not in site.name else f"http://127.0.0.1:{runner.addresses[0][1]}"
        started.set()
        return runner

    def work() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(serve())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert started.wait(5)
    try:
        yield responder
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
