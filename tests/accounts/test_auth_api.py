"""Registration, sign-in, tokens, passwords."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core import mail as outbox
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from pytake.accounts import mail
from pytake.accounts.models import AuditEntry, Organization, RefreshToken, User
from pytake.infra import tenancy
from tests import make

PASSWORD = "Segura-2026"
ApiAs = Callable[[User], APIClient]


@pytest.fixture
def api() -> APIClient:
    return APIClient()


@pytest.fixture
def person(organization: Organization) -> User:
    user = make.user(organization, "agent", email="ana@example.com")
    user.set_password(PASSWORD)
    user.save()
    return user


def login(api: APIClient, **body: str) -> Any:
    return api.post("/api/v1/auth/login", {"email": "ana@example.com", "password": PASSWORD, **body})


def code_of(response: Any) -> str:
    code: str = response.json()["error"]["code"]
    return code


def as_bearer(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def test_registering_makes_an_organization_on_trial_and_signs_its_administrator_in(
    api: APIClient, system_rows: None
) -> None:
    response = api.post(
        "/api/v1/auth/register",
        {"organization_name": "Clínica Sol", "full_name": "Bia", "email": "Bia@Example.com", "password": PASSWORD},
    )

    assert response.status_code == 201, response.content
    user = User.objects.get(email="bia@example.com")
    assert user.organization is not None
    assert (user.role, user.organization.slug, user.organization.is_trial) == ("org_admin", "clinica-sol", True)
    assert timezone.now() + timedelta(days=13) < (user.organization.trial_ends_at or timezone.now())
    me = as_bearer(response.json()["access_token"]).get("/api/v1/auth/me").json()
    assert me["email"] == "bia@example.com"
    assert "users.create" in me["permissions"]
    token = outbox.outbox[0].body.split()[-1]
    assert api.post("/api/v1/auth/email/verify", {"token": token}).status_code == 200
    assert api.post("/api/v1/auth/email/verify", {"token": token}).status_code == 410


def test_registering_refuses_weak_passwords_and_unknown_keys(api: APIClient, system_rows: None) -> None:
    body = {"organization_name": "X", "full_name": "Y", "email": "y@example.com", "password": "weakpassword"}

    assert "password" in api.post("/api/v1/auth/register", body).json()["error"]["details"]["fields"]
    response = api.post("/api/v1/auth/register", {**body, "password": PASSWORD, "role": "super_admin"})
    assert "role" in response.json()["error"]["details"]["fields"]
    assert not User.objects.filter(email="y@example.com").exists()


def test_signing_in_gives_a_pair_and_is_audited(api: APIClient, person: User) -> None:
    response = login(api, email="ANA@example.com")

    assert response.status_code == 200, response.content
    assert response.headers["Cache-Control"] == "no-store"
    assert as_bearer(response.json()["access_token"]).get("/api/v1/auth/verify-token").json()["valid"] is True
    with tenancy.organization_context(person.organization_id or ""):
        assert AuditEntry.objects.filter(action="user.signed_in", actor_user=person).count() == 1


def test_wrong_password_and_unknown_account_get_the_same_answer(api: APIClient, person: User) -> None:
    wrong, unknown = login(api, password="Errada-2026"), login(api, email="nobody@example.com")

    answers = [(answer.status_code, {**answer.json()["error"], "request_id": ""}) for answer in (wrong, unknown)]
    assert answers[0] == answers[1]
    assert answers[0][0] == 401


def test_five_failures_lock_the_account_in_the_api_and_on_the_page(api: APIClient, person: User) -> None:
    for _ in range(4):
        assert login(api, password="Errada-2026").status_code == 401
    assert code_of(login(api, password="Errada-2026")) == "AUTH_LOCKED"

    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        assert code_of(login(api)) == "AUTH_LOCKED"
    page = Client().post("/accounts/login/", {"login": "ana@example.com", "password": PASSWORD})
    assert page.status_code == 403
    with time_machine.travel(timezone.now() + timedelta(minutes=31)):
        assert login(api).status_code == 200


def test_a_sixth_sign_in_within_a_minute_is_limited(api: APIClient, person: User) -> None:
    answers = [login(api) for n in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert int(answers[5].headers["Retry-After"]) > 0
    assert answers[5].headers["X-RateLimit-Remaining"] == "0"
    page = Client().post("/accounts/login/", {"login": "ana@example.com", "password": PASSWORD})
    assert page.status_code == 200


def test_an_address_that_tries_many_accounts_is_limited(api: APIClient, db: None) -> None:
    answers = [login(api, email=f"p{n}@example.com").status_code for n in range(31)]

    assert answers == [401] * 30 + [429]


def test_a_second_factor_is_asked_for(api: APIClient, person: User) -> None:
    secret = "JBSWY3DPEHPK3PXP"
    TOTP.activate(person, secret)

    assert code_of(login(api)) == "AUTH_OTP_REQUIRED"
    assert code_of(login(api, otp="000000")) == "AUTH_OTP_REQUIRED"
    counter = next(iter(yield_hotp_counters_from_time()))
    assert login(api, otp=format_hotp_value(hotp_value(secret, counter))).status_code == 200


@pytest.mark.parametrize("what", ["inactive", "deleted", "organization"])
def test_people_who_are_switched_off_cannot_sign_in(api: APIClient, person: User, what: str) -> None:
    token = login(api).json()["access_token"]
    if what == "inactive":
        User.objects.filter(pk=person.pk).update(is_active=False)
    elif what == "deleted":
        User.objects.filter(pk=person.pk).update(deleted_at=timezone.now())
    else:
        Organization.objects.update(is_active=False)

    assert login(api).status_code == 401
    assert as_bearer(token).get("/api/v1/auth/me").status_code == 401


def test_refreshing_rotates_and_reuse_ends_the_session(api: APIClient, person: User) -> None:
    first = login(api).json()
    second = api.post("/api/v1/auth/refresh", {"refresh_token": first["refresh_token"]}).json()
    assert as_bearer(second["access_token"]).get("/api/v1/auth/me").status_code == 200

    stolen = api.post("/api/v1/auth/refresh", {"refresh_token": first["refresh_token"]})

    assert (stolen.status_code, code_of(stolen)) == (401, "AUTH_INVALID_TOKEN")
    assert as_bearer(second["access_token"]).get("/api/v1/auth/me").status_code == 401
    assert api.post("/api/v1/auth/refresh", {"refresh_token": second["refresh_token"]}).status_code == 401
    with tenancy.organization_context(person.organization_id or ""):
        assert AuditEntry.objects.filter(action="session.reuse_detected").count() == 1
    stored = RefreshToken.objects.filter(user=person).values_list("token_hash", flat=True)
    assert first["refresh_token"] not in stored


def test_signing_out_ends_access_at_once(api: APIClient, person: User) -> None:
    tokens = login(api).json()
    client = as_bearer(tokens["access_token"])

    assert client.post("/api/v1/auth/logout", {}).status_code == 200
    assert client.get("/api/v1/auth/me").status_code == 401


def test_access_tokens_expire_and_foreign_ones_are_refused(api: APIClient, person: User) -> None:
    token = login(api).json()["access_token"]
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert code_of(as_bearer(token).get("/api/v1/auth/me")) == "AUTH_EXPIRED"
    header = jwt.get_unverified_header(token)
    content = jwt.decode(token, options={"verify_signature": False})
    forged = [
        jwt.encode(content, "another-key-of-enough-length-123456", algorithm="HS256", headers=header),
        jwt.encode(content, "", algorithm="none", headers={"kid": header["kid"]}),
        token[:-3] + "abc",
        "pt_abc_def",
        "garbage",
    ]
    for bad in forged:
        assert code_of(as_bearer(bad).get("/api/v1/auth/me")) == "AUTH_INVALID_TOKEN"


def test_keys_can_be_rotated(api: APIClient, person: User, settings: Any) -> None:
    token = login(api).json()["access_token"]

    settings.JWT_SIGNING_KEYS = ["a-new-key-0123456789", *settings.JWT_SIGNING_KEYS]
    assert as_bearer(token).get("/api/v1/auth/me").status_code == 200
    settings.JWT_SIGNING_KEYS = ["a-new-key-0123456789"]
    assert as_bearer(token).get("/api/v1/auth/me").status_code == 401


def test_forgetting_a_password_answers_alike_and_the_link_works_once(api: APIClient, person: User) -> None:
    known = api.post("/api/v1/auth/password/forgot", {"email": "ana@example.com"})
    unknown = api.post("/api/v1/auth/password/forgot", {"email": "nobody@example.com"})
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json()) == (202, {"status": "ok"})
    mail.send_reset("ana@example.com")
    mail.send_reset("nobody@example.com")
    assert len(outbox.outbox) == 1
    mailed = outbox.outbox[0].body.partition("/key/")[2].strip("/ \n")
    assert mail.user_of_reset_token(mailed) == person
    session = login(api).json()

    assert api.post("/api/v1/auth/password/reset", {"token": "x-y", "password": "Outra-2026"}).status_code == 410
    fresh = mail.reset_token(User.objects.get(pk=person.pk))
    assert api.post("/api/v1/auth/password/reset", {"token": fresh, "password": "fraca"}).status_code == 400
    assert api.post("/api/v1/auth/password/reset", {"token": fresh, "password": "Outra-2026"}).status_code == 200
    assert api.post("/api/v1/auth/password/reset", {"token": fresh, "password": "Outra-2027"}).status_code == 410
    assert as_bearer(session["access_token"]).get("/api/v1/auth/me").status_code == 401
    assert login(api, password="Outra-2026").status_code == 200


def test_changing_the_password_needs_the_old_one_and_ends_sessions(api: APIClient, person: User) -> None:
    client = as_bearer(login(api).json()["access_token"])
    browser = Client()
    browser.post("/accounts/login/", {"login": "ana@example.com", "password": PASSWORD})
    assert browser.get("/profile/").status_code == 200

    wrong = client.post("/api/v1/auth/password/change", {"current_password": "x", "password": "Outra-2026"})
    assert wrong.status_code == 400
    right = client.post("/api/v1/auth/password/change", {"current_password": PASSWORD, "password": "Outra-2026"})
    assert right.status_code == 200
    assert client.get("/api/v1/auth/me").status_code == 401
    assert browser.get("/profile/").status_code == 302


def test_own_sessions_are_listed_and_ended(api: APIClient, person: User, stranger: User, api_as: ApiAs) -> None:
    client = as_bearer(login(api).json()["access_token"])
    login(api)
    sessions = client.get("/api/v1/auth/sessions").json()["items"]
    assert [session["is_current"] for session in sessions].count(True) == 1
    other = next(session["id"] for session in sessions if not session["is_current"])

    assert api_as(stranger).delete(f"/api/v1/auth/sessions/{other}").status_code == 404
    assert client.delete(f"/api/v1/auth/sessions/{other}").status_code == 204
    assert len(client.get("/api/v1/auth/sessions").json()["items"]) == 1
