"""`/whatsapp/{number_id}/templates`: written, submitted, read, switched, deleted, by those who may."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from conversations.models import WhatsAppNumber, WhatsAppTemplate
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy
from tests import make
from tests.conversations.message_templates.conftest import BODY, WABA, World, ours, read_all, wanted

ApiAs = Callable[[User], APIClient]
GIVEN: dict[str, Any] = {"name": "lembrete", "language": "pt_BR", "category": "UTILITY", "components": [BODY]}


@pytest.fixture
def path(number: WhatsAppNumber) -> str:
    return f"/api/v1/whatsapp/{number.pk}/templates"


@pytest.fixture
def inside(number: WhatsAppNumber) -> Iterator[None]:
    with tenancy.organization_context(number.organization_id):
        yield


def test_a_template_is_written_and_submitted(api_as: ApiAs, admin: User, path: str, world: World, inside: None) -> None:
    client = api_as(admin)

    draft = client.post(path, {**GIVEN, "name": "depois"}, format="json")
    sent = client.post(path, {**GIVEN, "submit": True}, format="json")

    assert (draft.status_code, draft.json()["status"]) == (201, "DRAFT")
    assert (sent.status_code, sent.json()["status"]) == (201, "PENDING")
    assert [row["key"] for row in sent.json()["variables"]] == ["body.1", "body.2"]
    assert world.of("lembrete").status == "PENDING"
    names = [row["name"] for row in client.get(path).json()["items"]]
    assert names == ["lembrete"], "the draft is not at WhatsApp"
    assert client.get(f"{path}/local?status=DRAFT").json()["total"] == 1


def test_what_whatsapp_would_refuse_is_refused_with_field_and_limit(
    api_as: ApiAs, admin: User, path: str, inside: None
) -> None:
    long = {"type": "BODY", "text": "x" * 1025}
    answer = api_as(admin).post(path, {**GIVEN, "components": [long], "submit": True}, format="json")

    assert answer.status_code == 400
    assert "1024" in answer.json()["error"]["details"]["fields"]["body.text"][0]
    assert not WhatsAppTemplate.objects.exists()


def test_the_same_name_twice_is_a_conflict(api_as: ApiAs, admin: User, path: str) -> None:
    api_as(admin).post(path, GIVEN, format="json")

    answer = api_as(admin).post(path, GIVEN, format="json")

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "DUPLICATE")


def test_reading_tells_what_it_found(api_as: ApiAs, admin: User, path: str, world: World) -> None:
    world.add(wanted(), wanted("outro"))

    answer = api_as(admin).post(f"{path}/sync")

    assert (answer.status_code, answer.json()) == (
        200,
        {"created": 2, "updated": 0, "deleted": 0, "is_complete": True},
    )


def test_an_expired_token_is_the_providers_refusal(api_as: ApiAs, admin: User, path: str, world: World) -> None:
    next(iter(world.server.sim.world.tokens.values())).revoked = True

    answer = api_as(admin).post(f"{path}/sync")

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "PROVIDER_ERROR")


def test_one_is_shown_switched_and_deleted(api_as: ApiAs, admin: User, path: str, world: World, inside: None) -> None:
    world.add(wanted())
    read_all()
    client, one = api_as(admin), f"{path}/{ours().pk}"

    assert client.get(one).json()["is_usable"] is True
    assert client.put(one, {"is_enabled": False}, format="json").json()["is_usable"] is False
    assert client.put(one, {"name": "x"}, format="json").status_code == 400
    assert client.get(f"{one}/usage").json() == {"items": [], "waiting_messages": 0}
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404
    assert world.server.sim.world.template(WABA, "lembrete", "pt_BR") is None


def test_deleting_here_only_leaves_it_at_the_provider(
    api_as: ApiAs, admin: User, path: str, world: World, inside: None
) -> None:
    world.add(wanted())
    read_all()

    assert api_as(admin).delete(f"{path}/{ours().pk}?at_meta=false").status_code == 204

    assert world.of("lembrete").status == "APPROVED"


def test_templates_of_the_system_stay(
    api_as: ApiAs, admin: User, path: str, organization: Organization, inside: None
) -> None:
    row = make.template(organization, is_system_template=True)

    assert api_as(admin).delete(f"{path}/{row.pk}").status_code == 409


def test_others_find_nothing_and_agents_only_look(
    api_as: ApiAs, agent: User, stranger: User, path: str, number: WhatsAppNumber, inside: None
) -> None:
    row = make.template(number.organization)

    assert api_as(agent).get(path).json()["total"] == 1
    assert api_as(agent).post(path, GIVEN, format="json").status_code == 403
    assert api_as(agent).delete(f"{path}/{row.pk}").status_code == 403
    assert api_as(stranger).get(path).status_code == 404
    assert api_as(stranger).get(f"{path}/{row.pk}").status_code == 404


def test_numbers_paired_by_code_have_no_templates(api_as: ApiAs, admin: User, organization: Organization) -> None:
    with tenancy.organization_context(organization.pk):
        row = make.number(organization, connection_type="qrcode", phone_number_id=None)

    answer = api_as(admin).get(f"/api/v1/whatsapp/{row.pk}/templates")

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "NOT_OFFICIAL")
