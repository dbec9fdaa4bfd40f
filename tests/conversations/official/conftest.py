"""The simulator on a thread of its own, as the provider that the management calls ask over HTTP."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest
from pytest_django import Settings

from conversations import numbers
from conversations.models import WhatsAppNumber
from conversations.simulator import config
from conversations.simulator.app import SimulatorServer
from pytake.accounts.models import Organization
from tests import make

Json = dict[str, Any]
SECRET = "example-app-secret-0001"
TOKEN = "t-0001"
PHONE_ID = "100000000000001"
ACCOUNT_ID = "200000000000001"
WORLD: Json = {
    "seed": 7,
    "apps": [{"id": "7001", "secret": SECRET}, {"id": "7002", "secret": "another-app-secret"}],
    "tokens": [
        {"token": TOKEN, "app": "7001"},
        {"token": "fresh", "app": "7001"},
        {"token": "soon", "app": "7001", "expires_at": 4102444800.0},
        {"token": "expired", "app": "7001", "expires_at": 1.0},
        {"token": "weak", "app": "7001", "permissions": ["whatsapp_business_messaging"]},
        {"token": "elsewhere", "app": "7002", "wabas": ["200000000000002"]},
    ],
    "wabas": [
        {"id": ACCOUNT_ID, "apps": ["7001"]},
        {"id": "200000000000002", "name": "Outra", "apps": ["7002"]},
    ],
    "numbers": [
        {"id": PHONE_ID, "waba": ACCOUNT_ID, "display": "5511940040001", "verified_name": "Clínica Aurora",
         "tier": "TIER_2K"},
        {"id": "100000000000003", "waba": "200000000000002", "display": "5511940040003"},
    ],
}  # fmt: skip


class Meta:
    """The running simulator."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.server = SimulatorServer(config.read(WORLD, environment={}))
        self.url = f"http://127.0.0.1:{self.run(self.server.start(host='127.0.0.1', port=0))}"

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def close(self) -> None:
        self.run(self.server.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()

    def sim(self, page: str, data: Json | None = None) -> Json:
        """Call the admin API: GET without data, POST with it."""
        body = json.dumps(data).encode() if data is not None else None
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/_sim/{page}", data=body)) as answer:
            found: Json = json.load(answer)
        return found

    def number(self) -> Any:
        """Return the simulated number, to look at it."""
        return self.server.sim.world.numbers[PHONE_ID]

    def revoke(self, token: str) -> None:
        self.server.sim.world.tokens[token].revoked = True


@pytest.fixture
def meta(settings: Settings) -> Iterator[Meta]:
    """WhatsApp, as far as numbers are concerned."""
    running = Meta()
    settings.GRAPH_BASE_URL = running.url
    numbers.forget()
    yield running
    numbers.forget()
    running.close()


@pytest.fixture
def number(in_organization: Organization) -> WhatsAppNumber:
    """The simulated number with its secrets."""
    return add(in_organization)


def add(organization: Organization, *, token: str = TOKEN, **fields: Any) -> WhatsAppNumber:
    values = {"phone_number_id": PHONE_ID, "whatsapp_business_account_id": ACCOUNT_ID, "phone_number": "5511940040001"}
    row = make.number(organization, **{**values, **fields})
    numbers.set_secrets(row, access_token=token, app_secret=SECRET, verify_token="verify-0001")
    row.save()
    return row
