"""Pages of numbers as people use them, against the simulator."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from conversations import numbers
from conversations.models import NumberEvent, WhatsAppNumber
from pytake.accounts.models import AuditEntry, Organization, User
from tests import make
from tests.conversations.official.conftest import ACCOUNT_ID, PHONE_ID, SECRET, TOKEN, Meta

pytestmark = pytest.mark.django_db
ClientAs = Callable[[User], Client]
FORM = {
    "phone_number_id": PHONE_ID, "whatsapp_business_account_id": ACCOUNT_ID, "access_token": TOKEN,
    "app_secret": SECRET, "verify_token": "verify-0001", "display_name": "Recepção",
}  # fmt: skip
TABS = ("health/", "", "credentials/", "profile/", "limits/", "connection/")


def page(number: WhatsAppNumber, tab: str = "") -> str:
    return f"/inbox/numbers/{number.pk}/{tab}"


def test_an_empty_list_leads_to_registration(organization: Organization, admin: User, client_as: ClientAs) -> None:
    text = client_as(admin).get("/inbox/numbers/").content.decode()

    assert 'href="/inbox/numbers/new/"' in text


def test_a_number_is_registered_from_the_page(
    meta: Meta, in_organization: Organization, admin: User, client_as: ClientAs
) -> None:
    client = client_as(admin)
    wrong = client.post("/inbox/numbers/new/", {**FORM, "app_secret": "another-app-secret"})
    right = client.post("/inbox/numbers/new/", FORM)

    assert wrong.status_code == 422
    assert wrong["Cache-Control"].startswith("max-age=0")
    number = WhatsAppNumber.objects.get()
    assert (right.status_code, right["Location"]) == (302, page(number, "credentials/"))
    listed = client.get("/inbox/numbers/").content.decode()
    assert "Recepção" in listed


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens_and_shows_no_secret(
    meta: Meta, number: WhatsAppNumber, admin: User, client_as: ClientAs, tab: str
) -> None:
    answer = client_as(admin).get(page(number, tab))

    assert answer.status_code == 200
    for secret in (TOKEN, SECRET, "verify-0001", number.access_token_envelope):
        assert secret not in answer.content.decode()


@pytest.mark.parametrize("tab", TABS)
def test_viewers_look_at_health_settings_and_limits_only(
    number: WhatsAppNumber, viewer: User, client_as: ClientAs, tab: str
) -> None:
    client = client_as(viewer)
    may = tab in {"health/", "", "limits/"}

    assert client.get(page(number, tab)).status_code == (200 if may else 403)
    assert client.post(page(number, tab), {"display_name": "Minha"}).status_code in {403, 405}


def test_the_verify_token_is_shown_on_request_and_that_is_written_down(
    number: WhatsAppNumber, admin: User, client_as: ClientAs
) -> None:
    answer = client_as(admin).post(page(number, "credentials/token/"))

    assert "verify-0001" in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    assert AuditEntry.objects.filter(action="number.verify_token_shown", actor_user=admin).count() == 1


def test_credentials_are_checked_before_they_are_replaced(
    meta: Meta, number: WhatsAppNumber, admin: User, client_as: ClientAs
) -> None:
    client = client_as(admin)

    assert client.post(page(number, "credentials/"), {"access_token": "expired"}).status_code == 422
    assert client.post(page(number, "credentials/"), {}).status_code == 422
    assert client.post(page(number, "credentials/"), {"access_token": "fresh"}).status_code == 302
    number.refresh_from_db()
    assert numbers.access_token(number) == "fresh"


def test_settings_are_saved(number: WhatsAppNumber, admin: User, client_as: ClientAs) -> None:
    department = make.department(number.organization)
    form = {"display_name": "Vendas", "default_department": str(department.pk), "fallback_message": "Já vem alguém."}

    assert client_as(admin).post(page(number), form).status_code == 302

    number.refresh_from_db()
    assert (number.display_name, number.default_department_id) == ("Vendas", department.pk)
    assert number.settings == {"fallback_message": "Já vem alguém."}


def test_the_profile_holds_whatsapp_s_limits(
    meta: Meta, number: WhatsAppNumber, admin: User, client_as: ClientAs
) -> None:
    client = client_as(admin)
    assert client.post(page(number, "profile/"), {"about": "x" * 140}).status_code == 422
    assert client.post(page(number, "profile/"), {"website_1": "ftp://"}).status_code == 422

    done = client.post(page(number, "profile/"), {"about": "Clínica", "website_1": "example.com", "vertical": "HEALTH"})

    assert done.status_code == 302
    assert meta.number().profile == {"about": "Clínica", "websites": ["https://example.com"], "vertical": "HEALTH"}
    assert "Clínica" in client.get(page(number, "profile/")).content.decode()


def test_disconnecting_is_taken_back_and_deleting_asks_for_the_name(
    meta: Meta, number: WhatsAppNumber, admin: User, client_as: ClientAs
) -> None:
    client = client_as(admin)
    client.post(page(number, "disconnect/"))
    number.refresh_from_db()
    assert number.is_active is False

    client.post(page(number, "reconnect/"))
    number.refresh_from_db()
    assert WhatsAppNumber.objects.filter(pk=number.pk, is_active=True).exists()

    assert client.post(page(number, "delete/"), {"confirmation": "outra"}).status_code == 422
    assert client.post(page(number, "delete/"), {"confirmation": number.display_name}).status_code == 302
    assert client.get(page(number, "health/")).status_code == 404


def test_the_brake_is_released_with_a_reason(
    number: WhatsAppNumber, admin: User, agent: User, client_as: ClientAs
) -> None:
    WhatsAppNumber.objects.update(braked_at=timezone.now())

    assert 'name="reason"' not in client_as(agent).get(page(number, "health/")).content.decode()
    assert client_as(agent).post(page(number, "health/release/"), {"reason": "porque sim"}).status_code == 403
    assert client_as(admin).post(page(number, "health/release/"), {"reason": ""}).status_code == 422
    assert client_as(admin).post(page(number, "health/release/"), {"reason": "Revisado"}).status_code == 302
    number.refresh_from_db()
    assert number.braked_at is None
    assert NumberEvent.objects.get().data == {"reason": "Revisado"}


def test_health_is_asked_for_by_a_constant_number_of_statements(
    number: WhatsAppNumber, viewer: User, client_as: ClientAs, django_assert_max_num_queries: Callable[..., object]
) -> None:
    client = client_as(viewer)
    client.get(page(number, "health/"))

    with django_assert_max_num_queries(20):  # type: ignore[attr-defined]  # a context manager
        client.get(page(number, "health/"))


def test_the_list_takes_the_same_statements_for_many_numbers(
    number: WhatsAppNumber,
    viewer: User,
    client_as: ClientAs,
    django_assert_num_queries: Callable[..., object],
) -> None:
    client = client_as(viewer)
    client.get("/inbox/numbers/")
    for _ in range(5):
        make.number(number.organization)

    with django_assert_num_queries(STATEMENTS_OF_THE_LIST):  # type: ignore[attr-defined]  # a context manager
        client.get("/inbox/numbers/")


STATEMENTS_OF_THE_LIST = 6
