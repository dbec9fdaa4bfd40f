"""A number whose account has templates at the simulated provider, which tells our webhook what happens to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversations.message_templates import sync
from conversations.models import TemplateSync, WhatsAppNumber, WhatsAppTemplate
from conversations.simulator import config
from conversations.simulator.app import SimulatorServer
from conversations.simulator.model import Template
from pytake.accounts.models import Organization
from pytake.infra import tenancy
from tests.conversations.channel.conftest import PHONE_ID, SECRET, Provider, add_number, fresh_cache, process
from tests.conversations.media.servers import TOKEN, in_thread

__all__ = ["fresh_cache"]
WABA = "200000000000001"
Json = dict[str, Any]
BODY: Json = {
    "type": "BODY",
    "text": "Olá {{1}}, sua consulta é {{2}}. Até lá!",
    "example": {"body_text": [["Ana", "hoje às 15h"]]},
}


def wanted(name: str = "lembrete", **fields: Any) -> Json:
    """Return a template as the provider lists it."""
    return {"name": name, "language": "pt_BR", "category": "UTILITY", "components": [BODY], **fields}


@dataclass
class World:
    """The running simulator, called from the test's thread, and what it posted."""

    server: SimulatorServer = field(default_factory=lambda: SimulatorServer(settings_for("")))
    url: str = ""
    told: list[bytes] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop | None = None

    async def hook(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET":
            return web.Response(text=request.query["hub.challenge"])
        self.told.append(await request.read())
        return web.Response(status=200)

    def do(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call something of the simulator in its own thread."""

        async def inside() -> Any:
            found = call(*args, **kwargs)
            return await found if asyncio.iscoroutine(found) else found

        assert self.loop is not None
        return asyncio.run_coroutine_threadsafe(inside(), self.loop).result(10)

    def add(self, *rows: Json) -> None:
        world = self.server.sim.world
        for row in rows:
            self.do(world.add_template, Template(id=world.template_id(), waba=WABA, **row))

    def of(self, name: str, language: str = "pt_BR") -> Template:
        found = self.server.sim.world.template(WABA, name, language)
        assert found is not None
        return found

    def later(self, seconds: float = 10) -> None:
        """Move the provider's clock; deliver and process what it tells."""
        self.do(self.server.sim.scheduler.advance, seconds)
        self.deliver()

    def deliver(self) -> None:
        self.do(self.server.sim.dispatcher.settle, 5.0)
        while self.told:
            assert Provider(Client()).post_raw(self.told.pop(0)).status_code == 200
        process()


def settings_for(callback: str) -> config.Config:
    """Return a world with one account."""
    app = {"id": "7001", "secret": SECRET, "callback_url": callback, "verify_token": "v"}
    return config.read(
        {
            "seed": 7,
            "speed": 0,
            "behaviour": {"webhooks": {"window_ms": 0}},
            "apps": [app],
            "tokens": [{"token": TOKEN, "app": "7001"}],
            "wabas": [{"id": WABA, "apps": ["7001"]}],
            "numbers": [{"id": PHONE_ID, "waba": WABA, "display": "5511940040001"}],
        },
        environment={},
    )


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    """The simulator as the provider."""
    running = World()

    async def start() -> Callable[[], Awaitable[None]]:
        runner = web.ServerRunner(web.Server(running.hook, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        running.server = SimulatorServer(settings_for(f"http://127.0.0.1:{runner.addresses[0][1]}/hook"))
        port = await running.server.start(host="127.0.0.1", port=0)
        running.url, running.loop = f"http://127.0.0.1:{port}", asyncio.get_running_loop()

        async def close() -> None:
            await running.server.close()
            await runner.cleanup()

        return close

    with in_thread(start):
        settings.GRAPH_BASE_URL = running.url
        yield running


@pytest.fixture
def number(organization: Organization) -> WhatsAppNumber:
    """A number of the account that has the templates."""
    row = add_number(organization)
    with tenancy.organization_context(organization.pk):
        row.whatsapp_business_account_id = WABA
        row.save()
    return row


@pytest.fixture
def in_context(number: WhatsAppNumber) -> Iterator[None]:
    """Run the test inside the organization's context."""
    with tenancy.organization_context(number.organization_id):
        yield


def read_all(*, after: float = 0) -> int:
    """Do what a worker does `after` seconds from now."""
    now = timezone.now() + timedelta(seconds=after)
    return sync.run_due(until=now + timedelta(hours=1), clock=lambda: now)


def ours(name: str = "lembrete", language: str = "pt_BR") -> WhatsAppTemplate:
    return WhatsAppTemplate.objects.get(name=name, language=language)


def state() -> TemplateSync:
    return TemplateSync.objects.get()
