"""The routes beside the sockets: tickets, figures, missed events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from notifications import events, registry, tickets
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy

ApiAs = Callable[[User], APIClient]


def tell(organization: Organization, room: str) -> None:
    with tenancy.organization_context(organization.pk):
        events.emit(organization_id=organization.pk, room=room, event_type="test", data={}, now=timezone.now())


@pytest.fixture
def told(organization: Organization, admin: User, agent: User, django_capture_on_commit_callbacks: Any) -> Organization:
    """Facts for everybody, for two people, for the inbox."""
    with django_capture_on_commit_callbacks(execute=True):
        for room in ("org", "inbox"):
            tell(organization, f"{room}:{organization.pk}")
        tell(organization, f"user:{admin.pk}")
        tell(organization, f"user:{agent.pk}")
    return organization


def test_missed_events_are_those_of_the_own_rooms(told: Organization, agent: User, api_as: ApiAs) -> None:
    answer = api_as(agent).get("/api/v1/realtime/events?after_seq=0")

    body = answer.json()
    assert answer.status_code == 200, body
    assert [event["room"] for event in body["events"]] == [f"org:{told.pk}", f"user:{agent.pk}"]
    assert (body["seq"], body["reload"]) == (4, False)


def test_named_rooms_are_checked(told: Organization, agent: User, stranger: User, api_as: ApiAs) -> None:
    address = f"/api/v1/realtime/events?after_seq=0&room=inbox:{told.pk}"

    assert len(api_as(agent).get(address).json()["events"]) == 3
    refused = api_as(stranger).get(address)
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "ROOM_FORBIDDEN"


@pytest.mark.parametrize("query", ["", "?after_seq=-1", "?after_seq=x"])
def test_the_number_is_required(agent: User, api_as: ApiAs, query: str) -> None:
    answer = api_as(agent).get(f"/api/v1/realtime/events{query}")

    assert answer.status_code == 400
    assert "after_seq" in answer.json()["error"]["details"]["fields"]


def test_a_ticket_carries_the_session_of_the_api(agent: User, api_as: ApiAs) -> None:
    answer = api_as(agent).post("/api/v1/ws/ticket")

    credential = tickets.redeem(answer.json()["ticket"])
    assert credential is not None
    assert (credential.user_id, credential.organization_id) == (agent.pk, agent.organization_id)
    assert credential.family_id is not None
    assert credential.expires_at is not None
    assert tickets.redeem(answer.json()["ticket"]) is None


def test_a_ticket_of_a_page_ends_with_the_page_s_session(agent: User, client_as: Callable[[User], Client]) -> None:
    browser = client_as(agent)

    credential = tickets.redeem(browser.post("/api/v1/ws/ticket").json()["ticket"])

    assert credential is not None
    assert credential.session_key == browser.cookies["sessionid"].value


@pytest.mark.usefixtures("unreachable_redis")
def test_without_redis_tickets_are_refused_politely(agent: User, api_as: ApiAs) -> None:
    answer = api_as(agent).post("/api/v1/ws/ticket")

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "UNAVAILABLE"


def test_figures_are_the_organization_s_own(
    organization: Organization, other_organization: Organization, admin: User, agent: User, api_as: ApiAs
) -> None:
    one = {"sockets": 2, "users": [str(admin.pk)], "rooms": {f"org:{organization.pk}": 2}}
    other = {"sockets": 5, "users": ["x"], "rooms": {"org:x": 5}}
    now = timezone.now()
    registry.report("p1", {"organizations": {str(organization.pk): one, str(other_organization.pk): other}}, now=now)

    body = api_as(admin).get("/api/v1/ws/stats").json()

    assert body["totalConnections"] == 2
    assert body["rooms"] == {f"org:{organization.pk}": 2}
    assert api_as(agent).get("/api/v1/ws/stats").status_code == 403
    assert Client().get("/health").json()["websocket"]["totalConnections"] == 7
