"""Organizations, members, integration tokens, roles, plans, the audit log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from pytake.accounts import audit, housekeeping
from pytake.accounts.models import AuditEntry, Organization, User
from pytake.infra import tenancy
from tests import factories, make

ApiAs = Callable[[User], APIClient]
PASSWORD = "Segura-2026"


@pytest.fixture
def operator(db: None) -> User:
    return make.user(None, "super_admin", full_name="Olga Operadora")


def code_of(response: Any) -> str:
    code: str = response.json()["error"]["code"]
    return code


def actions_of(organization: Organization) -> list[str]:
    with tenancy.organization_context(organization.pk):
        return list(AuditEntry.objects.order_by("sequence").values_list("action", flat=True))


def test_members_are_listed_searched_sorted_and_paged(
    admin: User, agent: User, viewer: User, stranger: User, api_as: ApiAs
) -> None:
    client = api_as(viewer)

    everyone = client.get("/api/v1/users?sort=full_name&limit=2").json()
    assert (everyone["total"], len(everyone["items"])) == (3, 2)
    rest = client.get("/api/v1/users", {"sort": "full_name", "limit": 2, "cursor": everyone["next_cursor"]}).json()
    names = [user["full_name"] for user in everyone["items"] + rest["items"]]
    assert names == ["Alice Admin", "Bruno Agente", "Vera Leitora"]
    assert rest["next_cursor"] is None
    assert [user["email"] for user in client.get("/api/v1/users?q=bruno").json()["items"]] == [agent.email]
    assert client.get("/api/v1/users?role=viewer").json()["total"] == 1
    assert client.get(f"/api/v1/users/{agent.pk}/").json()["full_name"] == "Bruno Agente"


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "skip=10001", "sort=password", "cursor=abc"])
def test_bad_list_parameters_are_named(viewer: User, api_as: ApiAs, query: str) -> None:
    response = api_as(viewer).get(f"/api/v1/users?{query}")

    assert response.status_code == 400
    assert query.partition("=")[0] in response.json()["error"]["details"]["fields"]


def test_an_administrator_adds_members_within_the_plan(admin: User, organization: Organization, api_as: ApiAs) -> None:
    client = api_as(admin)
    organization.max_users = 2
    organization.save()
    body = {"email": "Nova@example.com", "full_name": "Nova", "role": "agent", "password": PASSWORD}

    created = client.post("/api/v1/users", body)
    assert created.status_code == 201, created.content
    assert (created.json()["email"], created.json()["role"]) == ("nova@example.com", "agent")
    beyond = client.post("/api/v1/users", {**body, "email": "outra@example.com"})
    assert (beyond.status_code, code_of(beyond)) == (402, "PLAN_LIMIT_REACHED")
    assert beyond.json()["error"]["details"] == {"limit": 2, "used": 2, "plan": "test", "metric": "max_users"}
    organization.max_users = -1
    organization.save()
    assert code_of(client.post("/api/v1/users", body)) == "DUPLICATE"
    assert "user.created" in actions_of(organization)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"role": "super_admin"}, "role"), ({"organization": "x"}, "organization"), ({"email": "no"}, "email"),
        ({"is_staff": True}, "is_staff"),
    ],
)  # fmt: skip
def test_what_nobody_may_set_is_refused(admin: User, api_as: ApiAs, change: dict[str, Any], field: str) -> None:
    body = {"email": "nova@example.com", "full_name": "Nova", **change}

    response = api_as(admin).post("/api/v1/users", body)

    assert response.status_code == 400
    assert field in response.json()["error"]["details"]["fields"]


def test_the_last_administrator_and_the_own_role_are_guarded(
    admin: User, agent: User, organization: Organization, api_as: ApiAs
) -> None:
    client = api_as(admin)

    assert client.put(f"/api/v1/users/{admin.pk}", {"role": "agent"}).status_code == 403
    assert client.post(f"/api/v1/users/{admin.pk}/deactivate").status_code == 409
    assert client.delete(f"/api/v1/users/{admin.pk}").status_code == 409
    second = make.user(organization, "org_admin")
    assert api_as(second).put(f"/api/v1/users/{admin.pk}", {"role": "agent"}).status_code == 200
    admin.refresh_from_db()
    assert admin.role == "agent"
    assert api_as(second).put(f"/api/v1/users/{agent.pk}", {"role": "org_admin"}).status_code == 200


def test_deactivating_ends_everything_at_once(
    admin: User, agent: User, organization: Organization, api_as: ApiAs
) -> None:
    theirs = api_as(agent)
    assert theirs.get("/api/v1/users/me").status_code == 200

    assert api_as(admin).post(f"/api/v1/users/{agent.pk}/deactivate").status_code == 200
    assert theirs.get("/api/v1/users/me").status_code == 401
    assert api_as(admin).post(f"/api/v1/users/{agent.pk}/activate").status_code == 200
    assert theirs.get("/api/v1/users/me").status_code == 401


def test_deleted_members_vanish_and_free_their_address(admin: User, agent: User, api_as: ApiAs) -> None:
    client = api_as(admin)

    assert client.delete(f"/api/v1/users/{agent.pk}").status_code == 204
    assert client.get(f"/api/v1/users/{agent.pk}").status_code == 404
    again = {"email": agent.email, "full_name": "Novo", "password": PASSWORD}
    assert client.post("/api/v1/users", again).status_code == 201


def test_people_edit_their_own_profile_but_not_their_role(viewer: User, api_as: ApiAs) -> None:
    client = api_as(viewer)

    assert (
        client.put("/api/v1/users/me", {"full_name": "Vera Nova", "language": "en"}).json()["full_name"] == "Vera Nova"
    )
    assert client.put("/api/v1/users/me", {"role": "org_admin"}).status_code == 400
    assert client.put("/api/v1/users/me/status", {"status": "away"}).json()["status_source"] == "manual"


def test_settings_merge(admin: User, organization: Organization, api_as: ApiAs) -> None:
    client = api_as(admin)
    client.put("/api/v1/organizations/me/settings", {"agents_see_all": True})

    body = client.put(
        "/api/v1/organizations/me/settings", {"timezone": "America/Manaus", "no_bot_reply": "Já volto"}
    ).json()

    assert (body["timezone"], body["settings"]) == (
        "America/Manaus",
        {"agents_see_all": True, "no_bot_reply": "Já volto"},
    )
    assert client.put("/api/v1/organizations/me/settings", {"timezone": "Mars/Base"}).status_code == 400
    assert actions_of(organization).count("organization.changed") == 2


def test_operators_choose_an_organization_by_header_and_it_is_audited(
    operator: User, admin: User, organization: Organization, other_organization: Organization, api_as: ApiAs
) -> None:
    client = api_as(operator)
    assert client.get("/api/v1/organizations").json()["total"] == 2
    assert client.get("/api/v1/organizations/me").status_code == 404

    seen = client.get("/api/v1/users", headers={"X-Organization-Id": str(organization.pk)}).json()

    assert [user["id"] for user in seen["items"]] == [str(admin.pk)]
    assert actions_of(organization) == ["organization.acted_on"]
    for bad in ("x", "00000000-0000-0000-0000-000000000000"):
        assert client.get("/api/v1/users", headers={"X-Organization-Id": bad}).status_code == 404
    mine = api_as(admin).get("/api/v1/organizations/me", headers={"X-Organization-Id": str(other_organization.pk)})
    assert mine.json()["id"] == str(organization.pk)


def test_operators_switch_organizations_off_and_on_and_change_plans(
    operator: User, admin: User, organization: Organization, api_as: ApiAs
) -> None:
    theirs, client = api_as(admin), api_as(operator)
    plan = factories.PlanFactory(code="big", max_users=99)
    organization.max_users = 1
    organization.save()

    assert client.post(f"/api/v1/organizations/{organization.pk}/deactivate").json()["is_active"] is False
    assert theirs.get("/api/v1/auth/me").status_code == 401
    client.post(f"/api/v1/organizations/{organization.pk}/activate")
    changed = client.put(f"/api/v1/organizations/{organization.pk}/plan", {"plan": plan.code}).json()
    assert (changed["plan"], changed["limits"]["max_users"]) == ("big", 99)
    assert client.get(f"/api/v1/organizations/{organization.pk}/stats").json()["users"] == 1
    assert client.delete(f"/api/v1/organizations/{organization.pk}").status_code == 204
    assert client.get(f"/api/v1/organizations/{organization.pk}").status_code == 404


def test_an_integration_token_acts_within_its_scopes(admin: User, organization: Organization, api_as: ApiAs) -> None:
    client = api_as(admin)
    created = client.post("/api/v1/api-tokens", {"name": "ERP", "scopes": ["users.view"]})
    assert created.status_code == 201, created.content
    token = created.json()["token"]
    integration = APIClient()
    integration.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")

    assert token.startswith("pt_")
    assert integration.get("/api/v1/users").status_code == 200
    assert integration.get("/api/v1/audit-log").status_code == 403
    assert integration.post("/api/v1/users", {}).status_code == 403
    listed = client.get("/api/v1/api-tokens").json()["items"][0]
    assert "token" not in listed
    assert listed["last_used_at"] is not None
    assert client.delete(f"/api/v1/api-tokens/{listed['id']}").status_code == 204
    assert integration.get("/api/v1/users").status_code == 401


def test_an_integration_token_leaves_the_account_of_its_maker_alone(admin: User, api_as: ApiAs) -> None:
    client = api_as(admin)
    token = client.post("/api/v1/api-tokens", {"name": "ERP", "scopes": ["users.view"]}).json()["token"]
    integration = APIClient()
    integration.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")

    assert integration.get("/api/v1/auth/me").status_code == 200
    assert integration.put("/api/v1/users/me", {"full_name": "Outra"}).status_code in {403, 405}
    assert integration.post("/api/v1/auth/logout", {"everywhere": True}).status_code == 403
    assert integration.post("/api/v1/ws/ticket").status_code == 200
    assert client.get("/api/v1/auth/me").status_code == 200


def test_an_integration_token_expires_and_dies_with_its_maker(
    admin: User, organization: Organization, api_as: ApiAs
) -> None:
    make.user(organization, "org_admin")
    later = timezone.now() + timedelta(days=1)
    body = {"name": "ERP", "scopes": ["users.view"], "expires_at": later.isoformat()}
    token = api_as(admin).post("/api/v1/api-tokens", body).json()["token"]
    integration = APIClient()
    integration.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")

    with time_machine.travel(later + timedelta(seconds=1)):
        assert integration.get("/api/v1/users").status_code == 401
    assert integration.get("/api/v1/users").status_code == 200
    User.objects.filter(pk=admin.pk).update(is_active=False)
    assert integration.get("/api/v1/users").status_code == 401


def test_the_audit_log_is_searched_and_its_chain_shows_changes(
    admin: User, agent: User, organization: Organization, api_as: ApiAs
) -> None:
    client = api_as(admin)
    client.put(f"/api/v1/users/{agent.pk}", {"role": "viewer"})
    client.put(f"/api/v1/users/{agent.pk}", {"full_name": "Novo"})
    entries = client.get("/api/v1/audit-log", {"entity_id": str(agent.pk)}).json()["items"]

    assert [entry["changes"] for entry in entries] == [{"full_name": "•••"}, {"role": ["agent", "viewer"]}]
    assert list(audit.broken_links(organization.pk)) == []
    with tenancy.organization_context(organization.pk), connection.cursor() as cursor:
        cursor.execute("SET LOCAL app.privacy = 'on'")
        cursor.execute("UPDATE accounts_auditentry SET action = 'x' WHERE sequence = 1")
        cursor.execute("SET LOCAL app.privacy = ''")
    assert list(audit.broken_links(organization.pk)) == ["entry 1 was changed"]
    with pytest.raises(CommandError, match="entry 1 was changed"):
        call_command("verify_audit")


def test_roles_plans_and_usage_are_shown(system_rows: None, admin: User, api_as: ApiAs) -> None:
    client = api_as(admin)

    roles = {role["name"]: role["permissions"] for role in client.get("/api/v1/roles").json()["items"]}
    assert "users.create" in roles["org_admin"]
    assert "users.create" not in roles["agent"]
    assert client.get("/api/v1/plans").json()["total"] >= 1
    usage = {row["metric"]: row["used"] for row in client.get("/api/v1/billing/usage").json()["items"]}
    assert usage["users"] == 1


def test_trials_end_on_the_free_plan(system_rows: None, organization: Organization) -> None:
    ends = timezone.now()
    Organization.objects.filter(pk=organization.pk).update(is_trial=True, trial_ends_at=ends)

    assert housekeeping.end_trials(now=ends - timedelta(seconds=1)) == 0
    assert housekeeping.end_trials(now=ends) == 1
    organization.refresh_from_db()
    assert (organization.plan.code, organization.is_trial) == ("free", False)
    assert housekeeping.end_trials(now=ends) == 0
