"""What could not be delivered: seen with its reason, sent again by people, never twice without a warning."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations import breakers, repairs, sweeping
from conversations.inbox import failures
from conversations.models import CircuitBreaker, Conversation, DeadLetter, Message, SendingLane, WhatsAppNumber
from pytake.accounts.models import AuditEntry, Organization, User
from tests import make
from tests.conversations.channel.conftest import Provider, Say, drain, fresh, status
from tests.conversations.channel.responder import CUT, Responder

pytestmark = pytest.mark.django_db
ClientAs = Callable[[User], Client]


def page(model: Any, name: str = "changelist", *args: object) -> str:
    return reverse(f"admin:conversations_{model._meta.model_name}_{name}", args=args)


def ended(thread: Conversation, state: str = "failed", **fields: Any) -> Message:
    facts = {"direction": "outbound", "sender_type": "bot", "status": "failed", "error_code": "131026", **fields}
    return make.message(thread, "Até amanhã!", dispatch_state=state, **facts)


@pytest.mark.parametrize("state", ["unknown", "abandoned"])
def test_what_may_have_arrived_is_not_sent_again_without_saying_so(
    thread: Conversation, admin: User, state: str
) -> None:
    message = ended(thread, state)

    with pytest.raises(repairs.MayHaveArrivedError):
        repairs.send_again(message, by=admin, now=timezone.now())

    assert not Message.objects.filter(retry_of=message).exists()
    assert repairs.send_again(message, by=admin, now=timezone.now(), may_repeat=True).retry_of == message


def test_many_are_sent_again_with_a_constant_number_of_statements(
    number: WhatsAppNumber, admin: User, django_assert_max_num_queries: Any
) -> None:
    failed = [ended(make.conversation(number)) for _ in range(60)]
    arrived = ended(make.conversation(number), "accepted", status="sent")

    with django_assert_max_num_queries(16):
        outcome = repairs.send_all_again([*failed, arrived], by=admin, now=timezone.now())

    assert (len(outcome.sent), [row for row, _ in outcome.refused]) == (60, [arrived])
    assert AuditEntry.objects.get(action="messages.sent_again").changes["count"] == 60
    again = repairs.send_all_again(failed, by=admin, now=timezone.now())
    assert (again.sent, len(again.refused)) == ([], 60)


def test_whom_whatsapp_spares_is_not_tried_again_for_a_day(thread: Conversation, admin: User) -> None:
    now = timezone.now()
    message = ended(thread, error_code="131049", failed_at=now)
    with pytest.raises(repairs.NotRepeatableError):
        repairs.send_again(message, by=admin, now=now + timedelta(hours=23))
    Conversation.objects.update(window_expires_at=now + timedelta(days=3))
    assert repairs.send_again(message, by=admin, now=now + timedelta(hours=25))


def test_an_outcome_that_stays_unknown_is_shown_and_a_late_status_still_corrects_it(
    responder: Responder, provider: Provider, number: WhatsAppNumber, say: Say
) -> None:
    message = say()
    responder.answer = lambda _: CUT
    drain(number)
    assert fresh(message).dispatch_state == "unknown"
    sweeping.sweep(now=timezone.now() + timedelta(minutes=9))
    assert fresh(message).dispatch_state == "unknown"
    sweeping.sweep(now=timezone.now() + timedelta(minutes=11))
    assert (fresh(message).dispatch_state, failures.kind_of(message.error_code)) == ("abandoned", "U")

    provider.report(status("wamid.late", "delivered", biz_opaque_callback_data=str(message.pk)))

    assert (fresh(message).dispatch_state, message.status) == ("accepted", "delivered")
    assert message.whatsapp_message_id == "wamid.late"


# --- the back office ----------------------------------------------------------------------------


def test_the_page_shows_what_failed_and_why_in_the_readers_language(
    thread: Conversation, admin: User, client_as: ClientAs
) -> None:
    ended(thread)
    ended(thread, "abandoned", error_code="no_answer", status="queued")
    make.message(thread, "arrived well", direction="outbound", status="sent", dispatch_state="accepted")
    client = client_as(admin)

    shown = client.get(page(DeadLetter)).content.decode()

    assert shown.count("131026") == 1
    assert shown.count("no_answer") == 1
    assert "arrived well" not in shown
    only = client.get(page(DeadLetter), {"concerns": "R"}).content.decode()
    assert ("131026" in only, "no_answer" in only) == (True, False)


def test_the_action_asks_before_it_repeats_what_may_have_arrived(
    thread: Conversation, admin: User, agent: User, client_as: ClientAs
) -> None:
    failed, unsure = ended(thread), ended(thread, "abandoned")
    form = {"action": "send_again", "_selected_action": [str(failed.pk), str(unsure.pk)]}
    client = client_as(admin)

    asked = client.post(page(DeadLetter), form)

    assert asked.status_code == 200
    assert b'name="may_repeat"' in asked.content
    assert not Message.objects.filter(retry_of__isnull=False).exists()

    client_as(agent).post(page(DeadLetter), {**form, "may_repeat": "yes"})
    assert not Message.objects.filter(retry_of__isnull=False).exists()

    client = client_as(admin)
    client.post(page(DeadLetter), {**form, "may_repeat": "no"})
    assert [row.retry_of for row in Message.objects.filter(retry_of__isnull=False)] == [failed]
    client.post(page(DeadLetter), {**form, "may_repeat": "yes"})
    assert Message.objects.filter(retry_of=unsure).count() == 1
    assert Message.objects.filter(retry_of=failed).count() == 1


def test_breakers_are_seen_and_reset_by_those_who_manage_numbers(
    number: WhatsAppNumber, admin: User, agent: User, client_as: ClientAs
) -> None:
    now = timezone.now()
    row = CircuitBreaker.objects.create(
        organization=number.organization, number=number, scope="number", state="open", reason_code="190",
        opened_at=now, retry_at=now + timedelta(seconds=60),
    )  # fmt: skip
    form = {"action": "reset", "_selected_action": [str(row.pk)]}

    client_as(agent).post(page(CircuitBreaker), form)
    row.refresh_from_db()
    assert row.state == "open"

    client = client_as(admin)
    assert "(190)" in client.get(page(CircuitBreaker)).content.decode()
    client.post(page(CircuitBreaker), form)

    row.refresh_from_db()
    assert (row.state, row.reset_at is not None) == ("closed", True)
    assert AuditEntry.objects.get(action="breaker.reset").actor_user == admin
    assert breakers.gates(number, now=now).of_number() is None


def test_lanes_show_which_limit_holds_messages_back(
    responder: Responder, number: WhatsAppNumber, say: Say, admin: User, client_as: ClientAs
) -> None:
    WhatsAppNumber.objects.filter(pk=number.pk).update(limit_per_minute=1)
    for n in range(3):
        say(str(n), to=make.conversation(number))
    drain(number)

    lane = SendingLane.objects.get(number=number)
    assert list(lane.limits) == ["minute"]
    assert client_as(admin).get(page(SendingLane)).status_code == 200


def test_others_do_not_see_it(thread: Conversation, other_organization: Organization, client_as: ClientAs) -> None:
    message = ended(thread)
    stranger = make.user(other_organization, role="org_admin")
    client = client_as(stranger)
    assert str(message.pk) not in client.get(page(DeadLetter)).content.decode()
    client.post(page(DeadLetter), {"action": "send_again", "_selected_action": [str(message.pk)]})
    assert not Message.objects.filter(retry_of=message).exists()
