"""What a thread shows: order, days, ticks, reasons, unknown types, pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from conversations.content import Button, Buttons
from conversations.inbox import thread_page
from conversations.inbox.thread_page import Bubble, Day, Happening
from conversations.models import Conversation, ConversationEvent, Message
from pytake.accounts.models import Organization
from tests import make

pytestmark = pytest.mark.usefixtures("in_organization")


@pytest.fixture
def thread(in_organization: Organization) -> Conversation:
    return make.conversation(make.number(in_organization))


def said(thread: Conversation, text: str, minutes_ago: float, **fields: object) -> Message:
    message = make.message(thread, text, **fields)
    Message.objects.filter(pk=message.pk).update(created_at=timezone.now() - timedelta(minutes=minutes_ago))
    return message


def texts(page: thread_page.Page) -> list[str]:
    return [item.message.text for item in page.items if isinstance(item, Bubble)]


def test_messages_and_events_are_woven_by_time_with_days_between(thread: Conversation) -> None:
    said(thread, "ontem", 60 * 24)
    said(thread, "hoje", 1)
    ConversationEvent.objects.create(
        organization_id=thread.organization_id,
        conversation=thread,
        created_at=timezone.now() - timedelta(minutes=2),
        kind="assigned",
        actor_label="Bruno",
    )

    items = thread_page.read(thread).items

    assert [type(item) for item in items] == [Day, Bubble, Day, Happening, Bubble]


def test_the_last_messages_come_first_and_older_ones_by_page(thread: Conversation) -> None:
    for number in range(thread_page.PAGE + 3):
        said(thread, str(number), 200 - number)

    latest = thread_page.read(thread)
    older = thread_page.read(thread, before=latest.older)

    assert texts(latest) == [str(number) for number in range(3, thread_page.PAGE + 3)]
    assert texts(older) == ["0", "1", "2"]
    assert older.older == ""


def test_reading_since_a_mark_keeps_what_was_shown(thread: Conversation) -> None:
    for number in range(5):
        said(thread, str(number), 50 - number)
    third = [item for item in thread_page.read(thread).items if isinstance(item, Bubble)][2]

    page = thread_page.read(thread, since=thread_page.mark(third.message))

    assert texts(page) == ["2", "3", "4"]
    assert page.older == page.first


@pytest.mark.parametrize("mark", ["x", "2026-01-01~a~b", "~~"])
def test_a_broken_mark_shows_the_end(thread: Conversation, mark: str) -> None:
    said(thread, "oi", 1)

    assert texts(thread_page.read(thread, before=mark)) == ["oi"]


@pytest.mark.parametrize(
    ("status", "dispatch", "tick"),
    [
        ("queued", "queued", "clock"),
        ("queued", "sending", "clock"),
        ("sent", "accepted", "check"),
        ("read", "accepted", "check-check"),
        ("queued", "unknown", "circle-help"),
        ("queued", "abandoned", "circle-help"),
        ("failed", "failed", "circle-alert"),
        ("failed", "cancelled", "circle-alert"),
    ],
)
def test_each_outcome_has_its_tick(thread: Conversation, status: str, dispatch: str, tick: str) -> None:
    message = make.message(
        thread, "a", direction="outbound", sender_type="agent", status=status, dispatch_state=dispatch
    )

    assert thread_page.bubble(message).tick == tick


def test_a_failure_gives_reason_code_and_advice(thread: Conversation) -> None:
    message = make.message(
        thread, "a", direction="outbound", sender_type="agent", status="failed", dispatch_state="failed",
        error_code="131026", error_title="Message undeliverable", content={"kind": "text", "body": "a"},
    )  # fmt: skip

    item = thread_page.bubble(message)

    assert item.problem == "A mensagem não pôde ser entregue (131026)"
    assert item.advice
    assert item.can_retry


def test_a_file_that_nobody_expects_is_shown_whole(thread: Conversation) -> None:
    message = make.message(thread, "", message_type="audio", content={"type": "audio", "audio": {"id": "77"}})

    shown = thread_page.bubble(message).arrived

    assert shown is not None
    assert '"id": "77"' in shown.raw


def test_buttons_show_their_titles(thread: Conversation) -> None:
    content = Buttons(body="Qual?", buttons=(Button(id="1", title="Sim"), Button(id="2", title="Não")))
    message = make.message(
        thread, "Qual?", direction="outbound", sender_type="bot", status="sent", dispatch_state="accepted",
        content=content.as_dict(),
    )  # fmt: skip

    assert thread_page.bubble(message).options == ["Sim", "Não"]
