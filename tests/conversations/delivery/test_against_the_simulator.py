"""Against the simulated provider, whose limits are the real ones: nothing is refused, lost or doubled."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from conversations import outbound, outbox
from conversations.content import Text
from conversations.models import CircuitBreaker, Conversation, Message, WhatsAppNumber
from conversations.simulator import config
from conversations.simulator.app import SimulatorServer
from pytake.accounts.models import Organization
from pytake.infra import tenancy
from tests import make
from tests.conversations.channel.conftest import add_number
from tests.conversations.delivery.conftest import serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
PHONES = [f"10000000000000{n}" for n in range(1, 4)]


@pytest.fixture
def organization(transactional_db: None) -> Organization:
    return make.organization(name="Clínica Aurora")


@pytest.fixture
def numbers(organization: Organization) -> Iterator[list[WhatsAppNumber]]:
    with tenancy.organization_context(organization.pk):
        rows = [add_number(organization, phone_id=phone) for phone in PHONES]
        WhatsAppNumber.objects.update(limit_per_second=70)  # as registered; the provider takes 80
        yield rows


@pytest.fixture
def simulator(settings: Settings) -> Iterator[SimulatorServer]:
    """Three numbers that take 80 messages a second, statuses off, all windows open."""
    world = config.read(
        {
            "behaviour": {"latency_ms": 30, "limits": {"window": "off"}, "lifecycle": {"statuses": False}},
            "apps": [{"id": "7001", "secret": "s", "callback_url": "", "verify_token": "v"}],
            "tokens": [{"token": f"token-{phone}", "app": "7001"} for phone in PHONES],
            "wabas": [{"id": "2001", "apps": ["7001"]}],
            "numbers": [{"id": phone, "waba": "2001", "display": f"55114004000{n}"} for n, phone in enumerate(PHONES)],
        },
        environment={},
    )
    server = SimulatorServer(world)
    with serving(server) as url:
        settings.GRAPH_BASE_URL = url
        yield server


def queue(number: WhatsAppNumber, count: int) -> list[Message]:
    threads = [make.conversation(number) for _ in range(count)]
    now = timezone.now()
    drafts = [
        outbox.draft(
            Conversation.objects.select_related("contact").get(pk=thread.pk),
            Text(body="Oi"),
            sender_type="bot",
            now=now,
        )
        for thread in threads
    ]
    outbox.commit(drafts, now=now)
    return drafts


def work(seconds: float) -> int:
    until = timezone.now() + timedelta(seconds=seconds)
    sent = 0
    while timezone.now() < until and Message.objects.filter(dispatch_state="queued").exists():
        sent += outbound.drain_waiting(until=until, clock=timezone.now, pause=time.sleep, together=4)
    return sent


def most_in_a_second(instants: list[float]) -> int:
    instants = sorted(instants)
    return max(sum(start <= at < start + 1 for at in instants) for start in instants)


def test_several_numbers_send_at_once_and_none_is_ever_too_fast(
    simulator: SimulatorServer, numbers: list[WhatsAppNumber]
) -> None:
    messages = [message for number in numbers for message in queue(number, 200)]

    work(60)

    ledger = simulator.sim.ledger.entries
    assert sorted(str(sent.callback) for sent in ledger) == sorted(str(message.pk) for message in messages)
    spans = []
    for phone in PHONES:
        instants = [sent.at for sent in ledger if sent.number_id == phone]
        assert most_in_a_second(instants) <= 80
        spans.append((min(instants), max(instants)))
    # Together, not one after the other.
    assert max(first for first, _ in spans) < min(last for _, last in spans)
    # A machine that stalls hands some over together; they are put off, and are far from what unpaced sending brings.
    assert simulator.sim.metrics.violations["number_over_limit"] < 150
    assert Message.objects.filter(dispatch_state="accepted").count() == 600


def test_a_number_that_was_set_too_fast_slows_down_by_itself(
    simulator: SimulatorServer, numbers: list[WhatsAppNumber]
) -> None:
    number = numbers[0]
    WhatsAppNumber.objects.update(limit_per_second=400)
    messages = queue(number, 350)

    work(30)

    ledger = simulator.sim.ledger.entries
    assert len({sent.callback for sent in ledger}) == len(ledger) == len(messages)
    assert set(Message.objects.values_list("dispatch_state", flat=True)) == {"accepted"}
    assert Message.objects.filter(attempts__gt=1).count() == 0  # throttles cost no attempt
    # Far fewer refusals than a sender would get that keeps trying.
    assert simulator.sim.metrics.violations["number_over_limit"] < 600


def test_a_number_that_is_switched_off_and_on_again_loses_and_doubles_nothing(
    simulator: SimulatorServer, numbers: list[WhatsAppNumber]
) -> None:
    number = numbers[0]
    simulator.sim.world.numbers[PHONES[0]].state = "DISCONNECTED"
    messages = queue(number, 30)
    start = timezone.now()

    def drain_at(at: datetime) -> None:
        outbound.drain_waiting(until=at + timedelta(seconds=5), clock=lambda: at)

    drain_at(start)
    breaker = CircuitBreaker.objects.get(number=number)
    assert (breaker.state, breaker.reason_code) == ("open", "133010")
    simulator.sim.world.numbers[PHONES[0]].state = "CONNECTED"
    for seconds in (70, 75, 140, 150):
        drain_at(start + timedelta(seconds=seconds))

    breaker.refresh_from_db()
    ledger: list[Any] = simulator.sim.ledger.entries
    assert breaker.state == "closed"
    assert sorted(str(sent.callback) for sent in ledger) == sorted(str(message.pk) for message in messages)
