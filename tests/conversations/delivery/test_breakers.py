"""Breakers: what opens them, what they hold back, how they try, and how people see and reset them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from conversations import breakers, circuit, lanes, number_health
from conversations.claimed import Claimed
from conversations.gateway.base import Accepted, NotSent, Outcome, Refused, Unknown
from conversations.models import CircuitBreaker, Message, WhatsAppNumber
from notifications.models import RealtimeEvent
from pytake.accounts.models import AuditEntry, User
from pytake.infra import tenancy
from tests import make
from tests.conversations.channel.conftest import Provider, Say, drain, fresh, states, status
from tests.conversations.channel.responder import CUT, Responder, accepted, error
from tests.conversations.delivery.conftest import Clock

pytestmark = pytest.mark.django_db
Make = Callable[..., Claimed]
OK = Accepted(wamid="w")
SILENCE = Unknown(code="no_answer", detail="TimeoutError")
NOBODY = Refused(code="131026", detail="", scope="recipient")
PAUSED = Refused(code="132015", detail="", scope="template")


def judge(number: WhatsAppNumber, clock: Clock, *results: tuple[Claimed, Outcome]) -> None:
    breakers.judge(number, breakers.gates(number, now=clock.now), results, now=clock.now)


def breaker(number: WhatsAppNumber, scope: str = "number", key: str = "") -> CircuitBreaker | None:
    return CircuitBreaker.objects.filter(number=number, scope=scope, scope_key=key).first()


def state(number: WhatsAppNumber, scope: str = "number", key: str = "") -> str:
    found = breaker(number, scope, key)
    return found.state if found else "none"


# --- the whole number ---------------------------------------------------------------------------


@pytest.mark.parametrize("silence", [SILENCE, NotSent(code="connect", detail="", wait_s=2)])
def test_the_sixth_silence_in_a_row_stops_the_number(
    number: WhatsAppNumber, claimed: Make, clock: Clock, silence: Outcome
) -> None:
    judge(number, clock, *[(claimed(), silence)] * 3)
    judge(number, clock, *[(claimed(), silence)] * 2)
    assert state(number) == "closed"
    judge(number, clock, (claimed(), OK))
    judge(number, clock, *[(claimed(), silence)] * 5)
    assert state(number) == "closed"  # an answer has come between
    judge(number, clock, (claimed(), silence))
    assert (state(number), number.health_state) == ("open", "blocked")


def test_what_concerns_one_person_or_a_throttle_does_not_stop_the_number(
    number: WhatsAppNumber, claimed: Make, clock: Clock
) -> None:
    throttled = NotSent(code="130429", detail="", wait_s=2, throttled=True)
    judge(number, clock, *[(claimed(priority=30, content={"kind": "text"}), NOBODY)] * 20)
    judge(number, clock, *[(claimed(), throttled)] * 20)
    assert state(number) in {"none", "closed"}


def test_when_nobody_answers_messages_are_kept_instead_of_becoming_unknown(
    responder: Responder, number: WhatsAppNumber, say: Say
) -> None:
    messages = [say(str(n), to=make.conversation(number)) for n in range(60)]
    WhatsAppNumber.objects.filter(pk=number.pk).update(limit_per_second=20)  # paced: answers come in between
    responder.answer = lambda _: CUT

    drain(number)

    seen = states(messages)
    assert 5 < seen.count("unknown") < 20
    assert seen.count("queued") == 60 - seen.count("unknown")
    assert lanes.waiting(timezone.now()) == []

    responder.answer = lambda body: accepted(f"wamid.{body['biz_opaque_callback_data']}")
    for after in range(61, 120, 5):
        drain(number, after=after)
    assert states(messages).count("accepted") == seen.count("queued")
    assert state(number) == "closed"


def test_a_refusal_of_the_account_that_a_status_reports_stops_the_number(
    responder: Responder, provider: Provider, number: WhatsAppNumber, say: Say
) -> None:
    first = say()
    drain(number)
    provider.report(status(f"wamid.{first.pk}", "failed", errors=[{"code": 131042, "title": "Payment"}]))

    second = say()
    drain(number)

    found = breaker(number)
    assert found is not None
    assert (found.state, found.reason_code, fresh(second).dispatch_state) == ("open", "131042", "queued")
    assert len(responder.requests) == 1


def test_opening_and_closing_is_told_and_shown(number: WhatsAppNumber, claimed: Make, clock: Clock) -> None:
    refusal = Refused(code="190", detail="Token expired", scope="account")
    judge(number, clock, (claimed(), refusal))
    shown = number_health.delivery(number, now=clock.now)
    assert [(row.scope, row.state, row.reason_code) for row in shown.breakers] == [("number", "open", "190")]

    gates = breakers.gates(number, now=clock.forward(seconds=61))
    probe = claimed()
    assert breakers.admit(gates, [probe], now=clock.now) == ([probe], [])
    assert state(number) == "half_open"
    judge(number, clock, (probe, OK))

    told = RealtimeEvent.objects.filter(event_type="number:health", room=f"org:{number.organization_id}")
    assert [event.data["breaker"]["state"] for event in told.order_by("id")] == ["open", "closed"]
    assert not number_health.delivery(number, now=clock.now).breakers


# --- narrower scopes ----------------------------------------------------------------------------


def test_a_template_that_is_paused_stops_itself_only(number: WhatsAppNumber, claimed: Make, clock: Clock) -> None:
    judge(number, clock, (claimed(), PAUSED))

    gates = breakers.gates(number, now=clock.now)
    other = claimed(content={"kind": "template", "name": "other", "language": {"code": "pt_BR"}})
    same = [claimed() for _ in range(10)]
    admitted, held = breakers.admit(gates, [*same, other], now=clock.now)

    assert admitted == [other]
    assert {name for _, _, name in held} == {"held_template"}
    waits = [wait for _, wait, _ in held]
    assert min(waits) >= 300
    assert len(set(waits)) == 10  # they do not all come back at once


def test_after_the_cooling_one_message_is_tried_and_a_third_failure_needs_a_person(
    number: WhatsAppNumber, claimed: Make, clock: Clock, admin: User
) -> None:
    judge(number, clock, (claimed(), PAUSED))
    for _ in range(circuit.TRIES):
        gates = breakers.gates(number, now=clock.forward(minutes=6))
        admitted, held = breakers.admit(gates, [claimed(), claimed()], now=clock.now)
        assert (len(admitted), len(held)) == (1, 1)
        judge(number, clock, (admitted[0], PAUSED))
    gates = breakers.gates(number, now=clock.forward(days=2))
    assert len(breakers.admit(gates, [claimed()], now=clock.now)[1]) == 1

    found = breaker(number, "template", "promo/pt_BR")
    assert found is not None
    assert (found.state, found.retry_at) == ("open", None)
    assert breakers.reset(found, by=admin, now=clock.now)
    assert state(number, "template", "promo/pt_BR") == "closed"
    assert AuditEntry.objects.filter(action="breaker.reset", entity_id=str(found.pk)).count() == 1
    assert not breakers.reset(found, by=admin, now=clock.now)


def test_a_try_that_gets_through_closes_it(number: WhatsAppNumber, claimed: Make, clock: Clock) -> None:
    judge(number, clock, (claimed(), PAUSED))
    gates = breakers.gates(number, now=clock.forward(minutes=6))
    admitted, _ = breakers.admit(gates, [claimed()], now=clock.now)
    judge(number, clock, (admitted[0], OK))
    assert state(number, "template", "promo/pt_BR") == "closed"


def test_a_try_whose_outcome_is_lost_is_followed_by_another(
    number: WhatsAppNumber, claimed: Make, clock: Clock
) -> None:
    judge(number, clock, (claimed(), PAUSED))
    for _ in range(2):
        gates = breakers.gates(number, now=clock.forward(minutes=6))
        assert len(breakers.admit(gates, [claimed(), claimed()], now=clock.now)[0]) == 1
        assert breakers.admit(breakers.gates(number, now=clock.now), [claimed()], now=clock.now)[0] == []


def test_too_many_reports_stop_promotions_and_not_answers(
    responder: Responder, number: WhatsAppNumber, say: Say
) -> None:
    promotion = say("promo", to=make.conversation(number), priority=80, sender_type="campaign")
    responder.answer = lambda _: error(131048)
    drain(number)
    responder.answer = lambda body: accepted(f"wamid.{body['biz_opaque_callback_data']}")
    answer = say("answer", to=make.conversation(number), priority=30)
    later = say("promo 2", to=make.conversation(number), priority=80, sender_type="campaign")

    drain(number)

    assert states([promotion, answer, later]) == ["queued", "accepted", "queued"]
    assert fresh(later).error_code == "held_promotions"
    number.refresh_from_db()
    assert number.health_state == "degraded"


def test_resetting_lets_go_at_once_what_was_held(
    responder: Responder, number: WhatsAppNumber, say: Say, admin: User
) -> None:
    responder.answer = lambda _: error(131048)
    messages = [say(str(n), to=make.conversation(number), priority=80, sender_type="campaign") for n in range(4)]
    drain(number)
    drain(number, after=1)
    assert set(states(messages)) == {"queued"}
    responder.answer = lambda body: accepted(f"wamid.{body['biz_opaque_callback_data']}")

    found = breaker(number, "promotions")
    assert found is not None
    breakers.reset(found, by=admin, now=timezone.now())
    drain(number)

    assert set(states(messages)) == {"accepted"}


def test_a_number_that_was_reset_has_its_turn_at_once(
    responder: Responder, number: WhatsAppNumber, say: Say, admin: User
) -> None:
    messages = [say(str(n), to=make.conversation(number)) for n in range(3)]
    responder.answer = lambda _: error(368, 403)
    drain(number)
    drain(number, after=1)
    assert lanes.waiting(timezone.now()) == []
    shown = number_health.delivery(number, now=timezone.now())
    assert [limit.name for limit in shown.limits] == ["held_number"]
    responder.answer = lambda body: accepted(f"wamid.{body['biz_opaque_callback_data']}")

    found = breaker(number)
    assert found is not None
    breakers.reset(found, by=admin, now=timezone.now())

    assert [waiting.number_id for waiting in lanes.waiting(timezone.now())] == [number.pk]
    drain(number)
    assert set(states(messages)) == {"accepted"}


def test_a_campaign_stops_after_six_failures_and_nothing_else_does(
    number: WhatsAppNumber, claimed: Make, clock: Clock
) -> None:
    judge(number, clock, *[(claimed(scope="c1"), NOBODY)] * 6)
    assert state(number, "campaign", "c1") == "open"
    gates = breakers.gates(number, now=clock.now)
    admitted, held = breakers.admit(gates, [claimed(scope="c1"), claimed(scope="c2", priority=30)], now=clock.now)
    assert [message.scope for message in admitted] == ["c2"]
    assert [name for _, _, name in held] == ["held_campaign"]


def test_a_third_of_failures_that_statuses_report_stops_promotions(
    number: WhatsAppNumber, claimed: Make, clock: Clock
) -> None:
    judge(number, clock, *[(claimed(content={"kind": "text"}), OK)] * 100)
    breakers.heard(number, [(80, "recipient", "131049")] * 30, now=clock.now)
    assert state(number, "promotions") == "closed"
    breakers.heard(number, [(30, "recipient", "131026")] * 30, now=clock.now)  # answers do not count
    assert state(number, "promotions") == "closed"
    breakers.heard(number, [(80, "recipient", "131049")], now=clock.now)
    assert state(number, "promotions") == "open"


def test_all_going_well_costs_no_row_and_no_statement(responder: Responder, number: WhatsAppNumber, say: Say) -> None:
    for n in range(5):
        say(str(n), to=make.conversation(number))
    drain(number)
    assert not CircuitBreaker.objects.exists()
    assert Message.objects.filter(dispatch_state="accepted").count() == 5


def test_breakers_of_others_are_not_seen(
    number: WhatsAppNumber, claimed: Make, clock: Clock, other_organization: Any
) -> None:
    judge(number, clock, (claimed(), PAUSED))
    with tenancy.organization_context(other_organization.pk):
        assert not CircuitBreaker.objects.exists()
        assert breakers.gates(number, now=clock.now + timedelta(0)).rows == {}
