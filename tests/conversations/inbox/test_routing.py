"""Hand-offs and messages that no bot answered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations.inbound_batch import InboundBatch
from conversations.inbox import routing
from conversations.inbox.routing import HandOff
from conversations.models import Conversation, ConversationEvent, Message, Queue
from pytake.accounts.models import Organization, User
from tests import make

pytestmark = pytest.mark.usefixtures("in_organization")


@pytest.fixture
def thread(in_organization: Organization) -> Conversation:
    return make.conversation(make.number(in_organization))


def batch_of(message: Message) -> InboundBatch:
    return InboundBatch(organization_id=message.organization_id, messages=[message], now=timezone.now())


@pytest.mark.parametrize(("priority", "number"), [("urgent", 100), ("high", 80), ("medium", 50), ("low", 10), ("", 0)])
def test_a_hand_off_queues_with_its_priority(
    thread: Conversation, in_organization: Organization, priority: str, number: int
) -> None:
    sales = make.department(in_organization, name="Vendas", slug="vendas")
    now = timezone.now()

    routing.hand_off([HandOff(conversation=thread, department="vendas", priority=priority)], now=now)

    thread.refresh_from_db()
    assert (thread.status, thread.department, thread.priority) == ("queued", sales, number)
    assert (thread.queued_at, thread.waiting_since) == (now, now)
    assert (thread.is_human_requested, thread.is_bot_active) == (True, False)


def test_an_important_customer_goes_first(thread: Conversation, in_organization: Organization) -> None:
    make.department(in_organization)
    thread.contact.is_vip = True
    thread.contact.save()

    routing.hand_off([HandOff(conversation=thread, priority="low")], now=timezone.now())

    thread.refresh_from_db()
    assert thread.priority == 100


@pytest.mark.parametrize("named", ["vendas", "VENDAS", "id"])
def test_departments_are_found_by_id_slug_or_name(
    thread: Conversation, in_organization: Organization, named: str
) -> None:
    make.department(in_organization, name="Atendimento")
    sales = make.department(in_organization, name="Vendas", slug="v1")

    text = str(sales.pk) if named == "id" else named
    routing.hand_off([HandOff(conversation=thread, department=text)], now=timezone.now())

    thread.refresh_from_db()
    assert thread.department == sales


def test_an_unknown_department_falls_back_to_the_numbers_own(
    thread: Conversation, in_organization: Organization
) -> None:
    make.department(in_organization, name="Primeiro")
    own = make.department(in_organization, name="Do número")
    thread.number.default_department = own
    thread.number.save()

    routing.hand_off([HandOff(conversation=thread, department="não existe")], now=timezone.now())

    thread.refresh_from_db()
    assert thread.department == own


def test_the_most_important_queue_of_the_department_is_used(
    thread: Conversation, in_organization: Organization
) -> None:
    sales = make.department(in_organization, name="Vendas", slug="vendas")
    Queue.objects.create(organization=in_organization, department=sales, name="Geral", slug="geral", priority=10)
    best = Queue.objects.create(organization=in_organization, department=sales, name="VIP", slug="vip", priority=90)

    routing.hand_off([HandOff(conversation=thread, department="vendas")], now=timezone.now())

    thread.refresh_from_db()
    assert thread.queue == best


def test_without_departments_the_thread_waits_unassigned(thread: Conversation) -> None:
    routing.hand_off([HandOff(conversation=thread)], now=timezone.now())

    thread.refresh_from_db()
    assert (thread.status, thread.is_bot_active, thread.is_human_requested) == ("open", False, True)


def test_a_hand_off_to_an_agent_is_active_at_once(thread: Conversation, agent: User) -> None:
    routing.hand_off([HandOff(conversation=thread, agent=str(agent.pk))], now=timezone.now())

    thread.refresh_from_db()
    assert (thread.status, thread.current_agent) == ("active", agent)


def test_an_agent_of_another_organization_is_never_chosen(thread: Conversation, stranger: User) -> None:
    routing.hand_off([HandOff(conversation=thread, agent=str(stranger.pk))], now=timezone.now())

    thread.refresh_from_db()
    assert thread.current_agent_id is None


def test_what_the_bot_learned_becomes_a_note(thread: Conversation) -> None:
    routing.hand_off([HandOff(conversation=thread, context="Lead quente, orçamento 500")], now=timezone.now())

    note = Message.objects.get(conversation=thread)
    assert (note.text, note.is_internal_note, note.dispatch_state) == ("Lead quente, orçamento 500", True, "none")
    assert ConversationEvent.objects.get(conversation=thread).kind == "handoff"


def test_hand_offs_cost_the_same_for_one_and_for_twenty(
    in_organization: Organization,
) -> None:
    number = make.number(in_organization)
    make.department(in_organization)
    counts = []
    for size in (1, 20):
        requests = [HandOff(conversation=make.conversation(number), context="x") for _ in range(size)]
        with CaptureQueriesContext(connection) as captured:
            routing.hand_off(requests, now=timezone.now())
        counts.append(len(captured))

    assert counts[0] == counts[1]


def test_a_message_that_no_bot_answered_is_queued(thread: Conversation, in_organization: Organization) -> None:
    department = make.department(in_organization)
    message = make.message(thread)

    handled = routing.queue_unanswered(batch_of(message))

    thread.refresh_from_db()
    assert handled == {message.pk}
    assert (thread.status, thread.department, thread.unread_count) == ("queued", department, 1)


def test_the_owner_sees_the_thread_waiting(thread: Conversation, agent: User) -> None:
    Conversation.objects.filter(pk=thread.pk).update(status="active", current_agent=agent, is_bot_active=False)
    thread.refresh_from_db()
    message = make.message(thread)

    routing.queue_unanswered(batch_of(message))

    thread.refresh_from_db()
    assert (thread.status, thread.current_agent, thread.unread_count) == ("active", agent, 1)
    assert thread.waiting_since == message.created_at


def test_an_older_wait_is_kept(thread: Conversation, agent: User) -> None:
    earlier = timezone.now() - timedelta(hours=1)
    Conversation.objects.filter(pk=thread.pk).update(status="active", current_agent=agent, waiting_since=earlier)
    thread.refresh_from_db()

    routing.queue_unanswered(batch_of(make.message(thread)))

    thread.refresh_from_db()
    assert thread.waiting_since == earlier


def test_an_answer_ends_pending_and_returns_to_the_owner(thread: Conversation, agent: User) -> None:
    Conversation.objects.filter(pk=thread.pk).update(status="pending", current_agent=agent, is_bot_active=False)
    thread.refresh_from_db()

    routing.queue_unanswered(batch_of(make.message(thread)))

    thread.refresh_from_db()
    assert (thread.status, thread.current_agent) == ("active", agent)


def test_without_departments_a_second_message_repeats_nothing(thread: Conversation) -> None:
    routing.hand_off([HandOff(conversation=thread, priority="high")], now=timezone.now())

    routing.queue_unanswered(batch_of(make.message(thread)))

    thread.refresh_from_db()
    assert (thread.unread_count, thread.is_human_requested, thread.priority) == (1, True, 80)
    assert list(ConversationEvent.objects.filter(conversation=thread).values_list("kind", flat=True)) == ["handoff"]
