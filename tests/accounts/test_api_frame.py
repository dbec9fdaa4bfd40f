"""What every route of the API does alike: errors, keys, limits, idempotency, description."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from pytake.accounts.models import ApiToken, IdempotencyRecord, Organization, User
from pytake.infra import openapi, tenancy
from tests import factories, make

ApiAs = Callable[[User], APIClient]
TOKEN = {"name": "ERP", "scopes": ["users.view"]}


def error_of(response: Any) -> dict[str, Any]:
    error: dict[str, Any] = response.json()["error"]
    assert error["request_id"] == response.headers["X-Request-Id"]
    assert error["message"]
    return error


def test_every_refusal_has_the_envelope(admin: User, viewer: User, api_as: ApiAs) -> None:
    client = api_as(admin)
    answers = {
        "AUTH_MISSING_TOKEN": Client().get("/api/v1/auth/me"),
        "AUTH_INSUFFICIENT_PERMISSION": api_as(viewer).get("/api/v1/audit-log"),
        "NOT_FOUND": client.get("/api/v1/nothing-here"),
        "METHOD_NOT_ALLOWED": client.delete("/api/v1/users"),
        "UNSUPPORTED_MEDIA_TYPE": client.post("/api/v1/users", "x", content_type="text/plain"),
        "VALIDATION_ERROR": client.post("/api/v1/users", "{not json", content_type="application/json"),
    }

    assert {code: error_of(answer)["code"] for code, answer in answers.items()} == {code: code for code in answers}
    assert [answer.status_code for answer in answers.values()] == [401, 403, 404, 405, 415, 400]
    assert answers["AUTH_MISSING_TOKEN"].headers["WWW-Authenticate"].startswith("Bearer")
    for path in ("/api/", "/api/v2/users", "/api/v1/users/not-a-uuid"):
        assert error_of(client.post(path, {}))["code"] == "NOT_FOUND"


def test_errors_name_fields_in_the_language_of_the_reader(admin: User, api_as: ApiAs) -> None:
    client = api_as(admin)

    english = error_of(client.post("/api/v1/users", {}, headers={"Accept-Language": "en"}))
    portuguese = error_of(client.post("/api/v1/users", {}, headers={"Accept-Language": "pt-br"}))

    assert english["details"]["fields"]["email"] == ["This field is required."]
    assert portuguese["details"]["fields"]["email"] == ["Este campo é obrigatório."]
    assert english["code"] == portuguese["code"] == "VALIDATION_ERROR"


def test_a_trailing_slash_makes_no_difference(admin: User, api_as: ApiAs) -> None:
    client = api_as(admin)

    assert client.get("/api/v1/auth/me/").json() == client.get("/api/v1/auth/me").json()
    assert client.post("/api/v1/api-tokens/", TOKEN).status_code == 201


def test_cookies_need_the_csrf_token(admin: User) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(admin, backend="allauth.account.auth_backends.AuthenticationBackend")

    assert client.get("/api/v1/auth/me").status_code == 200
    assert client.post("/api/v1/api-tokens", TOKEN).status_code == 403


def test_limits_are_told_and_kept(admin: User, organization: Organization, api_as: ApiAs) -> None:
    client = api_as(admin)
    organization.plan = factories.PlanFactory(code="tiny", requests_per_minute=2)
    organization.save()

    answers = [client.get("/api/v1/auth/me") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[0].headers["X-RateLimit-Limit"] == "2"
    assert 0 < int(answers[2].headers["Retry-After"]) <= 60
    assert int(answers[2].headers["X-RateLimit-Reset"]) > timezone.now().timestamp()
    assert error_of(answers[2])["type"] == "limit"
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert client.get("/api/v1/auth/me").status_code == 200


def test_an_address_that_guesses_tokens_is_limited(db: None) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION="Bearer garbage")

    answers = [client.get("/api/v1/auth/me").status_code for _ in range(201)]

    assert answers == [401] * 200 + [429]


def test_a_repeated_post_is_answered_again_but_not_done_again(
    admin: User, api_as: ApiAs, in_organization: Organization
) -> None:
    client = api_as(admin)
    key = {"Idempotency-Key": "order-1"}

    first = client.post("/api/v1/api-tokens", TOKEN, headers=key)
    second = client.post("/api/v1/api-tokens", TOKEN, headers=key)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second.headers["Idempotent-Replay"] == "true"
    assert "Idempotent-Replay" not in first.headers
    assert ApiToken.objects.count() == 1
    record = IdempotencyRecord.objects.get()
    assert first.json()["token"] not in str(record.response_body)
    other = client.post("/api/v1/api-tokens", {**TOKEN, "name": "X"}, headers=key)
    assert (other.status_code, error_of(other)["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=False):
        again = api_as(admin).post("/api/v1/api-tokens", TOKEN, headers=key)
    assert again.json()["id"] != first.json()["id"]


def test_refusals_are_replayed_too_and_keys_belong_to_one_person(
    admin: User, organization: Organization, api_as: ApiAs
) -> None:
    client, other = api_as(admin), api_as(make.user(organization, "org_admin"))
    key = {"Idempotency-Key": "k"}

    assert client.post("/api/v1/api-tokens", {}, headers=key).status_code == 400
    assert client.post("/api/v1/api-tokens", {}, headers=key).headers["Idempotent-Replay"] == "true"
    assert other.post("/api/v1/api-tokens", TOKEN, headers=key).status_code == 201


def test_a_key_in_progress_is_refused(admin: User, api_as: ApiAs, in_organization: Organization) -> None:
    client = api_as(admin)
    client.post("/api/v1/api-tokens", TOKEN, headers={"Idempotency-Key": "k"})
    IdempotencyRecord.objects.update(state="in_progress", response_body=None)

    response = client.post("/api/v1/api-tokens", TOKEN, headers={"Idempotency-Key": "k"})

    assert (response.status_code, error_of(response)["code"]) == (409, "IDEMPOTENCY_IN_PROGRESS")
    assert response.headers["Retry-After"] == "1"


@pytest.mark.django_db(transaction=True)
def test_two_at_once_with_one_key_make_one(api_as: ApiAs) -> None:
    organization = make.organization()
    clients = [api_as(admin) for admin in [make.user(organization, "org_admin")] * 4]

    def post(client: APIClient) -> int:
        try:
            return int(client.post("/api/v1/api-tokens", TOKEN, headers={"Idempotency-Key": "k"}).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(post, clients))

    assert statuses[0] == 201
    assert set(statuses) <= {201, 409}
    with tenancy.organization_context(organization.pk):
        assert ApiToken.objects.count() == 1


def test_every_route_is_described() -> None:
    document = openapi.document()

    assert openapi.gaps(document) == []
    assert document["openapi"].startswith("3.1")
    assert "/api/v1/auth/login" in document["paths"]


def test_gaps_are_found() -> None:
    document = {"paths": {"/x": {"get": {"summary": "", "x-undeclared": True, "responses": {"200": {}}}}}}

    assert openapi.gaps(document) == [
        "GET /x: no summary",
        "GET /x: no description",
        "GET /x: no route_permissions entry",
        "GET /x: response 200 has no content",
    ]


def test_the_committed_description_is_present() -> None:
    out = StringIO()
    call_command("check_api", stdout=out, stderr=StringIO())

    assert "routes are described" in out.getvalue()


def test_the_description_and_its_page_are_served_from_here(db: None) -> None:
    client = Client()

    assert b"openapi: 3.1" in client.get("/api/v1/schema").content
    page = client.get("/api/v1/docs")
    assert page.status_code == 200
    assert b"//" not in page.content.replace(b"<!doctype", b"")
    assert "unsafe" not in page.headers["Content-Security-Policy"]


def test_health_is_short_for_everybody_and_long_for_administrators(admin: User, api_as: ApiAs) -> None:
    public = Client().get("/health").json()
    detailed = api_as(admin).get("/health").json()

    assert set(public) == {"status", "timestamp", "uptime", "version", "websocket"}
    assert set(public["websocket"]) == {"totalConnections", "subscribedUsers", "subscribedCampaigns"}
    assert public["status"] == "ok"
    assert detailed["details"] == {"database": True, "redis": True, "migrations_pending": 0}
    assert Client().get("/api/v1/health").json()["status"] == "ok"
    assert Client().get("/api/v1/ping").json()["pong"] is True


@pytest.mark.django_db(transaction=True)
def test_what_neither_python_nor_the_database_can_hold_is_the_callers_fault(
    system_rows: None, admin: User, api_as: ApiAs
) -> None:
    deep = "[" * 100_000

    assert Client().post("/api/v1/auth/login", deep, content_type="application/json").status_code == 400
    assert api_as(admin).get("/api/v1/audit-log?since=9999-12-31T23:59:59-23:59").status_code == 400
