"""The home page: today's figures and what needs attention."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics import today
from conversations.models import Message
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy
from tests import make

SignIn = Callable[[User], Client]


@pytest.mark.usefixtures("in_organization")
def test_figures_count_today_and_leave_out_notes(in_organization: Organization, admin: User) -> None:
    thread = make.conversation(make.number(in_organization))
    make.message(thread)
    make.message(thread, direction="outbound", sender_type="bot", status="sent", dispatch_state="accepted")
    make.message(thread, direction="outbound", sender_type="agent", status="failed", dispatch_state="failed")
    make.message(thread, direction="outbound", sender_type="agent", status="queued", dispatch_state="unknown")
    make.message(thread, direction="outbound", sender_type="agent", status="sent", is_internal_note=True)
    old = make.message(thread)
    Message.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=2))

    figures = today.messages(now=timezone.now())

    assert figures == {"received": 1, "sent": 3, "bot": 1, "agent": 2, "failed": 1, "unconfirmed": 1}


@pytest.mark.usefixtures("in_organization")
def test_threads_are_counted_by_who_has_them(in_organization: Organization, admin: User) -> None:
    number = make.number(in_organization)
    since = timezone.now() - timedelta(minutes=9)
    make.conversation(number)
    make.conversation(number, status="queued", is_bot_active=False, waiting_since=since)
    make.conversation(number, status="active", is_bot_active=False, current_agent=admin)
    make.conversation(number, status="closed")

    assert today.threads(admin) == {"live": 3, "bot": 1, "queued": 1, "active": 1, "oldest": since}


def test_an_empty_organization_is_shown_its_first_steps(client_as: SignIn, admin: User) -> None:
    page = client_as(admin).get("/").content.decode()

    assert "/inbox/numbers/new/" in page
    assert "step-mark" in page


def test_attention_leads_to_the_rows_behind_it(client_as: SignIn, admin: User, organization: Organization) -> None:
    with tenancy.organization_context(organization.pk):
        make.number(organization, status="error", display_name="Número parado", status_reason="Token vencido")
        number = make.number(organization)
        thread = make.conversation(number, status="queued", waiting_since=timezone.now(), is_bot_active=False)
        failed = make.conversation(number)
        make.message(failed, "Não foi", direction="outbound", status="failed", dispatch_state="failed")

    page = client_as(admin).get("/").content.decode()

    assert f"c={thread.pk}" in page
    assert f"c={failed.pk}" in page
    assert "Token vencido" in page


def test_home_costs_the_same_for_1_and_30_rows(client_as: SignIn, admin: User, organization: Organization) -> None:
    client = client_as(admin)
    counts = []
    for size in (1, 29):
        with tenancy.organization_context(organization.pk):
            number = make.number(organization)
            for _ in range(size):
                row = make.conversation(number, status="queued", waiting_since=timezone.now(), is_bot_active=False)
                make.message(row, direction="outbound", status="failed", dispatch_state="failed")
        client.get("/")
        with CaptureQueriesContext(connection) as captured:
            client.get("/")
        counts.append(len(captured))

    assert counts[0] == counts[1]


def test_an_agent_sees_failed_messages_of_visible_threads_only(
    client_as: SignIn, agent: User, organization: Organization
) -> None:
    with tenancy.organization_context(organization.pk):
        hidden = make.conversation(make.number(organization), department=make.department(organization))
        make.message(hidden, "Segredo", direction="outbound", status="failed", dispatch_state="failed")

    assert "Segredo" not in client_as(agent).get("/").content.decode()


@pytest.mark.parametrize("language", ["en", "pt-br"])
def test_the_language_switch_is_kept(client_as: SignIn, admin: User, language: str) -> None:
    client = client_as(admin)

    client.post("/language/", {"language": language, "next": "/"})

    assert f'<html lang="{language}"' in client.get("/").content.decode()


def test_the_theme_is_painted_by_the_server(client_as: SignIn, admin: User) -> None:
    client = client_as(admin)
    client.cookies["theme"] = "dark"

    assert 'data-theme="dark"' in client.get("/").content.decode()
