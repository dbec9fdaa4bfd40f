"""When the database or the broker is away: nothing is answered 200 that is not stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from django.db import connection
from django.test import Client

from conversations import numbers
from conversations.models import Message, WebhookEvent, WhatsAppNumber
from pytake.accounts.models import Organization
from pytake.infra import tenancy
from tests import make
from tests.conversations.channel.conftest import (
    PATH,
    Provider,
    add_number,
    change,
    encode,
    envelope,
    free_port,
    process,
    text,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
Away = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def organization(transactional_db: None) -> Organization:
    return make.organization(name="Clínica Aurora")


@pytest.fixture
def number(organization: Organization) -> Iterator[WhatsAppNumber]:
    with tenancy.organization_context(organization.pk):
        yield add_number(organization)


@pytest.fixture
def provider(number: WhatsAppNumber) -> Provider:
    return Provider(Client(raise_request_exception=False))


@contextmanager
def without_database() -> Iterator[None]:
    """Let this process look for PostgreSQL where there is none."""
    there = connection.settings_dict["PORT"]
    connection.close()
    connection.settings_dict["PORT"] = str(free_port())
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["PORT"] = there


BODY = encode(envelope(change(messages=[text("wamid.A", at=1795000000)])))


@pytest.mark.parametrize("known", [True, False], ids=["number cached", "number unknown"])
def test_a_delivery_that_cannot_be_stored_is_answered_503_and_taken_later(provider: Provider, known: bool) -> None:
    assert provider.post_raw(BODY).status_code == 200
    if not known:
        numbers.forget()

    with without_database():
        refused = provider.post_raw(BODY)
    accepted = provider.post_raw(BODY)

    assert (refused.status_code, accepted.status_code) == (503, 200)
    assert json.loads(refused.content)["error"]["code"] == "SERVICE_UNAVAILABLE"
    assert WebhookEvent.objects.count() == 2
    process()
    assert Message.objects.count() == 1


def test_a_handshake_without_database_is_not_answered_200(provider: Provider) -> None:
    with without_database():
        answer = provider.client.get(
            PATH, {"hub.mode": "subscribe", "hub.verify_token": "verify-100000000000001", "hub.challenge": "7"}
        )
    assert answer.status_code == 503


def test_a_connection_that_died_costs_no_delivery(provider: Provider) -> None:
    assert provider.post_raw(BODY).status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()
    assert pid
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid[0]])
    other.close()

    assert provider.post_raw(BODY).status_code == 200
    assert WebhookEvent.objects.count() == 2
