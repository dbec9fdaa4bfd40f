"""Whose turn it is: nobody's backlog delays another, nobody starves, and numbers that cannot send are left out."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from conversations import lanes, outbound, outbox, tasks
from conversations.claimed import claim
from conversations.content import Text
from conversations.models import CircuitBreaker, Message, SendingLane, WhatsAppNumber
from pytake.accounts.models import Organization
from pytake.infra import tenancy
from tests import make
from tests.conversations.channel.conftest import Say, add_number, drain
from tests.conversations.channel.responder import Responder
from tests.conversations.delivery.conftest import Clock

pytestmark = pytest.mark.django_db


def queue(number: WhatsAppNumber, count: int, **fields: object) -> list[Message]:
    """Let messages wait, each to another person."""
    facts = {"sender_type": "bot", "priority": outbox.BOT, "now": timezone.now(), **fields}
    with tenancy.organization_context(number.organization_id):
        return [
            outbox.say(make.conversation(number), Text(body=f"{number.phone_number_id} {n}"), **facts)  # type: ignore[arg-type]  # facts of a test
            for n in range(count)
        ]


def served(number: WhatsAppNumber, at: datetime, **fields: object) -> None:
    with tenancy.organization_context(number.organization_id):
        SendingLane.objects.create(organization_id=number.organization_id, number=number, served_at=at, **fields)


def test_organizations_take_turns_and_inside_of_each_its_numbers(
    number: WhatsAppNumber, other_organization: Organization
) -> None:
    now = timezone.now()
    second, third = (add_number(number.organization, phone_id=str(n)) for n in (2, 3))
    theirs = add_number(other_organization, phone_id="9")
    for row, minutes in ((number, 3), (second, 2), (third, 1), (theirs, 0)):
        queue(row, 1)
        served(row, now - timedelta(minutes=minutes))

    order = [waiting.number_id for waiting in lanes.waiting(now)]

    # Ours had its turn before theirs; but after one number of ours it is their turn.
    assert order == [row.pk for row in (number, theirs, second, third)]


def test_a_number_that_rests_or_is_stopped_is_left_out_until_it_may_send(number: WhatsAppNumber) -> None:
    now = timezone.now()
    stopped = add_number(number.organization, phone_id="2")
    for row in (number, stopped):
        queue(row, 1)
    served(number, now, resting_until=now + timedelta(seconds=10))
    CircuitBreaker.objects.create(
        organization_id=number.organization_id, number=stopped, scope="number", state="open",
        retry_at=now + timedelta(seconds=20),
    )  # fmt: skip

    found = [[waiting.number_id for waiting in lanes.waiting(now + timedelta(seconds=s))] for s in (0, 11, 21)]

    assert [set(row) for row in found] == [set(), {number.pk}, {number.pk, stopped.pk}]


def test_the_number_of_statements_to_find_them_is_one(
    number: WhatsAppNumber, django_assert_num_queries: object
) -> None:
    for n in range(5):
        queue(add_number(number.organization, phone_id=f"5{n}"), 3)
    with django_assert_num_queries(1):  # type: ignore[operator]  # a fixture of pytest-django
        assert len(lanes.waiting(timezone.now())) == 5


def test_a_long_backlog_of_one_does_not_hold_up_another(
    responder: Responder, number: WhatsAppNumber, other_organization: Organization, settings: Settings
) -> None:
    settings.SEND_SLICE = 5
    queue(number, 80)
    theirs = add_number(other_organization, phone_id="9")
    queue(theirs, 3)
    now = timezone.now()

    assert outbound.drain_waiting(until=now + timedelta(hours=1), clock=lambda: now) == 83

    last = max(n for n, text in enumerate(responder.texts()) if text.startswith("9 "))
    assert last < outbound.SLICES_A_TURN * 5 + 3


def test_a_nudge_for_one_number_is_a_bounded_turn(
    responder: Responder, number: WhatsAppNumber, settings: Settings
) -> None:
    settings.SEND_SLICE = 3
    queue(number, 40)
    tasks.send_messages(number_id=str(number.pk))
    assert len(responder.requests) == outbound.SLICES_A_TURN * 3
    assert SendingLane.objects.get(number=number).resting_until is None


def test_people_first_then_bots_then_automations_then_campaigns(
    responder: Responder, number: WhatsAppNumber, say: Say, settings: Settings
) -> None:
    settings.SEND_SLICE = 1
    for priority in (80, 60, 30, 10):
        say(str(priority), to=make.conversation(number), priority=priority)
    drain(number)
    assert responder.texts() == ["10", "30", "60", "80"]


def test_who_has_waited_long_is_served_although_others_are_more_important(number: WhatsAppNumber) -> None:
    now = timezone.now()
    old = queue(number, 10, priority=outbox.CAMPAIGN)
    Message.objects.update(created_at=now - timedelta(minutes=2))
    queue(number, 200, priority=outbox.AGENT, now=now)

    taken = claim(number.pk, now=now, limit=80, has_backlog=True)

    ranks = Counter(message.priority for message in taken)
    assert (ranks[outbox.CAMPAIGN], ranks[outbox.AGENT]) == (10, 70)
    assert {message.id for message in taken if message.priority == outbox.CAMPAIGN} == {row.pk for row in old}


def test_nobody_starves_where_there_is_room_for_one_at_a_time(number: WhatsAppNumber) -> None:
    now = timezone.now()
    queue(number, 1, priority=outbox.CAMPAIGN)
    Message.objects.update(created_at=now - timedelta(minutes=2))
    queue(number, 120, priority=outbox.AGENT, now=now)

    taken = [claim(number.pk, now=now, limit=1)[0].priority for _ in range(100)]

    assert outbox.CAMPAIGN in taken  # by chance it is missing once in 600,000 runs


def test_promotions_that_wait_do_not_hold_up_answers(responder: Responder, number: WhatsAppNumber, say: Say) -> None:
    promotion = say("promotion", priority=80, sender_type="campaign")
    Message.objects.filter(pk=promotion.pk).update(not_before=timezone.now() + timedelta(seconds=50))
    say("answer", priority=30)
    drain(number)
    assert responder.texts() == ["answer"]


def test_the_round_waits_for_what_may_leave_in_a_moment(
    responder: Responder, number: WhatsAppNumber, clock: Clock
) -> None:
    clock.now = timezone.now()
    WhatsAppNumber.objects.filter(pk=number.pk).update(limit_per_minute=120)  # one every half second
    queue(number, 130)

    sent = outbound.drain_waiting(until=clock.now + timedelta(seconds=4), clock=clock, pause=clock.pause)

    assert 126 <= sent <= 129
    assert max(clock.waited) <= outbound.STEP_S
    lane = SendingLane.objects.get(number=number)
    assert list(lane.limits) == ["minute"]
    assert lane.resting_until is not None


def test_a_backlog_that_must_wait_is_not_written_again_and_again(responder: Responder, number: WhatsAppNumber) -> None:
    WhatsAppNumber.objects.filter(pk=number.pk).update(limit_per_hour=5)
    messages = queue(number, 50)
    drain(number)
    drain(number, after=1)
    waiting = Message.objects.filter(pk__in=[row.pk for row in messages], dispatch_state="queued")
    assert (waiting.count(), waiting.filter(not_before__isnull=False).count()) == (45, 0)
