"""Customers stop and resume messages by their words: before flows, once, whoever has the thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations import outbox
from conversations.content import Text
from conversations.models import ConsentEvent, Contact, Conversation, Message
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy
from tests import make
from tests.flows import world
from tests.flows.engine.play import graph, node

pytestmark = pytest.mark.django_db
MENU = graph(
    [
        node("s", "start"),
        node(
            "b",
            "interactive_buttons",
            body="O que você quer?",
            buttons=[{"id": "x", "title": "Cancelar"}, {"id": "y", "title": "Marcar"}],
        ),
        node("z", "end", message="Cancelado"),
    ],
    ("s", "next", "b"),
    ("b", "x", "z"),
    ("b", "y", "z"),
)


@pytest.fixture
def thread(in_organization: Organization, admin: User) -> Conversation:
    number, _ = world.answering(in_organization, admin)
    return make.conversation(number, make.contact(in_organization, name="Joana Prado"))


def state(thread: Conversation) -> tuple[bool, bool]:
    contact = Contact.objects.get(pk=thread.contact_id)
    return contact.opt_in, contact.accepts_bot


def ledger() -> list[tuple[str, str, str]]:
    rows = ConsentEvent.objects.order_by("occurred_at", "id")
    return list(rows.values_list("purpose", "action", "source"))


def test_an_opt_out_ends_the_session_and_is_confirmed_once(thread: Conversation) -> None:
    world.say(thread, "oi")

    answers = [world.say(thread, "SAIR!"), world.say(thread, "sair")]

    assert [len(said) for said in answers] == [1, 0]
    assert "VOLTAR" in answers[0][0]
    assert state(thread) == (False, False)
    assert ledger()[:2] == [("marketing", "opt_out", "keyword"), ("utility", "opt_out", "keyword")]
    session = world.session(thread)
    assert (session.is_active, session.end_reason) == (False, "opted_out")
    first = ConsentEvent.objects.order_by("id").first()
    assert first is not None
    assert first.evidence["text"] == "SAIR!"


def test_after_an_opt_out_bots_are_silent_and_people_see_who_writes(thread: Conversation) -> None:
    make.department(thread.organization)
    world.say(thread, "sair")

    assert world.say(thread, "quanto custa?") == []

    thread.refresh_from_db()
    assert thread.status == Conversation.Status.QUEUED


def test_who_returns_is_answered_by_bots_again(thread: Conversation) -> None:
    world.say(thread, "sair")

    back = world.say(thread, "voltar")

    assert (len(back), state(thread)) == (1, (True, True))
    assert world.say(thread, "oi") == ["Qual é o seu nome?"]


def test_a_word_of_return_means_nothing_to_others(thread: Conversation) -> None:
    assert world.say(thread, "voltar") == ["Qual é o seu nome?"]
    assert ledger() == []


def test_promotions_only_lets_bots_answer(thread: Conversation) -> None:
    world.say(thread, "sair")

    assert world.say(thread, "Só promoções", tap="consent:promotions") == []

    assert state(thread) == (False, True)
    assert world.say(thread, "oi") == ["Qual é o seu nome?"]


def test_an_option_of_the_waiting_question_wins(thread: Conversation, admin: User) -> None:
    world.publish(world.flow_of(thread), MENU, admin)
    world.say(thread, "oi")

    assert world.say(thread, "cancelar") == ["Cancelado"]
    assert (state(thread), ledger()) == ((True, True), [])


def test_the_word_opts_out_when_no_question_offers_it(thread: Conversation, admin: User) -> None:
    world.publish(world.flow_of(thread), MENU, admin)
    world.say(thread, "oi")

    world.say(thread, "sair")

    assert state(thread) == (False, False)


def test_a_short_text_with_a_keyword_is_asked_about_once_and_not_lost(thread: Conversation) -> None:
    world.say(thread, "oi")

    answers = world.say(thread, "quero cancelar meu pedido")

    assert answers == ["Você quer parar de receber nossas mensagens?", "E o e-mail, quero cancelar meu pedido?"]
    assert state(thread) == (True, True)
    assert "Você quer parar de receber nossas mensagens?" not in world.say(thread, "quero cancelar")
    world.say(thread, "Sim, parar", tap="consent:out")
    assert state(thread) == (False, False)


def test_a_thread_of_people_opts_out_too_and_stays_theirs(thread: Conversation, agent: User) -> None:
    Conversation.objects.filter(pk=thread.pk).update(status="active", current_agent=agent, is_bot_active=False)
    thread.refresh_from_db()

    world.say(thread, "sair")

    thread.refresh_from_db()
    assert (state(thread), thread.status, thread.unread_count) == ((False, False), "active", 1)


def test_a_replay_changes_nothing(thread: Conversation) -> None:
    message = world.write(thread, "sair")
    world.handle(thread.organization)
    world.say(thread, "voltar")
    count = Message.objects.count()

    world.put_back(message)
    world.handle(thread.organization)

    assert (len(ledger()), state(thread), Message.objects.count()) == (4, (True, True), count)


def test_what_was_queued_is_cancelled_with_the_reason(thread: Conversation) -> None:
    def say(sender: str, priority: int) -> Message:
        return outbox.say(thread, Text(body="oi"), sender_type=sender, priority=priority, now=timezone.now())

    rows = [say("bot", outbox.BOT), say("campaign", outbox.CAMPAIGN), say("agent", outbox.AGENT)]

    world.say(thread, "sair")

    for row in rows:
        row.refresh_from_db()
    assert [(row.dispatch_state, row.error_code) for row in rows] == [
        ("cancelled", "opted_out"),
        ("cancelled", "opted_out"),
        ("queued", ""),
    ]


def test_a_slice_costs_the_same_for_many(thread: Conversation) -> None:
    world.say(thread, "oi")
    world.say(thread, "sair")
    counts = []
    for count in (5, 50):
        for _ in range(count):
            world.write(make.conversation(thread.number), "sair")
        with CaptureQueriesContext(connection) as captured:
            assert world.handle(thread.organization) == count
        counts.append(len(captured))

    assert counts[0] == counts[1]


def test_the_ledger_keeps_what_was_written(thread: Conversation) -> None:
    world.say(thread, "sair")
    row = ConsentEvent.objects.first()
    assert row is not None

    def refused(work: Callable[[], Any]) -> bool:
        try:
            with transaction.atomic():
                work()
        except DatabaseError:
            return True
        return False

    assert refused(lambda: ConsentEvent.objects.filter(pk=row.pk).update(action="opt_in"))
    assert refused(lambda: ConsentEvent.objects.filter(pk=row.pk).delete())


def test_organizations_do_not_see_each_others_ledger(thread: Conversation, other_organization: Organization) -> None:
    world.say(thread, "sair")

    with tenancy.organization_context(other_organization.pk), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM conversations_consentevent")
        row = cursor.fetchone()

    assert (row, ConsentEvent.objects.count()) == ((0,), 2)
