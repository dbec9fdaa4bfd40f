"""The endpoints of numbers, against the simulator."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from conversations import numbers
from conversations.models import WhatsAppNumber
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy
from tests import make
from tests.conversations.official.conftest import ACCOUNT_ID, PHONE_ID, SECRET, TOKEN, Meta, add

pytestmark = pytest.mark.django_db
BASE = "/api/v1/whatsapp"
BODY = {
    "phone_number_id": PHONE_ID, "whatsapp_business_account_id": ACCOUNT_ID, "access_token": TOKEN,
    "app_secret": SECRET, "verify_token": "verify-0001",
}  # fmt: skip


def client(user: User) -> APIClient:
    caller = APIClient()
    caller.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return caller


def test_a_number_is_registered_and_its_secrets_never_come_back(
    meta: Meta, organization: Organization, admin: User, no_windows: None
) -> None:
    answer = client(admin).post(BASE, BODY)

    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert (shown["phone_number"], shown["status"], shown["quality_rating"]) == ("5511940040001", "connected", "GREEN")
    assert "message" in shown["available_node_types"]
    assert shown["node_metadata"][0].keys() == {"type", "name", "note"}
    everything = answer.content + client(admin).get(f"{BASE}/{shown['id']}").content + client(admin).get(BASE).content
    assert TOKEN.encode() not in everything
    assert SECRET.encode() not in everything
    assert client(admin).post(BASE, BODY).json()["error"]["code"] == "DUPLICATE"


def test_a_refusal_names_the_field_and_an_unknown_key_is_refused(
    meta: Meta, organization: Organization, admin: User, no_windows: None
) -> None:
    refused = client(admin).post(BASE, {**BODY, "access_token": "expired"})
    strange = client(admin).post(BASE, {**BODY, "organization": "1"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "CREDENTIALS_REFUSED")
    assert list(refused.json()["error"]["details"]["fields"]) == ["access_token"]
    assert strange.status_code == 400


def test_settings_are_edited_and_foreign_defaults_refused(
    meta: Meta, number: WhatsAppNumber, other_organization: Organization, admin: User
) -> None:
    chatbot = make.chatbot(number.organization)
    with tenancy.organization_context(other_organization.pk):
        theirs = make.department(other_organization)
    page = f"{BASE}/{number.pk}"

    done = client(admin).put(
        page, {"default_chatbot": str(chatbot.pk), "fallback_message": "Já vem alguém.", "limit_per_day": 5}
    )
    refused = client(admin).put(page, {"default_department": str(theirs.pk)})

    assert done.status_code == 200, done.content
    shown = done.json()
    assert (shown["default_chatbot"], shown["fallback_message"]) == (str(chatbot.pk), "Já vem alguém.")
    assert refused.status_code == 400
    number.refresh_from_db()
    assert (number.limit_per_day, number.settings) == (5, {"fallback_message": "Já vem alguém."})


def test_credentials_are_tested_and_replaced_after_a_proof(
    meta: Meta, number: WhatsAppNumber, admin: User, agent: User, no_windows: None
) -> None:
    assert client(agent).post(f"{BASE}/{number.pk}/test").json()["ok"] is True
    assert client(admin).put(f"{BASE}/{number.pk}", {"access_token": "expired"}).status_code == 400
    meta.revoke(TOKEN)

    broken = client(agent).post(f"{BASE}/{number.pk}/test").json()
    assert (broken["ok"], "WhatsApp" in broken["error"]) == (False, True)
    assert client(admin).put(f"{BASE}/{number.pk}", {"access_token": "fresh"}).status_code == 200
    number.refresh_from_db()
    assert numbers.access_token(number) == "fresh"


def test_health_limits_chatbots_and_the_end_of_a_connection(
    meta: Meta, number: WhatsAppNumber, admin: User, viewer: User
) -> None:
    number.limit_per_hour = 50
    number.save()
    page = f"{BASE}/{number.pk}"

    health: dict[str, Any] = client(viewer).get(f"{page}/health").json()
    usage: dict[str, Any] = client(viewer).get(f"{page}/rate-limit/usage").json()
    chatbots = client(viewer).get(f"{page}/compatible-chatbots")

    assert (health["risk"], health["reasons"], health["failures"]) == ("low", [], [])
    assert usage["items"] == [{"window": "hour", "limit": 50, "used": 0, "remaining": 50}]
    assert (chatbots.status_code, chatbots.json()) == (200, [])
    assert client(viewer).post(f"{page}/rate-limit/reset").status_code == 403
    assert client(admin).post(f"{page}/rate-limit/reset").status_code == 200
    assert client(admin).post(f"{page}/disconnect").json()["is_active"] is False
    assert client(admin).delete(page).status_code == 204
    assert client(admin).get(page).status_code == 404


def test_numbers_of_others_do_not_exist(number: WhatsAppNumber, stranger: User) -> None:
    for method, path in (("get", ""), ("get", "/health"), ("post", "/disconnect"), ("delete", "")):
        assert getattr(client(stranger), method)(f"{BASE}/{number.pk}{path}").status_code == 404


def test_a_number_without_a_token_says_so(meta: Meta, organization: Organization, admin: User) -> None:
    with tenancy.organization_context(organization.pk):
        bare = add(organization)
        WhatsAppNumber.objects.filter(pk=bare.pk).update(access_token_envelope="")

    answer = client(admin).post(f"{BASE}/{bare.pk}/test")

    assert (answer.status_code, answer.json()["ok"]) == (200, False)
