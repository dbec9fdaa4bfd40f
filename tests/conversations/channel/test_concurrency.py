"""Several workers at the same rows: each row is taken once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversations import handling, inbound, outbound, outbox, sweeping
from conversations.claimed import claim
from conversations.content import Text
from conversations.lanes import Waiting
from conversations.models import (
    Contact,
    Conversation,
    Message,
    MessageStatusEvent,
    UnhandledMessage,
    WebhookItem,
    WhatsAppNumber,
)
from pytake.accounts.models import Organization
from pytake.infra import tenancy
from tests import make
from tests.conversations.channel import handlers
from tests.conversations.channel.conftest import ANA, Provider, add_number, change, status, text
from tests.conversations.channel.responder import Responder, accepted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
WORKERS = 4


@pytest.fixture
def organization(transactional_db: None) -> Organization:
    return make.organization(name="Clínica Aurora")


@pytest.fixture
def number(organization: Organization) -> Iterator[WhatsAppNumber]:
    with tenancy.organization_context(organization.pk):
        yield add_number(organization)


@pytest.fixture
def provider(number: WhatsAppNumber) -> Provider:
    return Provider(Client())


@pytest.fixture
def recorder(settings: Settings) -> Iterator[list[str]]:
    """Handlers that note what they are given."""
    settings.INBOUND_HANDLERS = ["tests.conversations.channel.handlers.record_slowly"]
    handling.handlers.cache_clear()
    handlers.SEEN.clear()
    yield handlers.SEEN
    handling.handlers.cache_clear()


def at_once(work: Callable[[], Any], workers: int = WORKERS) -> list[Any]:
    """Do the same in several threads, each with a connection of its own; return the results."""
    results: list[Any] = []
    failures: list[BaseException] = []
    gate = threading.Barrier(workers)

    def run() -> None:
        try:
            gate.wait(5)
            results.append(work())
        except BaseException as exc:  # noqa: BLE001  # handed to the test
            failures.append(exc)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures, failures
    return results


def process() -> int:
    now = timezone.now()
    return inbound.process_waiting(now=now, until=now + timedelta(minutes=1), clock=timezone.now)


def handle() -> int:
    return handling.handle_waiting(until=timezone.now() + timedelta(minutes=1), clock=timezone.now)


def intents(number: WhatsAppNumber, count: int) -> list[Message]:
    now = timezone.now()
    return [
        outbox.say(make.conversation(number), Text(body=f"{n}"), sender_type="bot", now=now, priority=outbox.BOT)
        for n in range(count)
    ]


def test_deliveries_are_processed_once(provider: Provider) -> None:
    for n in range(40):
        row = text(f"wamid.{n // 2}", f"{n // 2}", sender=f"5511{970_000_000 + n % 7}", at=1795000000)
        provider.post(change(messages=[row], statuses=[status("wamid.X", "sent")]))

    results = at_once(process)

    assert sum(results) == 40
    assert Message.objects.count() == UnhandledMessage.objects.count() == 20
    assert sum(Contact.objects.values_list("total_messages_received", flat=True)) == 20
    assert sum(Conversation.objects.values_list("total_messages", flat=True)) == 20
    assert (Contact.objects.count(), Conversation.objects.count(), MessageStatusEvent.objects.count()) == (7, 7, 1)


def test_the_same_person_at_two_numbers_is_one_contact(provider: Provider, organization: Organization) -> None:
    add_number(organization, phone_id="100000000000002")
    for n in range(20):
        for phone_id in ("100000000000001", "100000000000002"):
            provider.post(change(phone_id=phone_id, messages=[text(f"wamid.{n}", sender=f"5511{970_000_000 + n}")]))

    at_once(process)
    process()

    assert (Message.objects.count(), Contact.objects.count(), Conversation.objects.count()) == (40, 20, 40)


def test_a_person_who_is_just_being_added_elsewhere_is_found(provider: Provider, number: WhatsAppNumber) -> None:
    provider.post(change(messages=[text("wamid.1", sender=ANA)]))
    reader = threading.Thread(target=at_once, args=(process, 1))
    with transaction.atomic():
        contact = make.contact(number.organization, wa_id=ANA)
        reader.start()
        wait_until_somebody_is_blocked()
    reader.join(10)

    assert Message.objects.get().contact_id == contact.pk
    assert not WebhookItem.objects.exists()


def wait_until_somebody_is_blocked() -> None:
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            if cursor.fetchone() != (0,):
                return
            cursor.execute("SELECT pg_stat_clear_snapshot(), pg_sleep(0.02)")
    raise AssertionError("nobody waits")


def test_handling_alone_locks_the_conversation_first(provider: Provider, recorder: list[str]) -> None:
    """As slices do: whoever locked the queue's row first would wait for a slice that waits for that row."""
    provider.bring(text("wamid.1", "1"))
    row = UnhandledMessage.objects.get()

    def alone() -> None:
        with tenancy.organization_context(row.organization_id):
            handling._handle_alone(row.organization_id, row.pk, now=timezone.now())

    single = threading.Thread(target=at_once, args=(alone, 1))
    with transaction.atomic():
        Conversation.objects.select_for_update().get(pk=row.conversation_id)
        single.start()
        wait_until_somebody_is_blocked()
        # A slice would end like this.
        assert UnhandledMessage.objects.select_for_update(nowait=True).get(pk=row.pk)
        UnhandledMessage.objects.filter(pk=row.pk).delete()
    single.join(10)

    assert recorder == []


def test_messages_are_handled_once_and_in_order(provider: Provider, recorder: list[str]) -> None:
    people = [f"5511{970_000_000 + n}" for n in range(6)]
    provider.bring(*(text(f"wamid.{who}.{n}", f"{who} {n}", sender=who) for n in range(5) for who in people))

    results = at_once(handle)

    assert sum(results) == len(recorder) == 30
    for who in people:
        assert [said for said in recorder if said.startswith(who)] == [f"{who} {n}" for n in range(5)]


def test_claims_never_overlap(number: WhatsAppNumber) -> None:
    messages = intents(number, 40)

    def take() -> list[Any]:
        with tenancy.organization_context(number.organization_id):
            return [row.id for row in claim(number.pk, now=timezone.now(), limit=15)]

    taken = [row for rows in at_once(take) for row in rows]

    assert len(taken) == len(set(taken)) == 40
    assert set(taken) == {message.pk for message in messages}


def test_two_drains_send_each_message_once(responder: Responder, number: WhatsAppNumber, settings: Settings) -> None:
    settings.SEND_SLICE = 5
    messages = intents(number, 40)

    def drain() -> int:
        waiting = Waiting(number.pk, number.organization_id)
        return outbound.drain(waiting, until=timezone.now() + timedelta(minutes=1), clock=timezone.now)

    results = at_once(drain)

    assert sum(results) == 40
    assert sorted(responder.callbacks()) == sorted(str(message.pk) for message in messages)
    assert set(Message.objects.values_list("dispatch_state", flat=True)) == {"accepted"}


def test_a_claim_is_committed_before_the_first_request(responder: Responder, number: WhatsAppNumber) -> None:
    intents(number, 3)
    seen: list[list[str]] = []

    def answer(body: dict[str, Any]) -> Any:
        with tenancy.organization_context(number.organization_id):
            seen.append(list(Message.objects.values_list("dispatch_state", flat=True)))
        connection.close()
        return accepted(f"wamid.{body['biz_opaque_callback_data']}")

    responder.answer = answer
    now = timezone.now()
    outbound.drain(Waiting(number.pk, number.organization_id), until=now, clock=lambda: now)

    assert seen == [["sending"] * 3] * 3


def test_a_status_that_overtakes_the_answer_wins(
    responder: Responder, provider: Provider, number: WhatsAppNumber
) -> None:
    [message] = intents(number, 1)

    def answer(body: dict[str, Any]) -> Any:
        with tenancy.organization_context(number.organization_id):
            report = status("wamid.1", "read", biz_opaque_callback_data=body["biz_opaque_callback_data"])
            provider.post(change(statuses=[report]))
            process()
        connection.close()
        return accepted("wamid.1")

    responder.answer = answer
    now = timezone.now()
    outbound.drain(Waiting(number.pk, number.organization_id), until=now, clock=lambda: now)

    message.refresh_from_db()
    assert (message.dispatch_state, message.status, message.whatsapp_message_id) == ("accepted", "read", "wamid.1")
    assert sweeping.sweep(now=now + timedelta(hours=1)) == (0, 0)


def test_a_deadlock_forgets_no_outcome(responder: Responder, number: WhatsAppNumber) -> None:
    first, second = sorted(intents(number, 2), key=lambda row: row.pk)
    ready, sent = threading.Event(), threading.Event()

    def cross() -> None:
        """Lock the second row, then the first, while the drain does the opposite."""
        assert sent.wait(5)
        with tenancy.organization_context(number.organization_id), transaction.atomic():
            Message.objects.select_for_update().get(pk=second.pk)
            ready.set()
            wait_until_somebody_is_blocked()
            # Later than the drain, which notices first and is the one that is undone.
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(0.3)")
            Message.objects.select_for_update().get(pk=first.pk)

    def answer(body: dict[str, Any]) -> Any:
        sent.set()
        assert ready.wait(5)
        return accepted(f"wamid.{body['biz_opaque_callback_data']}")

    responder.answer = answer
    other = threading.Thread(target=at_once, args=(cross, 1))
    other.start()
    now = timezone.now()
    outbound.drain(Waiting(number.pk, number.organization_id), until=now, clock=lambda: now)
    other.join(10)

    assert set(Message.objects.values_list("dispatch_state", flat=True)) == {"accepted"}
    assert len(responder.requests) == 2
