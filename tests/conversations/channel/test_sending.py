"""From an intent to the provider: each answer has its consequence, and nothing is sent twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from conversations import outbound, outbox, sweeping
from conversations.claimed import claim
from conversations.content import Button, Buttons, ListMenu, Row, Section
from conversations.lanes import Waiting
from conversations.models import Contact, MessageAttempt, MessageStatusEvent, WhatsAppNumber
from tests import make
from tests.conversations.channel import responder as answers
from tests.conversations.channel.conftest import ANA, Provider, Say, drain, free_port, fresh, states, status
from tests.conversations.channel.responder import Responder, accepted, error

pytestmark = pytest.mark.django_db


# --- accepted ---------------------------------------------------------------------------------


def test_an_intent_is_sent_once_with_its_id_and_the_number_s_token(
    responder: Responder, number: WhatsAppNumber, say: Say
) -> None:
    message = say("Olá, Ana!")

    assert (drain(number), drain(number)) == (1, 0)

    assert responder.requests == [
        {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": ANA,
            "type": "text",
            "text": {"body": "Olá, Ana!", "preview_url": False},
            "biz_opaque_callback_data": str(message.pk),
        }
    ]
    assert responder.paths == [f"/v26.0/{number.phone_number_id}/messages"]
    assert responder.tokens == ["Bearer token-100000000000001"]
    fresh(message)
    assert (message.dispatch_state, message.status, message.attempts) == ("accepted", "queued", 1)
    assert message.whatsapp_message_id == f"wamid.{message.pk}"
    attempt = MessageAttempt.objects.get()
    assert (attempt.outcome, attempt.http_status, attempt.number_in_row) == ("accepted", 200, 1)


def test_buttons_and_lists_leave_in_the_provider_s_words(
    responder: Responder, number: WhatsAppNumber, say: Say
) -> None:
    say(content=Buttons(body="Confirma?", footer="Clínica", buttons=(Button(id="y", title="Sim"),)))
    rows = (Row(id="a", title="09:00", description="Sala 2"), Row(id="b", title="10:00"))
    say(
        content=ListMenu(body="Quando?", button="Ver", header="Horários", sections=(Section(title="Terça", rows=rows),))
    )

    drain(number)

    assert [body["interactive"] for body in responder.requests] == [
        {
            "type": "button",
            "body": {"text": "Confirma?"},
            "footer": {"text": "Clínica"},
            "action": {"buttons": [{"type": "reply", "reply": {"id": "y", "title": "Sim"}}]},
        },
        {
            "type": "list",
            "header": {"type": "text", "text": "Horários"},
            "body": {"text": "Quando?"},
            "action": {
                "button": "Ver",
                "sections": [
                    {
                        "title": "Terça",
                        "rows": [{"id": "a", "title": "09:00", "description": "Sala 2"}, {"id": "b", "title": "10:00"}],
                    }
                ],
            },
        },
    ]


def test_a_person_without_a_phone_is_written_to_by_user_id(
    responder: Responder, number: WhatsAppNumber, say: Say
) -> None:
    contact = Contact.objects.create(organization=number.organization)
    contact.identities.create(
        organization=number.organization, kind="bsuid", value="BR.77", canonical_key="bsuid:BR.77"
    )
    say(to=make.conversation(number, contact))
    drain(number)
    assert responder.requests[0]["recipient"] == "BR.77"
    assert "to" not in responder.requests[0]


def test_messages_to_one_person_leave_in_the_order_in_which_they_were_decided(
    responder: Responder, number: WhatsAppNumber, say: Say
) -> None:
    for n in range(8):
        say(f"{n}")
    drain(number)
    assert responder.texts() == [str(n) for n in range(8)]


def test_agents_go_before_bots(responder: Responder, number: WhatsAppNumber, say: Say) -> None:
    say("bot")
    say("agent", priority=outbox.AGENT, sender_type="agent")
    drain(number)
    assert responder.texts() == ["agent", "bot"]


def test_a_status_that_came_before_the_answer_is_applied(
    responder: Responder, provider: Provider, number: WhatsAppNumber, say: Say
) -> None:
    message = say()
    provider.report(status("wamid.EARLY", "sent"), status("wamid.EARLY", "delivered"))
    responder.answer = lambda _: accepted("wamid.EARLY")

    drain(number)

    assert (fresh(message).dispatch_state, message.status) == ("accepted", "delivered")
    assert set(MessageStatusEvent.objects.values_list("message_id", flat=True)) == {message.pk}


def test_an_id_given_twice_loses_no_outcome(responder: Responder, number: WhatsAppNumber, say: Say) -> None:
    messages = [say(), say()]
    responder.answer = lambda _: accepted("wamid.SAME")
    drain(number)
    assert states(messages) == ["accepted", "accepted"]
    assert drain(number, after=3600) == 0


# --- surely not sent: later -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "wait_s"),
    [
        (error(130429, 429), 2),
        (error(130429, 400), 2),
        (error(131056), 4),
        (error(131057, 500), 60),
        (error(4), 120),
        (error(80007), 120),
        ((429, b"<html>"), 5),
    ],
)
def test_a_throttle_defers_without_using_up_an_attempt(
    responder: Responder, number: WhatsAppNumber, say: Say, answer: Any, wait_s: float
) -> None:
    message = say()
    responder.answer = lambda _: answer
    start = timezone.now()

    drain(number)

    fresh(message)
    assert (message.dispatch_state, message.status, message.attempts) == ("queued", "queued", 0)
    assert message.not_before is not None
    wait = (message.not_before - start).total_seconds()
    assert wait_s * 0.7 <= wait <= wait_s * 1.3 + 2
    assert drain(number) == 0
    responder.answer = lambda _: accepted("wamid.1")
    assert drain(number, after=wait + 1) == 1
    assert fresh(message).dispatch_state == "accepted"


def test_what_follows_a_throttled_message_does_not_overtake_it(
    responder: Responder, number: WhatsAppNumber, say: Say
) -> None:
    refusals = iter([error(130429, 429)])
    responder.answer = lambda body: next(refusals, accepted(f"wamid.{body['biz_opaque_callback_data']}"))
    for n in range(3):
        say(str(n))

    drain(number)
    say("3")
    for seconds in range(1, 12):
        drain(number, after=seconds)

    assert responder.texts() == ["0", "0", "1", "2", "3"]


def test_a_provider_that_cannot_be_reached_is_tried_again_and_then_given_up(
    number: WhatsAppNumber, say: Say, settings: Settings
) -> None:
    settings.GRAPH_BASE_URL = f"http://127.0.0.1:{free_port()}"
    message = say()

    after, seen = 0.0, []
    for _ in range(3):
        drain(number, after=after)
        seen.append((fresh(message).dispatch_state, message.attempts))
        after += 600

    assert seen == [("queued", 1), ("queued", 2), ("failed", 3)]
    assert message.error_code == "connect"
    assert MessageAttempt.objects.filter(outcome="not_sent_retryable").count() == 3
    assert drain(number, after=86_000) == 0


# --- refused: final ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        error(131026),
        error(131047),
        error(131009, error_data={"details": "Button title length invalid"}),
        error(100),
        error(132001, 404),
        error(999999, 400),
        (404, b"<html>not here</html>"),
        (400, {"error": "a text"}),
        (400, [1]),
        error(131026, 500),
    ],
)
def test_a_refusal_is_final_and_says_why(
    responder: Responder, number: WhatsAppNumber, say: Say, answer: tuple[int, Any]
) -> None:
    message = say()
    responder.answer = lambda _: answer

    drain(number)

    fresh(message)
    assert (message.dispatch_state, message.status) == ("failed", "failed")
    content = answer[1]
    code = content["error"]["code"] if isinstance(content, dict) and isinstance(content["error"], dict) else None
    assert message.error_code == (str(code) if code else f"http_{answer[0]}")
    assert message.error_title
    assert message.failed_at is not None
    assert drain(number, after=86_000) == 0
    assert len(responder.requests) == 1


# --- unknown: never again ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        answers.CUT,
        answers.HANG,
        answers.HALF,
        error(131000, 500),
        error(131016, 500),
        error(2, 503),
        (502, b"<html>Bad gateway</html>"),
        (500, b""),
        (200, b'{"messages":[{"id"'),
        (200, {"messages": []}),
        (200, {}),
        (200, []),
        (200, {"messages": [{"id": None}]}),
        (200, {"messages": [{"id": ""}]}),
        (200, {"messages": [{"id": ["wamid.1"]}]}),
    ],
)
def test_an_unknown_outcome_is_never_sent_again(
    responder: Responder, provider: Provider, number: WhatsAppNumber, say: Say, answer: Any
) -> None:
    message = say()
    responder.answer = lambda _: answer

    drain(number)
    assert (fresh(message).dispatch_state, message.whatsapp_message_id) == ("unknown", None)
    responder.answer = lambda _: accepted("wamid.AGAIN")
    for after in (10, 600, 5000):
        drain(number, after=after)
        sweeping.sweep(now=timezone.now() + timedelta(seconds=after))

    assert fresh(message).dispatch_state == "abandoned"
    assert len(responder.requests) == 1
    # The truth may still come.
    provider.report(status("wamid.LATE", "delivered", biz_opaque_callback_data=str(message.pk)))
    assert (fresh(message).dispatch_state, message.status) == ("accepted", "delivered")


def test_one_slice_may_end_in_every_way(responder: Responder, number: WhatsAppNumber, say: Say) -> None:
    ways = {
        "ok": accepted("wamid.1"), "throttle": error(130429), "refused": error(131026), "broken": error(131000, 500),
        "cut": answers.CUT,
    }  # fmt: skip
    messages = [say(name, to=make.conversation(number)) for name in ways]
    responder.answer = lambda body: ways[body["text"]["body"]]

    drain(number)

    assert states(messages) == ["accepted", "queued", "failed", "unknown", "unknown"]


# --- crashes ----------------------------------------------------------------------------------


def test_a_worker_that_dies_between_claim_and_result_leaves_unknown_outcomes(
    responder: Responder, number: WhatsAppNumber, say: Say, settings: Settings
) -> None:
    messages = [say(), say()]
    now = timezone.now()
    assert len(claim(number.pk, now=now, limit=500)) == 2
    assert states(messages) == ["sending", "sending"]

    # While the lease lasts nobody touches them.
    assert (drain(number), sweeping.sweep(now=now + timedelta(seconds=1))) == (0, (0, 0))
    later = now + timedelta(seconds=settings.SEND_LEASE_S + 1)
    assert sweeping.sweep(now=later) == (2, 0)
    assert states(messages) == ["unknown", "unknown"]
    assert sweeping.sweep(now=later + timedelta(minutes=5)) == (0, 0)
    assert sweeping.sweep(now=later + timedelta(minutes=11)) == (0, 2)
    assert states(messages) == ["abandoned", "abandoned"]
    assert drain(number, after=86_000) == 0
    assert responder.requests == []


def test_a_slow_worker_s_answer_counts_after_the_sweep(responder: Responder, number: WhatsAppNumber, say: Say) -> None:
    outcomes = {"ok": accepted("wamid.1"), "refused": error(131026), "throttle": error(130429)}
    messages = [say(name, to=make.conversation(number)) for name in outcomes]

    def answer(body: dict[str, Any]) -> Any:
        return outcomes[body["text"]["body"]]

    responder.answer = answer
    start = timezone.now()
    times = iter([start, start])

    def clock() -> datetime:
        """Find the lease run out as soon as the requests have been answered."""
        now = next(times, None)
        if now is None:
            sweeping.sweep(now=start + timedelta(hours=1))
        return now or start + timedelta(hours=1)

    waiting = Waiting(number.pk, number.organization_id)
    outbound.drain(waiting, until=start, clock=clock, slices=1)

    assert states(messages) == ["accepted", "failed", "unknown"]
    assert drain(number, after=86_000) == 0
