"""The back office: every list and form opens, shows one organization, and keeps secrets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conversations import numbers
from conversations.models import Contact, Message, WhatsAppNumber
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy
from tests import make

ClientAs = Callable[[User], Client]
OURS = ("accounts", "notifications", "conversations", "flows")
MODELS = [
    model for label in OURS for model in apps.get_app_config(label).get_models() if admin.site.is_registered(model)
]


def address(model: type[models.Model], page: str, *values: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=values)


@pytest.fixture
def operator(db: None) -> User:
    """Somebody who runs the platform."""
    return make.user(None, "super_admin", full_name="Olga Operadora")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_list_opens_and_can_be_searched(model: type[models.Model], operator: User, client_as: ClientAs) -> None:
    client = client_as(operator)

    assert client.get(address(model, "changelist")).status_code == 200
    assert client.get(address(model, "changelist"), {"q": "zzz"}).status_code == 200


@pytest.mark.parametrize("model", [Message, Contact, WhatsAppNumber], ids=lambda model: model._meta.label)
def test_a_list_costs_the_same_for_one_row_and_for_twenty(
    model: type[models.Model], admin: User, organization: Organization, client_as: ClientAs
) -> None:
    client = client_as(admin)
    counts = []
    for rows in (1, 19):
        with tenancy.organization_context(organization.pk):
            for _ in range(rows):
                make.message(make.conversation(make.number(organization)))
        client.get(address(model, "changelist"))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(address(model, "changelist")).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_administrators_see_their_own_rows_only(
    stranger: User, organization: Organization, client_as: ClientAs
) -> None:
    with tenancy.organization_context(organization.pk):
        number = make.number(organization, display_name="Recepção da Aurora")

    client = client_as(stranger)

    assert "Recepção" not in client.get(address(WhatsAppNumber, "changelist")).content.decode()
    assert client.get(address(WhatsAppNumber, "change", number.pk)).status_code in {302, 404}


def test_numbers_are_registered_where_whatsapp_is_asked_whose_they_are(
    admin: User, in_organization: Organization, client_as: ClientAs
) -> None:
    answer = client_as(admin).post(address(WhatsAppNumber, "add"), {"phone_number_id": "106540352242922"})

    assert (answer.status_code, answer["Location"]) == (302, "/inbox/numbers/new/")
    assert not WhatsAppNumber.objects.exists()


def test_secrets_left_empty_stay_and_never_show(
    admin: User, in_organization: Organization, client_as: ClientAs
) -> None:
    client = client_as(admin)
    number = make.number(in_organization)
    numbers.set_secrets(number, access_token="EAAJB-token", app_secret="s" * 32, verify_token="palavra")
    number.save()
    page = address(WhatsAppNumber, "change", number.pk)

    shown = client.get(page).content.decode()
    limits = {"limit_per_second": 10, "limit_per_minute": 0, "limit_per_hour": 0, "limit_per_day": 0, "min_gap_ms": 0}
    answer = client.post(page, {"display_name": "Nova recepção", "is_active": "on", **limits})

    assert answer.status_code == 302, answer.content.decode()[:2000]
    number.refresh_from_db()
    assert (number.display_name, number.limit_per_second) == ("Nova recepção", 10)
    assert numbers.access_token(number) == "EAAJB-token"
    assert "EAAJB" not in shown
    assert number.access_token_envelope not in shown


def test_failed_messages_are_sent_again_by_an_action(
    admin: User, agent: User, in_organization: Organization, client_as: ClientAs
) -> None:
    window = timezone.now() + timedelta(hours=1)
    thread = make.conversation(make.number(in_organization), window_expires_at=window)
    failed = make.message(
        thread, "oi", direction="outbound", sender_type="bot", status="failed", dispatch_state="failed"
    )
    form = {"action": "send_again", "_selected_action": [str(failed.pk)]}

    client_as(admin).post(address(Message, "changelist"), form)
    client_as(admin).post(address(Message, "changelist"), form)
    client_as(agent).post(address(Message, "changelist"), form)

    assert Message.objects.filter(retry_of=failed).count() == 1
