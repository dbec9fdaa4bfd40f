"""Registering numbers: WhatsApp itself says whose they are, and every mistake is named at its field."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone

from conversations import numbers
from conversations.gateway.management import ProviderError
from conversations.models import NumberEvent, WebhookEvent, WhatsAppNumber
from conversations.official import registration
from conversations.official.proofs import UnprovenError
from conversations.official.registration import NumberTakenError
from pytake.accounts.models import AuditEntry, Organization, User
from pytake.core.errors import ConflictError, PlanLimitError
from pytake.infra import tenancy
from tests.conversations.official.conftest import ACCOUNT_ID, PHONE_ID, SECRET, TOKEN, Meta, add

pytestmark = pytest.mark.django_db
RIGHT = {
    "phone_number_id": PHONE_ID, "account_id": ACCOUNT_ID, "access_token": TOKEN, "app_secret": SECRET,
    "verify_token": "verify-0001", "display_name": "",
}  # fmt: skip


def register(organization: Organization, by: User, **changes: str) -> WhatsAppNumber:
    return registration.register(organization, by=by, now=timezone.now(), **{**RIGHT, **changes})


def test_a_number_is_registered_with_what_whatsapp_says_of_it(
    meta: Meta, in_organization: Organization, admin: User
) -> None:
    number = register(in_organization, admin)

    number.refresh_from_db()
    assert (number.phone_number, number.display_name, number.status) == ("5511940040001", "Clínica Aurora", "connected")
    assert (number.quality_rating, number.messaging_limit_tier) == ("GREEN", "TIER_2K")
    assert (numbers.access_token(number), number.verified_at is not None) == (TOKEN, True)
    assert TOKEN not in number.access_token_envelope
    assert AuditEntry.objects.filter(action="number.registered").count() == 1
    assert NumberEvent.objects.get().kind == "registered"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"access_token": "expired"}, "access_token"),
        ({"access_token": "never-existed"}, "access_token"),
        ({"access_token": "weak"}, "access_token"),
        ({"access_token": "elsewhere", "app_secret": "another-app-secret"}, "phone_number_id"),
        ({"phone_number_id": "100000000000009"}, "phone_number_id"),
        ({"phone_number_id": "../200000000000001"}, "phone_number_id"),
        ({"account_id": "200000000000009"}, "whatsapp_business_account_id"),
        ({"account_id": "200000000000002"}, "whatsapp_business_account_id"),
        ({"app_secret": "another-app-secret"}, "app_secret"),
    ],
)
def test_each_wrong_credential_is_named_and_nothing_is_stored(
    meta: Meta, in_organization: Organization, admin: User, changes: dict[str, str], field: str
) -> None:
    with pytest.raises(UnprovenError) as refused:
        register(in_organization, admin, **changes)

    assert list(refused.value.fields) == [field]
    assert not WhatsAppNumber.objects.exists()


def test_without_an_answer_nothing_is_registered(
    meta: Meta, in_organization: Organization, admin: User, settings: Any
) -> None:
    settings.GRAPH_BASE_URL = "http://127.0.0.1:9"

    with pytest.raises(ProviderError) as failed:
        register(in_organization, admin)

    assert not failed.value.is_refusal
    assert not WhatsAppNumber.objects.exists()


def test_a_number_of_another_organization_is_not_taken_while_it_works_there(
    meta: Meta, in_organization: Organization, other_organization: Organization, admin: User
) -> None:
    with tenancy.organization_context(other_organization.pk):
        theirs = add(other_organization)

    with pytest.raises(NumberTakenError):
        register(in_organization, admin)

    with tenancy.organization_context(other_organization.pk):
        theirs.refresh_from_db()
    assert (theirs.phone_number_id, theirs.is_active) == (PHONE_ID, True)


def test_a_number_moves_when_its_old_credentials_are_dead(
    meta: Meta, in_organization: Organization, other_organization: Organization, admin: User
) -> None:
    with tenancy.organization_context(other_organization.pk):
        theirs = add(other_organization, token="fresh")
    meta.revoke("fresh")

    number = register(in_organization, admin)

    with tenancy.organization_context(other_organization.pk):
        theirs.refresh_from_db()
        assert (theirs.phone_number_id, theirs.is_active, theirs.status) == (None, False, "disconnected")
        assert NumberEvent.objects.get().severity == "critical"
    assert numbers.receivers([PHONE_ID])[PHONE_ID].id == number.pk
    with tenancy.organization_context(other_organization.pk), pytest.raises(ConflictError):
        registration.reconnect(theirs, by=admin, now=timezone.now())


def test_the_same_number_twice_is_refused(meta: Meta, in_organization: Organization, admin: User) -> None:
    register(in_organization, admin)

    with pytest.raises(NumberTakenError):
        register(in_organization, admin)


def test_the_plan_bounds_how_many(meta: Meta, in_organization: Organization, admin: User) -> None:
    in_organization.max_whatsapp_numbers = 0
    in_organization.save()

    with pytest.raises(PlanLimitError):
        register(in_organization, admin)


def test_a_number_whose_ownership_is_not_proven_takes_no_webhooks(number: WhatsAppNumber) -> None:
    WhatsAppNumber.objects.filter(pk=number.pk).update(verified_at=None)
    numbers.forget()
    value = {"metadata": {"phone_number_id": PHONE_ID}, "messages": []}
    body = json.dumps({"entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}]}).encode()
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()

    answer = Client().post(
        "/api/v1/whatsapp/webhook", body, content_type="application/json", headers={"X-Hub-Signature-256": signature}
    )

    assert answer.status_code == 401
    assert not WebhookEvent.objects.exists()


def test_credentials_are_replaced_only_when_they_work(meta: Meta, number: WhatsAppNumber, admin: User) -> None:
    now = timezone.now()
    with pytest.raises(UnprovenError):
        registration.replace_credentials(number, access_token="expired", by=admin, now=now)
    number.refresh_from_db()
    assert numbers.access_token(number) == TOKEN

    registration.replace_credentials(number, access_token="soon", verify_token="another", by=admin, now=now)

    number.refresh_from_db()
    assert (numbers.access_token(number), numbers.verify_token(number)) == ("soon", "another")
    assert number.token_expires_at is not None
    changes = AuditEntry.objects.get(action="number.credentials_replaced").changes
    assert "soon" not in json.dumps(changes)


def test_the_previous_secret_stays_valid_beside_the_new_one(meta: Meta, number: WhatsAppNumber, admin: User) -> None:
    meta.server.sim.world.apps["7001"].secret = "rotated-secret-0002"

    registration.replace_credentials(number, app_secret="rotated-secret-0002", by=admin, now=timezone.now())

    secrets = numbers.receivers([PHONE_ID])[PHONE_ID].app_secrets
    assert secrets == (b"rotated-secret-0002", SECRET.encode())


def test_a_disconnected_number_neither_receives_nor_is_lost(meta: Meta, number: WhatsAppNumber, admin: User) -> None:
    registration.disconnect(number, by=admin, now=timezone.now())
    assert numbers.receivers([PHONE_ID]) == {}

    registration.reconnect(number, by=admin, now=timezone.now())

    number.refresh_from_db()
    assert (number.is_active, number.status) == (True, "connected")
    assert PHONE_ID in numbers.receivers([PHONE_ID])


def test_a_deleted_number_can_be_registered_again(
    meta: Meta, number: WhatsAppNumber, in_organization: Organization, admin: User
) -> None:
    registration.remove(number, by=admin, now=timezone.now())

    again = register(in_organization, admin)

    number.refresh_from_db()
    assert (number.access_token_envelope, number.app_secret_envelopes, again.pk != number.pk) == ("", [], True)


def test_one_number_at_most_is_the_fallback(meta: Meta, number: WhatsAppNumber, admin: User) -> None:
    other = add(number.organization, phone_number_id="100000000000004")
    for row in (number, other):
        try:
            registration.edit(row, {"is_fallback": True}, by=admin, now=timezone.now())
        except IntegrityError:
            pytest.fail("the first one must step back")

    assert list(WhatsAppNumber.objects.filter(is_fallback=True)) == [other]
