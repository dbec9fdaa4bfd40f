"""Contact pages through HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from conversations.models import Contact
from conversations.people import contacts
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy
from tests import make

SignIn = Callable[[User], Client]


@pytest.fixture
def joana(organization: Organization) -> Contact:
    with tenancy.organization_context(organization.pk):
        return make.contact(organization, name="Joana Prado", wa_id="5511987654321")


def test_contacts_are_found_by_phone(client_as: SignIn, agent: User, joana: Contact) -> None:
    page = client_as(agent).get("/inbox/contacts/", {"q": "98765 4321"}).content.decode()

    assert "Joana Prado" in page


@pytest.mark.parametrize(
    ("search", "finds"), [("98765", False), ("1198765", False), ("4321", True), ("(11) 98765-4321", True)]
)
def test_searching_does_not_tell_what_the_mask_hides(
    client_as: SignIn, viewer: User, joana: Contact, search: str, finds: bool
) -> None:
    client = client_as(viewer)

    for address in ("/inbox/contacts/", "/inbox/"):
        page = client.get(address, {"q": search, "view": "all"}).content.decode()
        assert ("Joana Prado" in page) == (finds and address == "/inbox/contacts/")


def test_pages_show_everybody_once(organization: Organization, agent: User) -> None:
    with tenancy.organization_context(organization.pk):
        for number in range(contacts.PAGE + 5):
            wrote = None if number % 3 == 0 else timezone.now() - timedelta(minutes=number // 4)
            make.contact(organization, last_message_received_at=wrote)
        first = contacts.page(agent)
        second = contacts.page(agent, cursor=first.next_cursor)

    seen = [row.pk for row in [*first.rows, *second.rows]]
    assert (len(seen), len(set(seen)), second.next_cursor) == (contacts.PAGE + 5, contacts.PAGE + 5, "")


def test_a_contact_is_edited(client_as: SignIn, agent: User, joana: Contact) -> None:
    answer = client_as(agent).post(f"/inbox/contacts/{joana.pk}/", {"name": "Joana P.", "email": "j@exemplo.com.br"})

    assert answer.status_code == 302
    with tenancy.organization_context(joana.organization_id):
        joana.refresh_from_db()
    assert (joana.name, joana.email) == ("Joana P.", "j@exemplo.com.br")


def test_a_wrong_e_mail_is_named_and_nothing_is_lost(client_as: SignIn, agent: User, joana: Contact) -> None:
    answer = client_as(agent).post(f"/inbox/contacts/{joana.pk}/", {"name": "Jô", "email": "sem arroba"})

    assert answer.status_code == 422
    assert "sem arroba" in answer.content.decode()


def test_viewers_see_but_do_not_edit(client_as: SignIn, viewer: User, joana: Contact) -> None:
    client = client_as(viewer)

    assert "98765-4321" not in client.get(f"/inbox/contacts/{joana.pk}/").content.decode()
    assert client.post(f"/inbox/contacts/{joana.pk}/", {"name": "X"}).status_code == 403


def test_strangers_find_nothing(client_as: SignIn, stranger: User, joana: Contact) -> None:
    assert client_as(stranger).get(f"/inbox/contacts/{joana.pk}/").status_code == 404


def test_a_person_records_what_the_customer_said(client_as: SignIn, agent: User, joana: Contact) -> None:
    client = client_as(agent)

    said = {"choice": "nothing", "reason": "Pediu por telefone"}
    answer = client.post(f"/inbox/contacts/{joana.pk}/consent/", said, follow=True)

    page = answer.content.decode()
    assert (answer.status_code, "Pediu por telefone" in page, str(agent) in page) == (200, True, True)
    with tenancy.organization_context(joana.organization_id):
        joana.refresh_from_db()
        sources = set(joana.consents.values_list("source", "actor_user_id"))
    assert (joana.opt_in, joana.accepts_bot, sources) == (False, False, {("agent", agent.pk)})


def test_consent_without_a_reason_is_not_recorded(client_as: SignIn, agent: User, joana: Contact) -> None:
    answer = client_as(agent).post(f"/inbox/contacts/{joana.pk}/consent/", {"choice": "nothing", "reason": " "})

    assert answer.status_code == 422
    with tenancy.organization_context(joana.organization_id):
        assert not joana.consents.exists()


def test_consent_of_others_contacts_is_not_recorded(
    client_as: SignIn, joana: Contact, other_organization: Organization
) -> None:
    stranger = make.user(other_organization)

    answer = client_as(stranger).post(f"/inbox/contacts/{joana.pk}/consent/", {"choice": "nothing", "reason": "x"})

    assert answer.status_code == 404
