"""The connect wizard as people meet it, with the simulator as the server."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversations.models import QrLink, WhatsAppNumber
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy
from tests import make
from tests.conversations.qr.conftest import SHOP, Evolution

ClientAs = Callable[[User], Client]


def page(client: Client, number: WhatsAppNumber, part: str = "") -> str:
    response = client.get(f"/inbox/numbers/{number.pk}/connect/{part}", headers={"HX-Request": "true"} if part else {})
    assert response.status_code == 200
    return response.content.decode()


def test_a_number_is_made_and_shows_its_code(
    evolution: Evolution, organization: Organization, admin: User, client_as: ClientAs
) -> None:
    client = client_as(admin)
    response = client.post("/inbox/numbers/qr/new/", {"display_name": "Loja Centro"})
    assert response.status_code == 302
    shown = client.get(urlsplit(response["Location"]).path).content.decode()

    assert 'data-state="code"' in shown
    assert re.search(r'<path d="M4 4h7v1h-7z', shown)
    assert 'hx-trigger="every 2s"' in shown
    assert "github.com/evolution-foundation/evolution-api" in shown


def test_the_page_notices_the_scan(
    evolution: Evolution, waiting_number: WhatsAppNumber, admin: User, client_as: ClientAs
) -> None:
    client = client_as(admin)
    assert 'data-state="code"' in page(client, waiting_number, "state/")
    evolution.scan(waiting_number)
    evolution.deliver()

    told = client.get(f"/inbox/numbers/{waiting_number.pk}/connect/state/?was=code")
    assert told["HX-Refresh"] == "true"
    shown = page(client, waiting_number)
    assert 'data-state="connected"' in shown
    assert "+55 (11) 95005-0001" in shown


def test_a_pairing_code_is_shown_in_two_halves(
    evolution: Evolution, waiting_number: WhatsAppNumber, admin: User, client_as: ClientAs
) -> None:
    client = client_as(admin)
    client.post(f"/inbox/numbers/{waiting_number.pk}/connect/begin/", {"phone": "11 95005-0001"})

    assert re.search(r"[0-9A-F]{4}-[0-9A-F]{4}", page(client, waiting_number))
    assert evolution.server.sim.evolution.instances[waiting_number.evolution_instance_name or ""].digits == SHOP


def test_an_odd_phone_is_explained_at_its_field(
    evolution: Evolution, waiting_number: WhatsAppNumber, admin: User, client_as: ClientAs
) -> None:
    response = client_as(admin).post(f"/inbox/numbers/{waiting_number.pk}/connect/begin/", {"phone": "12"})

    assert response.status_code == 422
    assert 'class="errors"' in response.content.decode()


def test_every_problem_has_its_words_and_a_way_on(
    evolution: Evolution, waiting_number: WhatsAppNumber, admin: User, client_as: ClientAs
) -> None:
    client, seen = client_as(admin), set()
    for problem in QrLink.Problem:
        WhatsAppNumber.objects.update(status="error")
        QrLink.objects.update(problem=problem, code="")
        shown = page(client, waiting_number)
        assert 'data-testid="qr-begin"' in shown
        found = re.search(r'data-testid="qr-problem">(.*?)</span>', shown, re.DOTALL)
        assert found is not None
        seen.add(found[1].strip())
    # "none" and "server" say the same.
    assert len(seen) == len(QrLink.Problem) - 1


def test_a_code_that_is_not_renewed_is_not_shown(
    evolution: Evolution, waiting_number: WhatsAppNumber, admin: User, client_as: ClientAs
) -> None:
    old = timezone.now() - timedelta(minutes=5)
    QrLink.objects.update(code_at=old, asked_at=old)

    assert 'data-state="late"' in page(client_as(admin), waiting_number)


def test_disconnecting_from_the_page(
    evolution: Evolution, number: WhatsAppNumber, admin: User, client_as: ClientAs
) -> None:
    client = client_as(admin)
    assert client.get(f"/inbox/numbers/{number.pk}/connect/end/").status_code == 405
    client.post(f"/inbox/numbers/{number.pk}/connect/end/")

    assert 'data-state="off"' in page(client, number)
    assert evolution.sim("evolution")["data"][0]["state"] == "close"


def test_who_may_only_look_sees_no_code(
    evolution: Evolution, waiting_number: WhatsAppNumber, agent: User, client_as: ClientAs
) -> None:
    client = client_as(agent)
    shown = page(client, waiting_number)

    assert "qr-picture" not in shown
    assert QrLink.objects.get().code not in shown
    assert client.post(f"/inbox/numbers/{waiting_number.pk}/connect/begin/").status_code == 403
    assert client.get("/inbox/numbers/qr/new/").status_code == 403


def test_strangers_find_nothing(
    evolution: Evolution, waiting_number: WhatsAppNumber, stranger: User, client_as: ClientAs
) -> None:
    client = client_as(stranger)
    for part in ("", "state/"):
        assert client.get(f"/inbox/numbers/{waiting_number.pk}/connect/{part}").status_code == 404
    assert client.post(f"/inbox/numbers/{waiting_number.pk}/connect/end/").status_code == 404


def test_official_numbers_have_no_code(in_organization: Organization, admin: User, client_as: ClientAs) -> None:
    official = make.number(in_organization)

    assert client_as(admin).get(f"/inbox/numbers/{official.pk}/connect/").status_code == 404


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"display_name": ""}, "display_name"),
        ({"display_name": "Loja", "server_url": "http://10.0.0.1", "api_key": "k"}, "server_url"),
        ({"display_name": "Loja", "server_url": "https://example.com"}, "api_key"),
    ],
)
def test_what_is_missing_is_said_at_its_field(
    evolution: Evolution, admin: User, client_as: ClientAs, data: dict[str, str], field: str
) -> None:
    response = client_as(admin).post("/inbox/numbers/qr/new/", data)

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]


def test_without_a_shared_server_one_must_be_given(admin: User, client_as: ClientAs, settings: Settings) -> None:
    settings.EVOLUTION_BASE_URL = ""
    response = client_as(admin).post("/inbox/numbers/qr/new/", {"display_name": "Loja"})

    assert "server_url" in response.context["form"].errors


def test_the_plan_limits_numbers(
    evolution: Evolution, organization: Organization, admin: User, client_as: ClientAs
) -> None:
    organization.max_whatsapp_numbers = 0
    organization.save()
    response = client_as(admin).post("/inbox/numbers/qr/new/", {"display_name": "Loja"})

    assert response.status_code == 422
    with tenancy.organization_context(organization.pk):
        assert not WhatsAppNumber.objects.exists()


def test_the_back_office_tells_that_evolution_api_is_in_use(
    evolution: Evolution, number: WhatsAppNumber, admin: User, client_as: ClientAs
) -> None:
    client = client_as(admin)
    for path in ("", f"{number.pk}/change/"):
        response = client.get(f"/admin/conversations/whatsappnumber/{path}")
        assert response.status_code == 200
        assert "Evolution API" in response.content.decode()


def test_a_qr_number_can_be_edited_in_the_back_office(
    evolution: Evolution, number: WhatsAppNumber, admin: User, client_as: ClientAs
) -> None:
    url = f"/admin/conversations/whatsappnumber/{number.pk}/change/"
    response = client_as(admin).get(url)
    fields = response.context["adminform"].form.initial | {"display_name": "Loja Norte"}
    data = {key: value for key, value in fields.items() if isinstance(value, str | int) and not isinstance(value, bool)}

    answer = client_as(admin).post(url, {**data, "is_active": "on"})

    assert answer.status_code == 302, answer.context["adminform"].form.errors
    number.refresh_from_db()
    assert number.display_name == "Loja Norte"


def test_the_api_gives_the_code_and_follows_the_link(
    evolution: Evolution, waiting_number: WhatsAppNumber, admin: User, agent: User, client_as: ClientAs
) -> None:
    base = f"/api/v1/whatsapp/{waiting_number.pk}/qrcode"
    asked = client_as(admin).post(base, {"phone": "11 95005-0001"}, content_type="application/json").json()
    assert asked["status"] == "connecting"
    assert asked["qrcode"].startswith("data:image/svg+xml;base64,")
    assert len(asked["pairing_code"]) == 8
    seen = client_as(agent).get(f"{base}/status").json()
    assert (seen["status"], seen["qrcode"], seen["pairing_code"]) == ("connecting", None, None)
    assert client_as(agent).post(base).status_code == 403

    evolution.scan(waiting_number)
    evolution.deliver()

    seen = client_as(agent).get(f"{base}/status").json()
    assert (seen["status"], seen["phone_number"], seen["problem"]) == ("connected", SHOP, "")


def test_the_api_refuses_odd_phones_and_numbers_of_others(
    evolution: Evolution, waiting_number: WhatsAppNumber, admin: User, stranger: User, client_as: ClientAs
) -> None:
    base = f"/api/v1/whatsapp/{waiting_number.pk}/qrcode"
    refused = client_as(admin).post(base, {"phone": "12"}, content_type="application/json")

    assert refused.status_code == 400
    assert client_as(stranger).post(base).status_code == 404
    assert client_as(stranger).get(f"{base}/status").status_code == 404
