"""From a stored message to session, log, intents: which flow answers, in which order, how often."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations.inbox import threads
from conversations.models import Conversation, Message, UnhandledMessage
from flows import routing
from flows.models import ConversationLog, ConversationState, NodeVisit
from pytake.accounts.models import Organization, User
from tests import make
from tests.flows import world
from tests.flows.engine.play import graph, node


@pytest.fixture
def thread(in_organization: Organization, admin: User) -> Conversation:
    number, _ = world.answering(in_organization, admin)
    return make.conversation(number, make.contact(in_organization, name="Joana Prado"))


def test_a_conversation_runs_to_its_end(thread: Conversation) -> None:
    asked = [world.say(thread, "oi"), world.say(thread, "Joana"), world.say(thread, "joana@example.com")]

    session = world.session(thread)
    assert asked == [["Qual é o seu nome?"], ["E o e-mail, Joana?"], ["Obrigado, Joana!"]]
    assert (session.status, session.end_reason, session.outcome, session.is_active) == (
        "ended",
        "completed",
        "done",
        False,
    )
    assert session.variables == {"nome": "Joana", "email": "joana@example.com"}
    lines = session.logs.order_by("sequence").values_list("sequence", "direction", "user_message", "bot_response")
    assert list(lines) == [
        (1, "in", "oi", ""),
        (2, "out", "", "Qual é o seu nome?"),
        (3, "in", "Joana", ""),
        (4, "out", "", "E o e-mail, Joana?"),
        (5, "in", "joana@example.com", ""),
        (6, "out", "", "Obrigado, Joana!"),
    ]
    assert list(session.visits.order_by("pk").values_list("node_id", flat=True)) == ["s", "q", "e", "z"]


def test_the_text_that_starts_a_session_is_no_answer(thread: Conversation) -> None:
    world.say(thread, "agendar")

    assert world.session(thread).variables == {}
    assert world.session(thread).current_node_id == "q"


def test_a_keyword_chooses_its_flow(thread: Conversation, admin: User) -> None:
    other = make.flow(make.chatbot(thread.organization, name="Outro"), name="Preços")
    raw = graph([node("s", "start", keywords=["Preço"]), node("m", "message", text="Custa 10.")], ("s", "next", "m"))
    other.chatbot.links.create(
        organization_id=thread.organization_id, number=thread.number, linked_at=timezone.now(), linked_by=admin
    )
    world.publish(other, raw, admin)

    assert world.say(thread, " preco ") == ["Custa 10."]


def test_nothing_answers_without_a_published_flow(in_organization: Organization) -> None:
    thread = make.conversation(make.number(in_organization))

    assert world.say(thread) == []
    assert not ConversationState.objects.exists()


def test_an_inactive_chatbot_answers_nobody(thread: Conversation) -> None:
    thread.number.chatbots.update(is_active=False)
    routing.forget()

    assert world.say(thread) == []


@pytest.mark.parametrize("status", ["queued", "active"])
def test_a_thread_of_people_is_left_to_them(thread: Conversation, status: str) -> None:
    Conversation.objects.filter(pk=thread.pk).update(status=status, is_bot_active=False)

    assert world.say(thread) == []
    assert not UnhandledMessage.objects.exists()


def test_after_the_hand_back_the_bot_goes_on_where_it_waited(thread: Conversation, agent: User) -> None:
    world.say(thread, "oi")
    threads.take(thread, by=agent, now=timezone.now())
    silent = world.say(thread, "não é meu nome")
    threads.hand_back(thread, by=agent, now=timezone.now())

    assert silent == []
    assert world.say(thread, "Joana") == ["E o e-mail, Joana?"]


def test_after_the_session_is_over_the_next_message_begins_anew(thread: Conversation) -> None:
    world.say(thread, "oi")
    ConversationState.objects.update(session_expires_at=timezone.now() - timedelta(seconds=1))

    assert world.say(thread, "Joana") == ["Qual é o seu nome?"]
    assert set(ConversationState.objects.values_list("end_reason", "is_active")) == {("expired", False), ("", True)}


def test_a_session_lives_24_hours_from_the_last_message(thread: Conversation) -> None:
    world.say(thread, "oi")
    ConversationState.objects.update(session_expires_at=timezone.now() + timedelta(minutes=1))
    world.say(thread, "Joana")

    left = world.session(thread).session_expires_at - timezone.now()
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)


def test_sessions_stay_on_the_version_they_began_with(thread: Conversation, admin: User) -> None:
    world.say(thread, "oi")
    flow = world.session(thread).flow
    changed = graph([node("s", "start"), node("m", "message", text="Novo!")], ("s", "next", "m"))
    second = world.publish(flow, changed, admin)

    assert world.say(thread, "Joana") == ["E o e-mail, Joana?"]
    newcomer = make.conversation(thread.number, make.contact(thread.organization))
    assert world.say(newcomer) == ["Novo!"]
    assert world.session(newcomer).flow_version_id == second.pk != world.session(thread).flow_version_id


def test_a_jump_into_another_flow_comes_back(thread: Conversation, admin: User) -> None:
    child = make.flow(make.chatbot(thread.organization, name="Filho"))
    world.publish(
        child,
        graph(
            [node("s", "start"), node("q", "question", text="Cor?", variable="cor"), node("z", "end")],
            ("s", "next", "q"), ("q", "next", "z"),
        ),
        admin,
    )  # fmt: skip
    jump = node("j", "jump", target="flow", flow_id=str(child.pk), return_to_parent=True, return_variables=["cor"])
    parent = graph(
        [node("s", "start"), jump, node("m", "message", text="{{cor}}!")], ("s", "next", "j"), ("j", "return", "m")
    )
    world.publish(world.flow_of(thread), parent, admin)

    assert world.say(thread) == ["Cor?"]
    assert world.session(thread).flow_version_id == child_version(child)
    assert world.say(thread, "azul") == ["azul!"]


def child_version(flow: object) -> object:
    flow.refresh_from_db()  # type: ignore[attr-defined]
    return flow.published_version_id  # type: ignore[attr-defined]


def test_a_hand_off_queues_the_thread_with_a_note(thread: Conversation, admin: User) -> None:
    sales = make.department(thread.organization, name="Vendas", slug="vendas")
    raw = graph(
        [node("s", "start"), node("t", "handoff", target="department", department="vendas", priority="high",
                                  context="Quer {{system.message}}", message="Um momento.")],
        ("s", "next", "t"),
    )  # fmt: skip
    world.publish(world.flow_of(thread), raw, admin)

    assert world.say(thread, "comprar") == ["Um momento.", "Quer comprar"]
    thread.refresh_from_db()
    assert (thread.status, thread.department, thread.priority) == ("queued", sales, 80)
    assert world.session(thread).end_reason == "handed_off"


def test_a_message_is_never_taken_twice(thread: Conversation) -> None:
    world.say(thread, "oi")
    message = world.write(thread, "Joana")
    world.handle(thread.organization)
    world.put_back(message)

    world.handle(thread.organization)

    assert world.session(thread).current_node_id == "e"
    thread.refresh_from_db()
    assert thread.status == "open"
    assert Message.objects.filter(direction="outbound").count() == 2


def test_messages_of_one_contact_are_taken_in_order(thread: Conversation) -> None:
    for text in ("oi", "Joana", "joana@example.com"):
        world.write(thread, text)
    while world.handle(thread.organization):
        pass

    assert world.session(thread).variables == {"nome": "Joana", "email": "joana@example.com"}


def test_the_log_refuses_change_and_deletion(thread: Conversation) -> None:
    world.say(thread, "oi")

    for change in (
        lambda: ConversationLog.objects.update(bot_response="x"),
        lambda: ConversationLog.objects.all().delete(),
        lambda: NodeVisit.objects.update(node_id="x"),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_a_slice_costs_the_same_for_1_and_for_30(thread: Conversation) -> None:
    def cost(count: int) -> int:
        rows = [make.conversation(thread.number, make.contact(thread.organization)) for _ in range(count)]
        for text in ("oi", "Joana"):
            for row in rows:
                world.write(row, text)
            with CaptureQueriesContext(connection) as captured:
                world.handle(thread.organization)
        return len(captured)

    world.say(thread, "oi")
    one, thirty = cost(1), cost(30)

    assert thirty == one
