"""The number of statements does not depend on the number of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations.models import Message, WebhookItem, WhatsAppNumber
from tests import make
from tests.conversations.channel.conftest import Json, Provider, Say, change, drain, handle, process, status, text
from tests.conversations.channel.responder import Responder

pytestmark = pytest.mark.django_db


def statements(work: Callable[[], Any]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        work()
    return len(captured)


def people(count: int, start: int) -> list[str]:
    return [f"55119{start + n:08d}" for n in range(count)]


def arrivals(count: int, start: int) -> list[Json]:
    return [text(f"wamid.{start + n}", sender=person) for n, person in enumerate(people(count, start))]


def test_arrival_of_new_people(provider: Provider) -> None:
    counts = []
    for count, start in ((10, 71_000_000), (100, 72_000_000)):
        provider.post(change(messages=arrivals(count, start)))
        counts.append(statements(process))
    assert counts[0] == counts[1]
    assert Message.objects.count() == 110


def test_arrival_of_known_people_and_repeats(provider: Provider) -> None:
    counts = []
    for count, start in ((10, 71_000_000), (100, 72_000_000)):
        first = arrivals(count, start)
        provider.bring(*first)
        provider.post(change(messages=[*first, *({**row, "id": f"{row['id']}.2"} for row in first)]))
        counts.append(statements(process))
    assert counts[0] == counts[1]
    assert Message.objects.count() == 220


def test_statuses(provider: Provider, number: WhatsAppNumber) -> None:
    counts = []
    for count in (10, 100):
        sent = [
            make.message(
                thread,
                direction="outbound",
                status="queued",
                dispatch_state="accepted",
                whatsapp_message_id=f"w{count}.{n}",
            )
            for n, thread in enumerate(make.conversation(number) for _ in range(count))
        ]
        provider.post(change(statuses=[status(str(row.whatsapp_message_id), "sent") for row in sent]))
        provider.post(change(statuses=[status(f"{row.whatsapp_message_id}.unknown", "sent") for row in sent]))
        counts.append(statements(process))
    assert counts[0] == counts[1]
    assert Message.objects.filter(status="sent").count() == 110


def test_items_set_aside(provider: Provider) -> None:
    counts = []
    for count in (10, 100):
        provider.post(*(change(field=f"field_{count}_{n}", value=n) for n in range(count)))
        counts.append(statements(process))
    assert counts[0] == counts[1]
    assert WebhookItem.objects.count() == 110


def test_many_deliveries_of_one_item(provider: Provider) -> None:
    counts = []
    for count, start in ((10, 71_000_000), (100, 72_000_000)):
        for row in arrivals(count, start):
            provider.post(change(messages=[row]))
        counts.append(statements(process))
    assert counts[0] == counts[1]


def test_messages_that_no_bot_answers(provider: Provider) -> None:
    # What is read once and cached does not count.
    provider.bring(text("wamid.0"))
    handle()
    counts = []
    for count, start in ((10, 71_000_000), (100, 72_000_000)):
        provider.bring(*arrivals(count, start))
        counts.append(statements(handle))
    assert counts[0] == counts[1]


def test_a_drain(responder: Responder, number: WhatsAppNumber, say: Say) -> None:
    counts = []
    for count in (10, 100):
        for _ in range(count):
            say(to=make.conversation(number))
        counts.append(statements(lambda: drain(number)))
    assert counts[0] == counts[1]
    assert len(responder.requests) == 110
