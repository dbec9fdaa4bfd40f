"""Celery's entry points do what waits, and beat calls them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from pytest_django import Settings

from conversations import tasks
from conversations.claimed import claim
from conversations.models import Conversation, Message, UnhandledMessage, WhatsAppNumber
from pytake.accounts.models import Organization
from pytake.infra import tenancy
from tests.conversations.channel.conftest import Provider, Say, add_number, change, fresh, states, text
from tests.conversations.channel.responder import Responder

pytestmark = pytest.mark.django_db


def test_a_delivery_is_read_and_its_messages_are_handled(provider: Provider, other_organization: Organization) -> None:
    add_number(other_organization, phone_id="100000000000009", secret="theirs")
    provider.post(change(messages=[text("wamid.1")]))
    provider.post(change(phone_id="100000000000009", messages=[text("wamid.2")]), secret="theirs")

    tasks.process_webhooks()

    assert Message.objects.get().whatsapp_message_id == "wamid.1"
    assert not UnhandledMessage.objects.exists()
    # No bot answers: the thread waits for people.
    assert Conversation.objects.get().waiting_since is not None
    with tenancy.organization_context(other_organization.pk):
        assert Message.objects.get().whatsapp_message_id == "wamid.2"
        assert not UnhandledMessage.objects.exists()


def test_stored_messages_are_handled(provider: Provider) -> None:
    provider.bring(text("wamid.1"))
    tasks.handle_messages()
    assert not UnhandledMessage.objects.exists()


@pytest.mark.parametrize("named", [True, False])
def test_what_is_due_is_sent(responder: Responder, number: WhatsAppNumber, say: Say, named: bool) -> None:
    messages = [say("1"), say("2")]
    if named:
        tasks.send_messages(number_id=str(number.pk))
    else:
        tasks.send_messages()
    assert states(messages) == ["accepted", "accepted"]


def test_the_sweep_gives_up_leases_that_ran_out(number: WhatsAppNumber, say: Say, settings: Settings) -> None:
    message = say()
    claim(number.pk, now=timezone.now() - timedelta(seconds=settings.SEND_LEASE_S + 1), limit=5)
    tasks.sweep_sending()
    assert fresh(message).dispatch_state == "unknown"


@pytest.mark.parametrize("name", ["process_webhooks", "send_messages", "sweep_sending"])
def test_beat_heals_lost_nudges(name: str) -> None:
    ticks = PeriodicTask.objects.filter(task=f"conversations.{name}", enabled=True)
    assert ticks.exists()
