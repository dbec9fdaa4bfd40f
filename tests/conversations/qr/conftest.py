"""A QR number at the simulated Evolution API. Its webhooks wait in a letter box until the test delivers them."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversations import outbound, outbox
from conversations.content import Content, Text
from conversations.lanes import Waiting
from conversations.models import Conversation, Message, WhatsAppNumber
from conversations.qr import links, receiving
from conversations.simulator import config
from conversations.simulator.app import SimulatorServer
from pytake.accounts.models import Organization, User
from tests import make
from tests.conversations.channel.conftest import ANA, fresh, process
from tests.conversations.media.servers import in_thread

Json = dict[str, Any]
KEY = "global-key-0001"
SHOP = "5511950050001"
Say = Callable[..., Message]


@dataclass
class Letters:
    """What the session posted: (path, headers, body)."""

    url: str = ""
    kept: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.BaseRequest) -> web.StreamResponse:
        self.kept.append((request.path, dict(request.headers), await request.read()))
        return web.Response()

    def events(self, name: str = "") -> list[Json]:
        bodies = [json.loads(body) for _, _, body in self.kept]
        return [body for body in bodies if name in {"", body["event"]}]


@dataclass
class Evolution:
    """The simulator with shorthands for what tests do with it."""

    server: SimulatorServer
    letters: Letters
    url: str = ""

    def call(self, method: str, path: str, data: Json | None = None) -> Any:
        body = json.dumps(data).encode() if data is not None else None
        request = urllib.request.Request(self.url + path, data=body, method=method)  # our own
        request.add_header("apikey", KEY)
        with urllib.request.urlopen(request, timeout=5) as answer:  # our own
            return json.loads(answer.read())

    def sim(self, page: str, **data: Any) -> Any:
        return self.call("POST" if data else "GET", f"/_sim/{page}", data or None)

    def advance(self, seconds: float) -> None:
        self.sim("clock", advance=seconds)

    def configure(self, **changes: Any) -> None:
        self.call("PUT", "/_sim/config", {"evolution": changes})

    def scan(self, number: WhatsAppNumber, **more: Any) -> None:
        self.sim("evolution", instance=number.evolution_instance_name, pair=True, phone=SHOP, **more)

    def lose(self, number: WhatsAppNumber, code: int) -> None:
        self.sim("evolution", instance=number.evolution_instance_name, disconnect=code)

    def write(self, number: WhatsAppNumber, text: str = "Oi", *, sender: str = ANA, **content: Any) -> str:
        content = content if "type" in content else {"text": text, **content}
        to = f"qr-{number.evolution_instance_name}"
        found = self.sim("inbound", to=to, **{"from": sender}, name="Ana Souza", **content)
        return str(found["messages"][0]["id"])

    def ledger(self) -> list[Json]:
        rows: list[Json] = self.sim("messages")["data"]
        return rows

    def deliver(self, *names: str, keep: bool = False) -> list[Json]:
        """Carry the letters to the entrance and process them; returns the events."""
        time.sleep(0.05)  # the simulator posts from a thread of its own
        chosen = [row for row in self.letters.kept if not names or json.loads(row[2])["event"] in names]
        if not keep:
            self.letters.kept = [row for row in self.letters.kept if row not in chosen]
        for path, headers, body in chosen:
            answer = post(path, body, authorization=headers.get("Authorization", ""))
            assert answer == 200, (answer, body)
        process()
        return [json.loads(body) for _, _, body in chosen]


def post(path: str, body: bytes, *, authorization: str = "") -> int:
    """Post to the entrance as the session does; returns the status."""
    response = Client().post(
        path,
        body,
        content_type="application/json",
        headers={"Authorization": authorization},
        CONTENT_LENGTH=str(len(body)),
    )
    return response.status_code


@pytest.fixture
def evolution(settings: Settings) -> Iterator[Evolution]:
    """The simulator, its clock standing still."""
    receiving.forget()
    world = {"seed": 7, "speed": 0, "behaviour": {"evolution": {"api_key": KEY}}}
    letters = Letters()
    running = Evolution(SimulatorServer(config.read(world, environment={})), letters)

    async def start() -> Callable[[], Awaitable[None]]:
        runner = web.ServerRunner(web.Server(letters.take, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        letters.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        running.url = f"http://127.0.0.1:{await running.server.start(host='127.0.0.1', port=0)}"

        async def close() -> None:
            await running.server.close()
            await runner.cleanup()

        return close

    with in_thread(start):
        settings.EVOLUTION_BASE_URL = f"{running.url}/evolution"
        settings.EVOLUTION_API_KEY = KEY
        settings.EVOLUTION_WEBHOOK_BASE_URL = letters.url
        settings.EGRESS_ALLOWED_ORIGINS = [running.url]
        settings.EVOLUTION_TIMEOUT_S = 2.0
        yield running


@pytest.fixture
def waiting_number(evolution: Evolution, in_organization: Organization, admin: User) -> WhatsAppNumber:
    """A number that shows its first code."""
    number = links.create(in_organization, display_name="Loja", by=admin, now=timezone.now())
    links.begin(number, by=admin, now=timezone.now())
    return number


@pytest.fixture
def number(evolution: Evolution, waiting_number: WhatsAppNumber) -> WhatsAppNumber:
    """A number whose phone has scanned the code; without gaps, so that tests need not wait."""
    evolution.scan(waiting_number)
    evolution.deliver()
    waiting_number.refresh_from_db()
    waiting_number.min_gap_ms = 0
    waiting_number.settings = {"typing": False}
    waiting_number.save()
    return waiting_number


@pytest.fixture
def thread(number: WhatsAppNumber) -> Conversation:
    """Ana's open thread."""
    return make.conversation(number, make.contact(number.organization, wa_id=ANA))


@pytest.fixture
def say(thread: Conversation) -> Say:
    """Decide to write to Ana."""

    def write(content: Content | str = "Olá", **fields: Any) -> Message:
        fields = {"sender_type": "bot", "priority": outbox.BOT, "now": timezone.now(), **fields}
        body = Text(body=content) if isinstance(content, str) else content
        return outbox.say(fields.pop("to", thread), body, **fields)

    return write


def drain(number: WhatsAppNumber, *, after: float = 0) -> int:
    """Send what is due `after` seconds from now."""
    now = timezone.now() + timedelta(seconds=after)
    return outbound.drain(Waiting(number.pk, number.organization_id), until=now + timedelta(hours=1), clock=lambda: now)


__all__ = ["ANA", "fresh", "process"]
