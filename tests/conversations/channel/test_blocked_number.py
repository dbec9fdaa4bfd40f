"""A number that the provider refuses as a whole: its messages wait for the repair, none is lost or doubled."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from analytics import today
from conversations import numbers
from conversations.models import Conversation, Message, WhatsAppNumber
from tests import make
from tests.conversations.channel.conftest import Say, drain, fresh, states
from tests.conversations.channel.responder import Responder, accepted, error

pytestmark = pytest.mark.django_db
REFUSAL = error(190, 401)


def health(number: WhatsAppNumber) -> tuple[str, list[str]]:
    number.refresh_from_db()
    return number.health_state, [reason["code"] for reason in number.health_reasons]


def accept(body: dict[str, Any]) -> Any:
    return accepted(f"wamid.{body['biz_opaque_callback_data']}")


def several(say: Say, number: WhatsAppNumber, count: int) -> list[Message]:
    return [say(str(n), to=make.conversation(number)) for n in range(count)]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (REFUSAL, "190"),
        (error(0, 401), "0"),
        (error(10, 403), "10"),
        (error(200, 403), "200"),
        (error(131031, 403), "131031"),
        (error(131042), "131042"),
        (error(131045, 500), "131045"),
        (error(133010), "133010"),
        (error(100, 400, error_subcode=33), "100"),
        ((401, b""), "http_401"),
        ((403, b"<html>"), "http_403"),
    ],
)
def test_a_refusal_of_the_account_blocks_the_number_and_keeps_the_message(
    responder: Responder, number: WhatsAppNumber, say: Say, answer: Any, code: str
) -> None:
    message = say()
    responder.answer = lambda _: answer

    drain(number)

    assert health(number) == ("blocked", [code])
    assert [row.pk for row in today.ailing_numbers()] == [number.pk]
    assert (fresh(message).dispatch_state, message.attempts, message.error_code) == ("queued", 0, code)


def test_sending_stops_and_goes_on_where_it_stopped_after_the_repair(
    responder: Responder, number: WhatsAppNumber, say: Say, settings: Settings
) -> None:
    settings.SEND_SLICE = 5
    messages = several(say, number, 20)
    responder.answer = lambda _: REFUSAL

    drain(number)
    assert len(responder.requests) == 5
    for after in (1, 2, 70, 71):
        before = len(responder.requests)
        drain(number, after=after)
        assert len(responder.requests) <= before + 1
    assert set(states(messages)) == {"queued"}

    refused = len(responder.requests)
    responder.answer = accept
    drain(number, after=140)

    assert set(states(messages)) == {"accepted"}
    assert sorted(responder.callbacks()[refused:]) == sorted(str(message.pk) for message in messages)
    assert health(number) == ("ok", [])
    assert all(not message.error_code for message in Message.objects.all())


def test_a_refusal_of_a_message_shows_that_the_account_works(
    responder: Responder, number: WhatsAppNumber, say: Say
) -> None:
    messages = several(say, number, 3)
    responder.answer = lambda _: REFUSAL
    drain(number)

    responder.answer = lambda _: error(131026)
    drain(number, after=70)

    assert (health(number), states(messages)) == (("ok", []), ["failed"] * 3)


def test_an_unknown_outcome_frees_nothing(responder: Responder, number: WhatsAppNumber, say: Say) -> None:
    messages = several(say, number, 3)
    responder.answer = lambda _: REFUSAL
    drain(number)

    responder.answer = lambda _: error(131000, 500)
    drain(number, after=70)

    assert health(number)[0] == "blocked"
    assert sorted(states(messages)) == ["queued", "queued", "unknown"]


def test_messages_do_not_wait_beyond_their_window(responder: Responder, number: WhatsAppNumber, say: Say) -> None:
    message = say()
    responder.answer = lambda _: REFUSAL
    drain(number)
    Conversation.objects.update(window_expires_at=timezone.now() + timedelta(seconds=60))

    drain(number, after=70)

    assert (fresh(message).dispatch_state, message.error_code) == ("failed", "WINDOW_CLOSED")
    assert len(responder.requests) == 1


def test_an_unreadable_token_blocks_the_number_until_there_is_another(
    responder: Responder, number: WhatsAppNumber, say: Say
) -> None:
    WhatsAppNumber.objects.filter(pk=number.pk).update(access_token_envelope="rubbish")
    message = say()
    drain(number)
    assert (fresh(message).dispatch_state, health(number), responder.requests) == (
        "queued",
        ("blocked", ["no_token"]),
        [],
    )

    numbers.set_secrets(number, access_token="new")
    number.save()
    drain(number, after=70)

    assert (fresh(message).dispatch_state, responder.tokens) == ("accepted", ["Bearer new"])
    assert health(number)[0] == "ok"
