"""The list of flows."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from flows import gallery, publishing
from flows.models import Flow
from flows.pages import listing
from pytake.accounts.models import AuditEntry, Organization, User
from pytake.infra import tenancy
from tests import make
from tests.flows.pages.conftest import BROKEN, HELLO, SignIn


def test_a_row_says_state_findings_and_numbers(
    client_as: SignIn, organization: Organization, admin: User, viewer: User, flow: Flow
) -> None:
    with tenancy.organization_context(organization.pk):
        number = make.number(organization, display_name="Recepção 4004")
        gallery.attach(flow.chatbot, number, by=admin, now=timezone.now())
        publishing.publish(flow, by=admin, now=timezone.now())
        publishing.save_draft(flow, BROKEN, by=admin, now=timezone.now())

    page = client_as(viewer).get("/flows/").content.decode()

    for text in ("Boas-vindas", "Published, version 1", "Draft differs", "Recepção 4004", "2 errors"):
        assert text in page


def test_flows_are_found_by_name_or_chatbot(client_as: SignIn, viewer: User, flow: Flow) -> None:
    client = client_as(viewer)

    assert "Boas-vindas" in client.get("/flows/", {"q": "recep"}).content.decode()
    assert "Boas-vindas" not in client.get("/flows/", {"q": "cobrança"}).content.decode()


def test_the_list_of_thirty_takes_as_many_queries_as_that_of_one(
    client_as: SignIn, organization: Organization, admin: User, flow: Flow
) -> None:
    client = client_as(admin)
    client.get("/flows/")

    counts = []
    for more in (0, 29):
        with tenancy.organization_context(organization.pk):
            for number in range(more):
                bot = make.chatbot(organization)
                gallery.attach(bot, make.number(organization), by=admin, now=timezone.now())
                row = make.flow(bot, name=f"Fluxo {number}")
                publishing.save_draft(
                    row, {**HELLO, "settings": {"session_ttl_hours": number + 1}}, by=admin, now=timezone.now()
                )
                publishing.publish(row, by=admin, now=timezone.now())
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get("/flows/").status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]


@pytest.mark.usefixtures("in_organization")
def test_pages_show_every_flow_once(organization: Organization, admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE", 4)
    for _ in range(7):
        make.flow(make.chatbot(organization))

    first = listing.page(admin)
    second = listing.page(admin, cursor=first.next_cursor)

    seen = [row.flow.pk for row in [*first.rows, *second.rows]]
    assert (len(seen), len(set(seen)), second.next_cursor) == (7, 7, "")


@pytest.mark.usefixtures("organization")
def test_the_empty_list_offers_the_example_to_those_who_may_create(
    client_as: SignIn, admin: User, viewer: User
) -> None:
    assert "/flows/install/" in client_as(admin).get("/flows/").content.decode()
    assert "/flows/install/" not in client_as(viewer).get("/flows/").content.decode()


def test_the_example_is_installed_published(client_as: SignIn, organization: Organization, admin: User) -> None:
    answer = client_as(admin).post("/flows/install/")

    with tenancy.organization_context(organization.pk):
        row = Flow.objects.get()
        assert AuditEntry.objects.filter(action="flow.installed", actor_user=admin).count() == 1
    assert (answer.status_code, answer["Location"], row.version) == (302, f"/flows/{row.pk}/", 1)


def test_agents_do_not_install(client_as: SignIn, agent: User) -> None:
    assert client_as(agent).post("/flows/install/").status_code == 403


def test_strangers_see_none_of_it(client_as: SignIn, stranger: User, flow: Flow) -> None:
    assert "Boas-vindas" not in client_as(stranger).get("/flows/").content.decode()
