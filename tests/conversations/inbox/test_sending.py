"""Agents send files, answer messages and react; people are told that theirs were read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversations import receipts
from conversations.inbox import thread_page
from conversations.media import uploading
from conversations.models import Conversation, Message, SharedFile, WhatsAppNumber
from pytake.accounts.models import User
from tests import make
from tests.conversations.channel.conftest import Provider, drain, fresh, fresh_cache, number, provider, status, thread
from tests.conversations.media import servers
from tests.conversations.media.servers import Simulated

__all__ = ["fresh_cache", "number", "provider", "thread"]
pytestmark = pytest.mark.django_db(transaction=True)

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 100
Post = Callable[..., int]


@pytest.fixture(autouse=True)
def files(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path


@pytest.fixture
def simulator(settings: Settings) -> Iterator[Simulated]:
    with servers.simulator() as running:
        settings.GRAPH_BASE_URL = running.url
        yield running


@pytest.fixture
def page(client_as: Callable[[User], Client], agent: User) -> Client:
    return client_as(agent)


@pytest.fixture
def post(page: Client, thread: Conversation) -> Post:
    """Post a form of the thread's page; returns the status."""

    def send(verb: str, **data: object) -> int:
        return page.post(f"/inbox/{thread.pk}/{verb}/", data, headers={"HX-Request": "true"}).status_code

    return send


@pytest.fixture
def question(thread: Conversation) -> Message:
    """What Ana asked."""
    now = timezone.now()
    Conversation.objects.filter(pk=thread.pk).update(unread_count=1, last_inbound_message_at=now)
    return make.message(
        thread,
        text="Quanto custa?",
        whatsapp_message_id="wamid.IN1",
        content={"type": "text", "text": {"body": "Quanto custa?"}},
    )


def ours() -> list[Message]:
    return list(Message.objects.filter(direction="outbound").order_by("created_at", "pk"))


def picture(content: bytes = PNG, name: str = "sala.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def upload() -> int:
    now = timezone.now()
    return uploading.upload_waiting(until=now + timedelta(hours=1), clock=lambda: now)


def tell() -> int:
    now = timezone.now() + timedelta(seconds=1)
    return receipts.send_waiting(until=now + timedelta(hours=1), clock=lambda: now)


def test_a_file_with_a_caption_arrives_and_is_shown(
    simulator: Simulated, number: WhatsAppNumber, post: Post, page: Client, thread: Conversation, question: Message
) -> None:
    first = post("reply", text="A sala", file=picture(), reply_to=str(question.pk), client_key="k-1")
    again = post("reply", text="A sala", file=picture(), client_key="k-1")
    upload()
    drain(number)

    (message,) = ours()
    assert (first, again, fresh(message).dispatch_state) == (200, 200, "accepted")
    body = orjson.loads(simulator.server.sim.ledger.entries[0].body)
    assert (body["image"]["caption"], body["context"]) == ("A sala", {"message_id": "wamid.IN1"})
    shown = thread_page.read(thread).items[-1]
    assert isinstance(shown, thread_page.Bubble)
    assert shown.file is not None
    assert (shown.file.view, shown.arrived and shown.arrived.text) == ("image", "A sala")
    assert shown.quote is not None
    assert shown.quote.text == "Quanto custa?"
    assert b"".join(page.get(f"/inbox/media/{message.pk}/").streaming_content) == PNG  # type: ignore[attr-defined]
    assert message.sender_user is not None


def test_text_beside_a_sound_follows_by_itself(post: Post, thread: Conversation) -> None:
    post("reply", text="Ouça", file=picture(b"ID3" + b"x" * 100, "a.mp3"), client_key="k-2")

    assert [(one.message_type, one.text) for one in ours()] == [("audio", ""), ("text", "Ouça")]


@pytest.mark.parametrize(
    ("content", "name"), [(b"<svg onload=alert(1)>", "a.svg"), (b"<html>", "a.png"), (b"", "a.png"), (b"MZ\0", "a.pdf")]
)
def test_what_cannot_be_sent_is_refused_with_the_text_kept(
    page: Client, thread: Conversation, content: bytes, name: str
) -> None:
    address = f"/inbox/{thread.pk}/reply/"
    answer = page.post(address, {"text": "Veja", "file": picture(content, name)}, headers={"HX-Request": "true"})

    assert answer.status_code == 422
    assert "Veja" in answer.content.decode()
    assert (Message.objects.count(), SharedFile.objects.count()) == (0, 0)


def test_a_reaction_is_shown_on_its_message_and_can_be_taken_back(
    simulator: Simulated, number: WhatsAppNumber, post: Post, thread: Conversation, question: Message
) -> None:
    post("react", message=str(question.pk), emoji="👍")
    drain(number)
    (with_it,) = [item for item in thread_page.read(thread).items if isinstance(item, thread_page.Bubble)]
    post("react", message=str(question.pk), emoji="")
    (without,) = [item for item in thread_page.read(thread).items if isinstance(item, thread_page.Bubble)]

    assert (with_it.reactions, with_it.our_reaction, without.reactions) == (["👍"], "👍", [])
    body = orjson.loads(simulator.server.sim.ledger.entries[0].body)
    assert body["reaction"] == {"message_id": "wamid.IN1", "emoji": "👍"}
    # A reaction takes no conversation over.
    assert Conversation.objects.get(pk=thread.pk).current_agent is None


def test_only_messages_of_the_person_in_this_thread_are_reacted_to(
    post: Post, thread: Conversation, question: Message, number: WhatsAppNumber
) -> None:
    post("reply", text="R$ 50")
    other = make.conversation(number, make.contact(number.organization, wa_id="5511987650009"))
    foreign = make.message(other, whatsapp_message_id="wamid.IN9")
    before = Message.objects.count()

    refused = [post("react", message=str(key), emoji="👍") for key in (ours()[0].pk, foreign.pk)]
    quoted = post("reply", text="Veja", reply_to=str(foreign.pk))

    assert refused == [422, 422]
    assert quoted == 200
    assert Message.objects.count() == before + 1
    assert ours()[-1].reply_to is None


def test_a_file_that_the_provider_lost_is_sent_again_with_a_new_upload(
    simulator: Simulated, number: WhatsAppNumber, post: Post, provider: Provider
) -> None:
    post("reply", text="A sala", file=picture())
    upload()
    drain(number)
    (failed,) = ours()
    errors = [{"code": 131053, "title": "Media upload error"}]
    provider.report(status(failed.whatsapp_message_id or "", "failed", errors=errors))

    post("retry", message=str(failed.pk))
    renewed = upload()
    drain(number)

    again = ours()[-1]
    assert (renewed, again.dispatch_state, again.retry_of_id) == (1, "accepted", failed.pk)
    assert again.content == failed.content


def test_reading_and_typing_are_told_by_a_worker(
    simulator: Simulated, number: WhatsAppNumber, post: Post, thread: Conversation, question: Message
) -> None:
    sim = simulator.server.sim
    user = sim.world.user_at("5511987650001")
    sim.inbound["wamid.IN1"] = (user.id, number.phone_number_id or "")
    watched = sim.chats.watch()

    post("read")
    first = tell()
    post("typing")
    second, third = tell(), tell()

    assert (first, second, third) == (1, 1, 0)
    events = [watched.get_nowait() for _ in range(watched.qsize())]
    assert [event["event"] for event in events if event] == ["typing"]
    assert len(sim.ledger) == 0
    row = Conversation.objects.get(pk=thread.pk)
    assert (row.receipt_due_at, row.is_typing_due) == (None, False)


def test_those_who_may_not_write_tell_nobody_that_they_do(
    client_as: Callable[[User], Client], viewer: User, thread: Conversation, question: Message
) -> None:
    assert client_as(viewer).post(f"/inbox/{thread.pk}/typing/").status_code == 403
    assert tell() == 0


def test_numbers_paired_by_code_have_no_receipts(post: Post, question: Message, number: WhatsAppNumber) -> None:
    WhatsAppNumber.objects.filter(pk=number.pk).update(connection_type="qrcode")
    post("read")

    assert tell() == 0
