"""What people do with a thread: legal transitions, versions, timeline, answers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from conversations.inbox import threads
from conversations.models import Conversation, ConversationEvent, Message
from notifications.models import RealtimeEvent
from pytake.accounts.models import Organization, User
from pytake.core.errors import ConflictError, DomainError
from tests import make

pytestmark = pytest.mark.usefixtures("in_organization")


@pytest.fixture
def thread(in_organization: Organization) -> Conversation:
    return make.conversation(make.number(in_organization))


def kinds(conversation: Conversation) -> list[str]:
    rows = ConversationEvent.objects.filter(conversation=conversation).order_by("created_at", "pk")
    return list(rows.values_list("kind", flat=True))


def test_taking_a_thread_makes_it_mine_and_silences_the_bot(thread: Conversation, agent: User) -> None:
    now = timezone.now()

    threads.take(thread, by=agent, now=now)

    thread.refresh_from_db()
    assert (thread.status, thread.current_agent_id, thread.is_bot_active) == ("active", agent.pk, False)
    assert thread.assigned_at == now
    assert kinds(thread) == ["assigned"]


def test_taking_tells_the_thread_and_the_inbox(thread: Conversation, agent: User) -> None:
    threads.take(thread, by=agent, now=timezone.now())

    rooms = set(RealtimeEvent.objects.filter(event_type="conversation:updated").values_list("room", flat=True))
    assert rooms == {f"conversation:{thread.pk}", f"inbox:{thread.organization_id}"}


def test_taking_twice_changes_nothing(thread: Conversation, agent: User) -> None:
    first = threads.take(thread, by=agent, now=timezone.now())

    second = threads.take(thread, by=agent, now=timezone.now())

    assert second.lock_version == first.lock_version
    assert kinds(thread) == ["assigned"]


def test_taking_over_from_a_colleague_is_a_transfer(thread: Conversation, agent: User, admin: User) -> None:
    threads.take(thread, by=agent, now=timezone.now())

    taken = threads.take(thread, by=admin, now=timezone.now())

    assert taken.current_agent_id == admin.pk
    assert kinds(thread) == ["assigned", "transferred"]


def test_a_stale_version_is_refused(thread: Conversation, agent: User, admin: User) -> None:
    seen = thread.lock_version
    threads.take(thread, by=agent, now=timezone.now(), version=seen)

    with pytest.raises(ConflictError) as caught:
        threads.close(thread, by=admin, now=timezone.now(), version=seen)

    assert caught.value.code == "STALE_VERSION"
    thread.refresh_from_db()
    assert thread.status == "active"


def test_handing_back_lets_the_bot_answer_again(thread: Conversation, agent: User) -> None:
    threads.take(thread, by=agent, now=timezone.now())

    back = threads.hand_back(thread, by=agent, now=timezone.now())

    assert (back.status, back.is_bot_active, back.current_agent_id, back.waiting_since) == ("open", True, None, None)


def test_a_thread_that_the_bot_has_cannot_be_handed_back(thread: Conversation, agent: User) -> None:
    with pytest.raises(ConflictError) as caught:
        threads.hand_back(thread, by=agent, now=timezone.now())

    assert caught.value.code == "INVALID_TRANSITION"


@pytest.mark.parametrize(("resolved", "status"), [(True, "resolved"), (False, "closed")])
def test_closing_ends_the_wait(thread: Conversation, agent: User, *, resolved: bool, status: str) -> None:
    Conversation.objects.filter(pk=thread.pk).update(waiting_since=timezone.now(), unread_count=3)

    ended = threads.close(thread, by=agent, now=timezone.now(), resolved=resolved)

    assert (ended.status, ended.waiting_since, ended.unread_count) == (status, None, 0)
    assert kinds(thread) == [status]


@pytest.mark.parametrize("verb", ["take", "hand_back", "close"])
def test_an_ended_thread_refuses(thread: Conversation, agent: User, verb: str) -> None:
    threads.close(thread, by=agent, now=timezone.now())

    with pytest.raises(ConflictError) as caught:
        getattr(threads, verb)(thread, by=agent, now=timezone.now())

    assert caught.value.code == "INVALID_TRANSITION"


def test_reopening_within_a_day_queues_the_thread(thread: Conversation, agent: User) -> None:
    now = timezone.now()
    threads.close(thread, by=agent, now=now)

    again = threads.reopen(thread, by=agent, now=now + timedelta(hours=23))

    assert (again.status, again.resolved_at, again.is_bot_active) == ("queued", None, False)


def test_reopening_after_a_day_is_refused(thread: Conversation, agent: User) -> None:
    now = timezone.now()
    threads.close(thread, by=agent, now=now)

    with pytest.raises(ConflictError) as caught:
        threads.reopen(thread, by=agent, now=now + timedelta(hours=25))

    assert caught.value.code == "REOPEN_WINDOW_PASSED"


def test_reopening_beside_a_live_thread_is_refused(thread: Conversation, agent: User) -> None:
    threads.close(thread, by=agent, now=timezone.now())
    make.conversation(thread.number, thread.contact)

    with pytest.raises(ConflictError) as caught:
        threads.reopen(thread, by=agent, now=timezone.now())

    assert caught.value.code == "ALREADY_LIVE"


def test_a_transfer_queues_the_thread_and_keeps_the_note(
    thread: Conversation, agent: User, in_organization: Organization
) -> None:
    sales = make.department(in_organization, name="Vendas")
    threads.take(thread, by=agent, now=timezone.now())

    moved = threads.transfer(thread, department=sales, by=agent, now=timezone.now(), note="Quer parcelar")

    assert (moved.status, moved.department, moved.current_agent_id) == ("queued", sales, None)
    note = Message.objects.get(conversation=thread)
    assert (note.text, note.is_internal_note, note.dispatch_state) == ("Quer parcelar", True, "none")


def test_a_reply_is_queued_and_takes_the_thread(thread: Conversation, agent: User) -> None:
    Conversation.objects.filter(pk=thread.pk).update(status="queued", waiting_since=timezone.now(), unread_count=2)

    message = threads.reply(thread, text=" Olá! ", by=agent, now=timezone.now())

    thread.refresh_from_db()
    assert (message.text, message.sender_user_id, message.dispatch_state) == ("Olá!", agent.pk, "queued")
    assert (thread.status, thread.current_agent_id) == ("active", agent.pk)
    assert (thread.waiting_since, thread.unread_count) == (None, 0)


def test_the_same_key_sends_once(thread: Conversation, agent: User) -> None:
    first = threads.reply(thread, text="Olá", by=agent, now=timezone.now(), client_key="k1")

    second = threads.reply(thread, text="Olá", by=agent, now=timezone.now(), client_key="k1")

    assert second.pk == first.pk
    assert Message.objects.filter(conversation=thread).count() == 1


def test_nobody_answers_in_a_colleagues_thread(thread: Conversation, agent: User, admin: User) -> None:
    threads.take(thread, by=agent, now=timezone.now())

    with pytest.raises(ConflictError) as caught:
        threads.reply(thread, text="Oi", by=admin, now=timezone.now())

    assert caught.value.code == "OWNED_BY_OTHER"


def test_outside_of_the_window_nothing_is_sent_and_nobody_takes_the_thread(thread: Conversation, agent: User) -> None:
    past = timezone.now() - timedelta(minutes=1)
    Conversation.objects.filter(pk=thread.pk).update(window_expires_at=past, last_inbound_message_at=past)

    with pytest.raises(ConflictError) as caught:
        threads.reply(thread, text="Oi", by=agent, now=timezone.now())

    assert caught.value.code == "WINDOW_CLOSED"
    thread.refresh_from_db()
    assert (thread.status, Message.objects.filter(conversation=thread).count()) == ("open", 0)


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 4097])
def test_an_empty_or_too_long_reply_names_the_field(thread: Conversation, agent: User, text: str) -> None:
    with pytest.raises(DomainError) as caught:
        threads.reply(thread, text=text, by=agent, now=timezone.now())

    assert "text" in caught.value.fields


def test_reading_clears_the_mark_unless_a_colleague_owns_the_thread(
    thread: Conversation, agent: User, admin: User
) -> None:
    threads.take(thread, by=agent, now=timezone.now())
    Conversation.objects.filter(pk=thread.pk).update(unread_count=2)
    thread.refresh_from_db()

    threads.mark_read(thread, by=admin, now=timezone.now())
    thread.refresh_from_db()
    assert thread.unread_count == 2

    threads.mark_read(thread, by=agent, now=timezone.now())
    thread.refresh_from_db()
    assert thread.unread_count == 0
