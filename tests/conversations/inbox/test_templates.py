"""Templates in the inbox: offered when the window is closed, filled in, sent, and read on the other side."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from conversations.models import Conversation, Message, WhatsAppNumber
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy
from tests import make
from tests.conversations.channel.conftest import drain, fresh_cache
from tests.conversations.message_templates.conftest import World, number, ours, read_all, wanted, world

__all__ = ["fresh_cache", "number", "world"]
SignIn = Callable[[User], Client]
HTMX = {"HX-Request": "true", "HX-Target": "picker"}


@pytest.fixture
def thread(number: WhatsAppNumber, organization: Organization) -> Conversation:
    """Joana's thread; she wrote two days ago."""
    with tenancy.organization_context(organization.pk):
        contact = make.contact(organization, name="Joana Prado", wa_id="5511987654321")
        past = timezone.now() - timedelta(days=1)
        return make.conversation(number, contact, status="queued", window_expires_at=past)


@pytest.fixture
def path(world: World, thread: Conversation) -> str:
    """The address of the picker, for a number that has templates."""
    buttons = {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Confirmo"}]}
    named = {
        "type": "BODY",
        "text": "Oi {{nome}}, temos {{coisa}} para você hoje.",
        "example": {"body_text_named_params": [{"param_name": "nome", "example": "Ana"}]},
    }
    world.add(
        wanted(components=[*wanted()["components"], {"type": "FOOTER", "text": "Clínica"}, buttons]),
        wanted("promocao", category="MARKETING", parameter_format="NAMED", components=[named]),
        wanted("pausado", status="PAUSED"),
        wanted("codigo", category="AUTHENTICATION"),
    )
    read_all()
    return f"/inbox/{thread.pk}/template/"


def inside(thread: Conversation) -> object:
    return tenancy.organization_context(thread.organization_id)


def key(thread: Conversation, name: str) -> str:
    with tenancy.organization_context(thread.organization_id):
        return str(ours(name).pk)


def sent(thread: Conversation) -> list[Message]:
    with tenancy.organization_context(thread.organization_id):
        return list(Message.objects.filter(conversation=thread, direction="outbound"))


def test_a_closed_window_offers_templates_instead_of_free_text(
    client_as: SignIn, agent: User, path: str, thread: Conversation
) -> None:
    page = client_as(agent).get("/inbox/", {"c": str(thread.pk)}).content.decode()

    assert path in page
    assert 'data-write="reply"' not in page
    offers = client_as(agent).get(path, headers=HTMX).content.decode()
    assert "lembrete" in offers
    assert "pausado" not in offers
    assert "codigo" not in offers


def test_the_name_is_filled_in_and_the_message_reaches_the_person(
    client_as: SignIn, agent: User, path: str, thread: Conversation, world: World, number: WhatsAppNumber
) -> None:
    client, chosen = client_as(agent), key(thread, "lembrete")
    form = client.get(path, {"t": chosen}, headers=HTMX)
    assert 'value="Joana"' in form.content.decode()

    values = {"t": chosen, "value-body.1": "Joana", "value-body.2": "amanhã\n às 9h", "client_key": "k1"}
    shown = client.post(f"{path}?preview=1", values, headers=HTMX).content.decode()
    assert "Olá Joana, sua consulta é amanhã às 9h. Até lá!" in shown
    assert not sent(thread)
    answer = client.post(path, values, headers=HTMX)
    client.post(path, values, headers=HTMX)

    assert answer.status_code == 204
    (message,) = sent(thread)
    assert (message.message_type, message.text) == ("template", "Olá Joana, sua consulta é amanhã às 9h. Até lá!")
    drain(number)
    (theirs,) = world.server.sim.ledger.find()
    assert theirs.text == "Olá Joana, sua consulta é amanhã às 9h. Até lá!"
    assert sent(thread)[0].dispatch_state == "accepted"
    bubble = client.get("/inbox/", {"c": str(thread.pk)}).content.decode()
    assert "Confirmo" in bubble
    assert "&#x27;text&#x27;" not in bubble, "the header's values are not shown raw"


def test_named_variables_travel_with_their_names(
    client_as: SignIn, agent: User, path: str, thread: Conversation, world: World, number: WhatsAppNumber
) -> None:
    values = {"t": key(thread, "promocao"), "value-body.nome": "Joana", "value-body.coisa": "um desconto"}
    client_as(agent).post(path, values)

    drain(number)

    assert world.server.sim.ledger.find()[0].text == "Oi Joana, temos um desconto para você hoje."


def test_what_is_missing_is_said_and_nothing_is_sent(
    client_as: SignIn, agent: User, path: str, thread: Conversation
) -> None:
    values = {"t": key(thread, "lembrete"), "value-body.1": "Joana", "value-body.2": "  "}

    answer = client_as(agent).post(path, values)

    assert answer.status_code == 422
    assert 'value="Joana"' in answer.content.decode()
    assert not sent(thread)


def test_promotions_are_not_sent_to_people_who_refused_them(
    client_as: SignIn, agent: User, path: str, thread: Conversation
) -> None:
    with tenancy.organization_context(thread.organization_id):
        thread.contact.opt_in = False
        thread.contact.save()
    values = {"t": key(thread, "promocao"), "value-body.nome": "Joana", "value-body.coisa": "um desconto"}

    assert client_as(agent).post(path, values).status_code == 422
    assert not sent(thread)
    reminder = {"t": key(thread, "lembrete"), "value-body.1": "Joana", "value-body.2": "hoje"}
    client_as(agent).post(path, reminder)
    assert len(sent(thread)) == 1


def test_templates_of_others_and_paused_ones_cannot_be_chosen(
    client_as: SignIn, agent: User, viewer: User, stranger: User, path: str, thread: Conversation
) -> None:
    paused = client_as(agent).get(path, {"t": key(thread, "pausado")})

    assert paused.context["chosen"] is None
    assert client_as(viewer).get(path).status_code == 403
    assert client_as(stranger).get(path).status_code == 404


def test_free_text_stays_impossible(client_as: SignIn, agent: User, path: str, thread: Conversation) -> None:
    answer = client_as(agent).post(f"/inbox/{thread.pk}/reply/", {"text": "Oi"})

    assert answer.status_code == 409
    assert not sent(thread)
