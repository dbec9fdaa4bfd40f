"""How threads and sessions end together, and what timers do meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from conversations.inbox import threads
from conversations.models import Conversation, ConversationEvent, Message
from flows import timers
from flows.models import FlowTimer
from notifications.models import RealtimeEvent
from pytake.accounts.models import Organization, User
from tests import make
from tests.flows import world
from tests.flows.engine.play import graph, node

DELAY = graph(
    [
        node("s", "start"),
        node("d", "delay", mode="duration", amount=60, unit="seconds"),
        node("m", "message", text="Voltei"),
    ],
    ("s", "next", "d"),
    ("d", "next", "m"),
)
RESOLVE = graph([node("s", "start"), node("z", "end", message="Tchau!", then="resolve")], ("s", "next", "z"))
OPEN_WINDOW = {"window_expires_at": "2099-01-01T00:00Z"}


@pytest.fixture
def waiting(in_organization: Organization, admin: User) -> Conversation:
    """A thread whose flow waits for an answer."""
    number, _ = world.answering(in_organization, admin)
    thread = make.conversation(number)
    world.say(thread)
    return thread


@pytest.fixture
def sleeping(in_organization: Organization, admin: User) -> Conversation:
    """A thread whose flow sleeps for a minute."""
    number, _ = world.answering(in_organization, admin, DELAY)
    thread = make.conversation(number)
    world.say(thread)
    return thread


def fire(now: datetime) -> int:
    return timers.fire_due(until=now + timedelta(seconds=1), clock=lambda: now)


def answers(thread: Conversation) -> list[str]:
    rows = Message.objects.filter(conversation=thread, direction="outbound")
    return list(rows.order_by("created_at", "sequence").values_list("text", flat=True))


def test_closing_a_thread_ends_its_session(waiting: Conversation, agent: User) -> None:
    threads.close(waiting, by=agent, now=timezone.now())

    session = world.session(waiting)
    assert (session.is_active, session.status, session.end_reason) == (False, "ended", "closed")


def test_after_a_close_the_next_message_begins_anew(waiting: Conversation, agent: User) -> None:
    threads.close(waiting, by=agent, now=timezone.now())

    assert world.say(waiting, "oi de novo") == ["Qual é o seu nome?"]


def test_a_closed_thread_is_not_written_to_by_a_timer(sleeping: Conversation, agent: User) -> None:
    threads.close(sleeping, by=agent, now=timezone.now())

    fire(timezone.now() + timedelta(seconds=61))

    assert answers(sleeping) == []
    assert FlowTimer.objects.get().state == "cancelled"


def test_a_timer_wakes_its_session_once(sleeping: Conversation) -> None:
    now = timezone.now() + timedelta(seconds=61)

    assert (fire(now), fire(now)) == (1, 0)

    assert answers(sleeping) == ["Voltei"]


def test_a_timer_waits_while_people_have_the_thread(sleeping: Conversation, agent: User) -> None:
    threads.take(sleeping, by=agent, now=timezone.now())
    now = timezone.now() + timedelta(seconds=61)
    fire(now)
    assert answers(sleeping) == []

    threads.hand_back(sleeping, by=agent, now=now)
    fire(now + timedelta(minutes=5))

    assert answers(sleeping) == ["Voltei"]


def test_one_failing_timer_does_not_stop_the_others(sleeping: Conversation, admin: User) -> None:
    other = make.conversation(sleeping.number)
    world.say(other)
    broken = world.session(sleeping)
    broken.variables = {"x": "y"}
    broken.execution_path = 7
    broken.save()

    assert fire(timezone.now() + timedelta(seconds=61)) == 2

    assert answers(other) == ["Voltei"]
    assert world.session(sleeping).end_reason == "failed"


def test_a_flow_that_resolves_tells_the_thread_and_the_pages(in_organization: Organization, admin: User) -> None:
    number, _ = world.answering(in_organization, admin, RESOLVE)
    thread = make.conversation(number)
    before = thread.lock_version

    assert world.say(thread) == ["Tchau!"]

    thread.refresh_from_db()
    assert (thread.status, thread.lock_version > before) == ("resolved", True)
    assert thread.resolved_at is not None
    assert list(ConversationEvent.objects.filter(conversation=thread).values_list("kind", flat=True)) == ["resolved"]
    told = RealtimeEvent.objects.filter(event_type="conversation:updated")
    assert set(told.values_list("room", flat=True)) == {f"conversation:{thread.pk}", f"inbox:{thread.organization_id}"}


def test_what_was_written_before_the_end_was_seen_is_answered(in_organization: Organization, admin: User) -> None:
    number, _ = world.answering(in_organization, admin, RESOLVE)
    thread = make.conversation(number)
    world.write(thread, "sim")
    world.write(thread, "e mais uma coisa")

    world.handle(in_organization)
    world.handle(in_organization)

    assert answers(thread) == ["Tchau!", "Tchau!"]
