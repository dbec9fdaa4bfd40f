"""When and by whom messages may leave: the window, limits that put off and never drop, numbers and tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from conversations import lanes, outbound, outbox, sending_limits
from conversations.content import Text
from conversations.models import Conversation, WhatsAppNumber
from pytake.accounts.models import Organization
from pytake.infra import redis_client, tenancy
from tests import make
from tests.conversations.channel.conftest import Say, add_number, drain, free_port, fresh, states
from tests.conversations.channel.responder import Responder

pytestmark = pytest.mark.django_db


def test_a_closed_window_fails_the_message_without_asking_the_provider(
    responder: Responder, number: WhatsAppNumber, thread: Conversation, say: Say
) -> None:
    message = say()
    Conversation.objects.filter(pk=thread.pk).update(window_expires_at=timezone.now() - timedelta(seconds=1))

    drain(number)

    assert (fresh(message).dispatch_state, message.error_code) == ("failed", "WINDOW_CLOSED")
    assert responder.requests == []
    with pytest.raises(outbox.WindowClosedError):
        say(to=Conversation.objects.get(pk=thread.pk))


@pytest.mark.parametrize(
    "limit", [{"limit_per_second": 2}, {"limit_per_minute": 2}, {"limit_per_hour": 2}, {"min_gap_ms": 1000}]
)
def test_what_exceeds_a_limit_waits_and_is_sent_later(
    responder: Responder, number: WhatsAppNumber, say: Say, limit: dict[str, int]
) -> None:
    WhatsAppNumber.objects.filter(pk=number.pk).update(**limit)
    messages = [say(str(n), to=make.conversation(number)) for n in range(6)]

    first = drain(number)

    # By the second, one may come at once and one a second follows: no second sees more than two.
    assert first == (2 if limit.keys() & {"limit_per_minute", "limit_per_hour"} else 1)
    assert set(states(messages)) == {"accepted", "queued"}
    assert all(fresh(message).attempts <= 1 for message in messages)
    for hours in range(1, 6):
        drain(number, after=hours * 3600)
    assert states(messages) == ["accepted"] * 6
    assert len(set(responder.callbacks())) == len(responder.requests) == 6


def test_one_person_gets_no_more_than_the_pair_limit_at_once(
    responder: Responder, number: WhatsAppNumber, say: Say
) -> None:
    count = sending_limits.PAIR_BURST + 4
    messages = [say(str(n)) for n in range(count)]
    assert drain(number) == sending_limits.PAIR_BURST
    for seconds in range(1, 40):
        drain(number, after=seconds)
    assert responder.texts() == [str(n) for n in range(count)]
    assert set(states(messages)) == {"accepted"}


def test_without_redis_everything_waits(
    responder: Responder, number: WhatsAppNumber, say: Say, settings: Settings
) -> None:
    message = say()
    address = settings.REDIS_URL
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    redis_client.client.cache_clear()
    try:
        drain(number)
    finally:
        settings.REDIS_URL = address
        redis_client.client.cache_clear()
    assert (fresh(message).dispatch_state, message.attempts, responder.requests) == ("queued", 0, [])


# --- who may send -----------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"is_active": False}, {"deleted_at": timezone.now()}])
def test_a_number_that_is_switched_off_sends_nothing_and_loses_nothing(
    responder: Responder, number: WhatsAppNumber, say: Say, change: dict[str, Any]
) -> None:
    message = say()
    WhatsAppNumber.objects.filter(pk=number.pk).update(**change)
    assert (drain(number), responder.requests, fresh(message).dispatch_state) == (0, [], "queued")
    assert lanes.waiting(timezone.now()) == []  # it takes nobody's place


def test_draining_everything_serves_each_organization_with_its_own_token(
    responder: Responder, number: WhatsAppNumber, say: Say, other_organization: Organization
) -> None:
    say("ours")
    theirs_number = make_their_message(other_organization)
    now = timezone.now()

    assert outbound.drain_waiting(until=now + timedelta(hours=1), clock=lambda: now) == 2

    sent = dict(zip(responder.paths, responder.tokens, strict=True))
    assert sent == {
        f"/v26.0/{number.phone_number_id}/messages": "Bearer token-100000000000001",
        f"/v26.0/{theirs_number.phone_number_id}/messages": "Bearer token-100000000000009",
    }


def make_their_message(organization: Organization) -> WhatsAppNumber:
    number = add_number(organization, phone_id="100000000000009", secret="theirs")
    with tenancy.organization_context(organization.pk):
        outbox.say(
            make.conversation(number), Text(body="theirs"), sender_type="bot", now=timezone.now(), priority=outbox.BOT
        )
    return number
