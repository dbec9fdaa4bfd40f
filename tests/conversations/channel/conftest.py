"""A number with secrets, the provider that posts to it, and the workers' steps called by hand."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversations import handling, inbound, numbers, outbound, outbox
from conversations.content import Text
from conversations.lanes import Waiting
from conversations.models import Conversation, Message, WhatsAppNumber
from pytake.accounts.models import Organization
from pytake.infra import tenancy
from tests import make
from tests.conversations.channel import responder as answers
from tests.conversations.channel.responder import Responder

Json = dict[str, Any]
Say = Callable[..., Message]
SECRET = "example-app-secret-0001"
PHONE_ID = "100000000000001"
ACCOUNT_ID = "200000000000001"
ANA = "5511987650001"
PATH = "/api/v1/whatsapp/webhook"
SHAPES = Path(__file__).parent / "shapes"


def sign(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def encode(body: Any) -> bytes:
    """Write JSON as the provider does: ASCII only, slashes escaped."""
    return json.dumps(body, ensure_ascii=True, separators=(",", ":")).replace("/", "\\/").encode()


def change(*, phone_id: str = PHONE_ID, field: str = "messages", **value: Any) -> Json:
    metadata = {"display_phone_number": "551140040001", "phone_number_id": phone_id}
    return {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}


def envelope(*changes: Json) -> Json:
    return {"object": "whatsapp_business_account", "entry": [{"id": ACCOUNT_ID, "changes": list(changes)}]}


def text(wamid: str, body: str = "Oi", *, sender: str = ANA, at: float = 0, **more: Any) -> Json:
    seconds = str(int(at or timezone.now().timestamp()))
    return {"from": sender, "id": wamid, "timestamp": seconds, "type": "text", "text": {"body": body}, **more}


def status(wamid: str, kind: str, *, at: int = 1795000000, **more: Any) -> Json:
    return {"id": wamid, "status": kind, "timestamp": str(at), "recipient_id": ANA, **more}


def shapes() -> list[Path]:
    return sorted(SHAPES.glob("*.json"))


def add_number(organization: Organization, *, phone_id: str = PHONE_ID, secret: str = SECRET) -> WhatsAppNumber:
    """Return a number that can receive and send."""
    with tenancy.organization_context(organization.pk):
        # Seen just now: what is written once a minute would make the counts of statements uneven.
        number = make.number(
            organization,
            phone_number_id=phone_id,
            phone_number="551140040001",
            whatsapp_business_account_id=ACCOUNT_ID,
            last_seen_at=timezone.now() + timedelta(hours=1),
        )
        numbers.set_secrets(
            number, access_token=f"token-{phone_id}", app_secret=secret, verify_token=f"verify-{phone_id}"
        )
        number.save()
    return number


@dataclass
class Provider:
    """Posts like the provider; with the right signature unless told otherwise."""

    client: Client

    def post_raw(self, raw: bytes, *, signature: str | None = None, secret: str = SECRET) -> HttpResponse:
        headers = {"X-Hub-Signature-256": sign(raw, secret) if signature is None else signature}
        response: Any = self.client.post(
            PATH, raw, content_type="application/json", headers=headers, CONTENT_LENGTH=str(len(raw))
        )
        return response  # type: ignore[no-any-return]  # Django's client answers with a subclass of its own

    def post(self, *changes: Json, secret: str = SECRET) -> HttpResponse:
        response = self.post_raw(encode(envelope(*changes)), secret=secret)
        assert response.status_code == 200, response.content
        return response

    def bring(self, *messages: Json, phone_id: str = PHONE_ID, secret: str = SECRET) -> None:
        """Deliver messages with their contacts and process them."""
        senders = {row["from"]: {"profile": {"name": "Ana"}, "wa_id": row["from"]} for row in messages}
        self.post(change(phone_id=phone_id, contacts=list(senders.values()), messages=list(messages)), secret=secret)
        process()

    def report(self, *statuses: Json, phone_id: str = PHONE_ID, secret: str = SECRET) -> None:
        """Deliver statuses and process them."""
        self.post(change(phone_id=phone_id, statuses=list(statuses)), secret=secret)
        process()


def process(now: datetime | None = None) -> int:
    """Read all deliveries that wait."""
    now = now or timezone.now()
    return inbound.process_waiting(now=now, until=now + timedelta(hours=1), clock=lambda: now)


def handle() -> int:
    """Pass all messages that wait through the handlers."""
    now = timezone.now()
    return handling.handle_waiting(until=now + timedelta(hours=1), clock=lambda: now)


def drain(number: WhatsAppNumber, *, after: float = 0) -> int:
    """Send what is due `after` seconds from now."""
    now = timezone.now() + timedelta(seconds=after)
    waiting = Waiting(number.pk, number.organization_id)
    return outbound.drain(waiting, until=now + timedelta(hours=1), clock=lambda: now)


def fresh(message: Message) -> Message:
    message.refresh_from_db()
    return message


def states(messages: list[Message]) -> list[str]:
    return [fresh(message).dispatch_state for message in messages]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(autouse=True)
def fresh_cache() -> Iterator[None]:
    """Numbers are cached by the provider's id, which tests use again and again."""
    numbers.forget()
    yield
    numbers.forget()


@pytest.fixture
def number(in_organization: Organization) -> WhatsAppNumber:
    """The number of appendix A, and its organization's context."""
    return add_number(in_organization)


@pytest.fixture
def provider(number: WhatsAppNumber) -> Provider:
    return Provider(Client())


@pytest.fixture
def thread(number: WhatsAppNumber) -> Conversation:
    """Ana's open thread."""
    return make.conversation(number, make.contact(number.organization, wa_id=ANA))


@pytest.fixture
def new_wamid() -> Callable[[], str]:
    """Give a message id that was not used before."""
    count = iter(range(1, 100_000))
    return lambda: f"wamid.N{next(count):06d}"


@pytest.fixture
def responder(settings: Settings) -> Iterator[Responder]:
    """A provider that takes everything until the test says otherwise."""
    with answers.running() as running:
        settings.GRAPH_BASE_URL = running.url
        settings.GRAPH_TIMEOUT_S = 1.0
        yield running


@pytest.fixture
def say(thread: Conversation) -> Say:
    """Decide to send a text to Ana."""

    def write(body: str = "Olá", **fields: Any) -> Message:
        fields = {"sender_type": "bot", "priority": outbox.BOT, "now": timezone.now(), **fields}
        return outbox.say(fields.pop("to", thread), fields.pop("content", Text(body=body)), **fields)

    return write
