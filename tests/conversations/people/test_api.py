"""`/contacts` of the API: every route, every permission that matters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from conversations.models import Contact, ContactTag, Message, Tag
from pytake.accounts.models import AuditEntry, Organization, User
from pytake.infra import tenancy
from tests import make

SignIn = Callable[[User], APIClient]


@pytest.fixture
def joana(organization: Organization) -> Contact:
    with tenancy.organization_context(organization.pk):
        return make.contact(organization, name="Joana Prado", wa_id="5511987654321")


def post(client: APIClient, path: str, data: Any = None) -> Any:
    return client.post(f"/api/v1/contacts{path}", data or {}, format="json")


@pytest.mark.parametrize(
    "spelling",
    ["(11) 98765-4321", "+55 11 98765-4321", "11987654321", "551187654321", "011 8765-4321", "0055 11 98765 4321"],
)
def test_a_known_phone_in_any_spelling_is_a_conflict_with_the_contact(
    api_as: SignIn, agent: User, joana: Contact, spelling: str
) -> None:
    answer = post(api_as(agent), "", {"name": "Outra", "phone": spelling})

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["details"]["contact_id"]) == (409, "CONTACT_EXISTS", str(joana.pk))


def test_a_contact_is_created_with_tags_and_attributes(api_as: SignIn, agent: User) -> None:
    answer = post(
        api_as(agent),
        "",
        {"name": "Rui", "phone": "(21) 3333-4444", "tags": ["Cliente", "cliente"], "attributes": {"plano": "ouro"}},
    )

    body = answer.json()
    assert answer.status_code == 201
    assert [row["value"] for row in body["identities"]] == ["552133334444"]
    assert ([tag["name"] for tag in body["tags"]], body["attributes"]) == (["Cliente"], {"plano": "ouro"})


@pytest.mark.parametrize("phone", ["-", "()", "nan", "123", "5.51199E+12", "11 98765-4321 / 11 3333-4444", ""])
def test_what_is_no_phone_is_refused_by_name(api_as: SignIn, agent: User, phone: str) -> None:
    answer = post(api_as(agent), "", {"name": "Rui", "phone": phone})

    assert answer.status_code == 400
    assert "phone" in answer.json()["error"]["details"]["fields"]


def test_lists_take_as_many_queries_for_many_as_for_one(
    api_as: SignIn, agent: User, organization: Organization
) -> None:
    client = api_as(agent)

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get("/api/v1/contacts?limit=100").status_code == 200
        return len(captured)

    with tenancy.organization_context(organization.pk):
        make.contact(organization)
    one = queries()
    with tenancy.organization_context(organization.pk):
        tag = Tag.objects.create(organization=organization, name="Cliente")
        for _ in range(30):
            ContactTag.objects.create(organization=organization, contact=make.contact(organization), tag=tag)

    assert queries() == one


def test_filters_leave_those_who_fit(api_as: SignIn, agent: User, joana: Contact, organization: Organization) -> None:
    client = api_as(agent)
    with tenancy.organization_context(organization.pk):
        make.contact(organization, name="Outro", is_blocked=True)
    tag_id = post(client, f"/{joana.pk}/tags", {"tags": ["VIP 2026"]}).json()["tags"][0]["id"]
    post(client, f"/{joana.pk}/vip")

    def names(query: str) -> list[str]:
        return [row["name"] for row in client.get(f"/api/v1/contacts?{query}").json()["items"]]

    assert names(f"tag={tag_id}") == names("is_vip=true") == names("q=98765-4321") == ["Joana Prado"]
    assert names("is_blocked=true") == ["Outro"]
    totals = client.get("/api/v1/contacts/stats").json()
    assert totals == {"total": 2, "with_tags": 1, "blocked": 1, "last_7_days": 2}


def test_phones_are_masked_without_the_permission(api_as: SignIn, viewer: User, joana: Contact) -> None:
    client = api_as(viewer)

    for path in ("", f"/{joana.pk}", f"/{joana.pk}/identities"):
        text = client.get(f"/api/v1/contacts{path}").content.decode()
        assert "4321" in text
        assert "98765" not in text


def test_blocking_stops_what_waits_and_unblocking_is_possible(
    api_as: SignIn, agent: User, joana: Contact, organization: Organization
) -> None:
    with tenancy.organization_context(organization.pk):
        thread = make.conversation(make.number(organization), joana)
        waiting = make.message(
            thread, direction="outbound", sender_type="bot", status="queued", dispatch_state="queued", priority=50
        )
    client = api_as(agent)

    blocked = post(client, f"/{joana.pk}/block", {"reason": "Ofensas"}).json()

    with tenancy.organization_context(organization.pk):
        state = Message.objects.values_list("dispatch_state", "error_code").get(pk=waiting.pk)
    assert (blocked["is_blocked"], blocked["blocked_reason"], state) == (True, "Ofensas", ("cancelled", "blocked"))
    assert post(client, f"/{joana.pk}/unblock").json()["is_blocked"] is False


def test_deleted_contacts_are_gone_until_they_are_created_again(api_as: SignIn, agent: User, joana: Contact) -> None:
    client = api_as(agent)

    assert client.delete(f"/api/v1/contacts/{joana.pk}").status_code == 204
    assert client.get(f"/api/v1/contacts/{joana.pk}").status_code == 404
    again = post(client, "", {"name": "Joana", "phone": "11 98765-4321"})
    assert (again.status_code, again.json()["id"]) == (201, str(joana.pk))


def test_addresses_are_added_and_removed_but_not_the_last(api_as: SignIn, agent: User, joana: Contact) -> None:
    client = api_as(agent)

    added = post(client, f"/{joana.pk}/identities", {"value": "(21) 3333-4444"})
    first = client.get(f"/api/v1/contacts/{joana.pk}/identities").json()[0]
    path = f"/api/v1/contacts/{joana.pk}/identities/"

    assert added.status_code == 201
    assert client.delete(path + first["id"]).status_code == 204
    assert client.delete(path + added.json()["id"]).status_code == 409


def test_consent_is_recorded_with_evidence(api_as: SignIn, agent: User, joana: Contact) -> None:
    event = {"purpose": "marketing", "action": "opt_out", "evidence": {"form": "site"}}

    answer = post(api_as(agent), f"/{joana.pk}/consents", event)

    body = answer.json()
    assert (answer.status_code, body["opt_in"], body["consents"][0]["evidence"]) == (201, False, {"form": "site"})


def test_tags_have_one_name_whatever_the_letters(api_as: SignIn, agent: User) -> None:
    client = api_as(agent)

    made = post(client, "/tags", {"name": "Cliente", "color": "#2563EB"})
    twice = post(client, "/tags", {"name": "CLIENTE"})
    renamed = client.put(f"/api/v1/contacts/tags/{made.json()['id']}", {"name": "Paciente"}, format="json")

    assert (made.status_code, twice.status_code, twice.json()["error"]["code"]) == (201, 409, "DUPLICATE")
    assert renamed.json()["name"] == "Paciente"
    assert client.delete(f"/api/v1/contacts/tags/{made.json()['id']}").status_code == 204


def test_what_is_done_is_audited(api_as: SignIn, agent: User, joana: Contact, organization: Organization) -> None:
    post(api_as(agent), f"/{joana.pk}/vip")

    with tenancy.organization_context(organization.pk):
        assert AuditEntry.objects.filter(action="contact.updated", entity_id=str(joana.pk)).exists()


def test_unknown_keys_and_wrong_attributes_are_named(api_as: SignIn, agent: User, joana: Contact) -> None:
    client = api_as(agent)

    unknown = client.put(f"/api/v1/contacts/{joana.pk}", {"organization": "x"}, format="json")
    wrong = client.put(f"/api/v1/contacts/{joana.pk}", {"attributes": {"a b": "x"}}, format="json")

    assert (unknown.status_code, wrong.status_code) == (400, 400)
    assert "attributes.a b" in wrong.json()["error"]["details"]["fields"]
