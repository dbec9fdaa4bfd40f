"""The session of a conversation in the inbox's panel."""

from __future__ import annotations

import pytest

from conversations.models import Conversation
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy
from tests import make
from tests.flows import world
from tests.flows.pages.conftest import SignIn


@pytest.fixture
def thread(organization: Organization, admin: User) -> Conversation:
    """A conversation whose bot knows the name and waits for the e-mail."""
    with tenancy.organization_context(organization.pk):
        number, _ = world.answering(organization, admin)
        conversation = make.conversation(number, make.contact(organization, name="Joana Prado"))
        world.say(conversation, "oi")
        world.say(conversation, "Joana da Silva")
        return conversation


def fragment(client_as: SignIn, user: User, conversation: Conversation) -> str:
    answer = client_as(user).get(f"/flows/sessions/for/{conversation.pk}/", headers={"hx-request": "true"})
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_panel_shows_where_the_bot_stands_and_what_it_knows(
    client_as: SignIn, agent: User, thread: Conversation
) -> None:
    shown = fragment(client_as, agent, thread)

    assert "Waiting for the customer" in shown
    assert "At “e”" in shown
    assert "<dt>nome</dt>" in shown
    assert "Joana da Silva" in shown
    assert shown.index("<b>q</b>") < shown.index("<b>e</b>")
    assert "<html" not in shown


def test_values_are_hidden_from_those_who_do_not_see_contacts_in_full(
    client_as: SignIn, viewer: User, thread: Conversation
) -> None:
    shown = fragment(client_as, viewer, thread)

    assert "<dt>nome</dt>" in shown
    assert "••••" in shown
    assert "Joana da Silva" not in shown


def test_an_ended_session_says_why(client_as: SignIn, agent: User, thread: Conversation) -> None:
    with tenancy.organization_context(thread.organization_id):
        world.say(thread, "joana@example.com")

    shown = fragment(client_as, agent, thread)

    assert "completed" in shown
    assert "Waiting for the customer" not in shown


def test_a_conversation_without_a_flow_says_so(client_as: SignIn, organization: Organization, agent: User) -> None:
    with tenancy.organization_context(organization.pk):
        conversation = make.conversation(make.number(organization))

    assert "No flow has run" in fragment(client_as, agent, conversation)


def test_without_scripts_it_is_a_page(client_as: SignIn, agent: User, thread: Conversation) -> None:
    page = client_as(agent).get(f"/flows/sessions/for/{thread.pk}/").content.decode()

    assert "<html" in page
    assert "Joana da Silva" in page


def test_strangers_and_other_departments_find_nothing(
    client_as: SignIn, organization: Organization, agent: User, stranger: User, thread: Conversation
) -> None:
    with tenancy.organization_context(organization.pk):
        thread.department = make.department(organization, name="Financeiro")
        thread.save()

    for person in (stranger, agent):
        assert client_as(person).get(f"/flows/sessions/for/{thread.pk}/").status_code == 404
