"""A simulator on a free port, the business that it talks to, and a client of both."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from conversations.simulator import config
from conversations.simulator.app import SimulatorServer

Json = dict[str, Any]
SECRET = "example-app-secret-0001"
TOKEN = "t-0001"
NUMBER = "100000000000001"
WABA = "200000000000001"
ANA = "5511987650001"


class Business:
    """The receiving side: keeps every POST, answers what the test wants."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.genuine: list[bool] = []
        self.answers: list[int] = []
        self.verify_token = "v-0001"

    async def verify(self, request: web.Request) -> web.Response:
        if request.query["hub.verify_token"] != self.verify_token or request.query["hub.mode"] != "subscribe":
            return web.Response(status=403)
        return web.Response(text=request.query["hub.challenge"])

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        expected = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        self.bodies.append(body)
        self.genuine.append(request.headers.get("X-Hub-Signature-256") == expected)
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    def values(self) -> list[Json]:
        return [
            change["value"]
            for body in self.bodies
            for entry in json.loads(body)["entry"]
            for change in entry["changes"]
        ]

    def statuses(self, wamid: str = "") -> list[Json]:
        found = [status for value in self.values() for status in value.get("statuses", [])]
        return [status for status in found if wamid in {"", status["id"]}]

    def messages(self) -> list[Json]:
        return [message for value in self.values() for message in value.get("messages", [])]


class World:
    """The running simulator with shorthands for what tests do with it."""

    def __init__(self, server: SimulatorServer, base: str, session: aiohttp.ClientSession, business: Business) -> None:
        self.server = server
        self.base = base
        self.session = session
        self.business = business

    async def call(self, method: str, path: str, *, token: str | None = TOKEN, **kwargs: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.session.request(method, f"{self.base}{path}", headers=headers, **kwargs) as response:
            text = await response.text()
            return response.status, json.loads(text) if text[:1] in {"{", "["} else text

    async def send(self, to: str = ANA, *, number: str = NUMBER, **body: Any) -> tuple[int, Any]:
        content = body or {"type": "text", "text": {"body": "Olá"}}
        whole = {"messaging_product": "whatsapp", "to": to, **content}
        return await self.call("POST", f"/v25.0/{number}/messages", json=whole)

    async def sim(self, page: str, /, **data: Any) -> Any:
        """Call the admin API: GET without data, POST with it."""
        status, answer = await self.call("POST" if data else "GET", f"/_sim/{page}", token=None, json=data or None)
        assert status < 300, answer
        return answer

    async def configure(self, **changes: Any) -> None:
        status, answer = await self.call("PUT", "/_sim/config", token=None, json=changes)
        assert status == 200, answer

    async def advance(self, seconds: float) -> None:
        await self.sim("clock", advance=seconds)

    async def ledger(self, **query: str) -> list[Json]:
        _, answer = await self.call("GET", "/_sim/messages", token=None, params=query)
        rows: list[Json] = answer["data"]
        return rows


@pytest.fixture
async def business() -> Business:
    """The business, not yet listening."""
    return Business()


@pytest.fixture
async def world(business: Business) -> AsyncIterator[World]:
    """A simulator whose clock stands still until the test moves it; Ana has just written."""
    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_get("/hook", business.verify)
    app.router.add_post("/hook", business.receive)
    async with TestServer(app) as receiver:
        settings = settings_for(str(receiver.make_url("/hook")))
        server = SimulatorServer(settings)
        port = await server.start(host="127.0.0.1", port=0)
        async with aiohttp.ClientSession() as session:
            running = World(server, f"http://127.0.0.1:{port}", session, business)
            user = server.sim.world.user_at(ANA)
            user.windows[NUMBER] = server.sim.clock.now() + 24 * 3600
            yield running
        await server.close()


def settings_for(callback_url: str) -> config.Config:
    """Return a world with one number, a callback and a few templates."""
    app = {"id": "7001", "secret": SECRET, "callback_url": callback_url, "verify_token": "v-0001"}
    body = {"type": "BODY", "text": "Olá {{1}}, sua consulta é {{2}}."}
    templates = [
        {"name": "aviso", "components": [body]},
        {"name": "oferta", "category": "MARKETING", "components": [{"type": "BODY", "text": "Promoção!"}]},
        {"name": "pausado", "status": "PAUSED", "components": [body]},
        {"name": "nomeado", "components": [{"type": "BODY", "text": "Oi {{nome}}"}]},
    ]
    behaviour = {"webhooks": {"window_ms": 0}}
    return config.read(
        {
            "seed": 7,
            "speed": 0,
            "behaviour": behaviour,
            "apps": [app],
            "tokens": [
                {"token": TOKEN, "app": "7001"},
                {"token": "expired", "app": "7001", "expires_at": 1.0},
                {"token": "weak", "app": "7001", "permissions": []},
                {"token": "elsewhere", "app": "7001", "wabas": []},
            ],
            "wabas": [{"id": WABA, "apps": ["7001"], "templates": templates}],
            "numbers": [
                {"id": NUMBER, "waba": WABA, "display": "5511940040001"},
                {"id": "100000000000002", "waba": WABA, "display": "5511940040002", "allow_list": [ANA]},
            ],
            "users": [
                {"id": "lua", "name": "Lua", "username": "lua.martins", "hide_phone": True},
                {"id": "parou", "phone": "5511987650009", "marketing_stopped": True},
                {"id": "fora", "phone": "5511987650008", "on_whatsapp": False},
            ],
        },
        environment={},
    )
