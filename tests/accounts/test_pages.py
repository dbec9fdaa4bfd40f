"""Sign-in and account pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib import admin as back_office
from django.core import mail as outbox
from django.test import Client

from pytake.accounts.models import AuditEntry, Organization, User
from pytake.infra import tenancy
from tests import make

ClientAs = Callable[[User], Client]
PASSWORD = "Segura-2026"


@pytest.fixture
def person(organization: Organization) -> User:
    user = make.user(organization, "org_admin", email="ana@example.com")
    user.set_password(PASSWORD)
    user.save()
    return user


def test_signing_in_and_out(person: User) -> None:
    client = Client()

    page = client.get("/accounts/login/?next=/profile/")
    assert page.status_code == 200
    assert b"unsafe" not in page.headers["Content-Security-Policy"].encode()
    answer = client.post("/accounts/login/", {"login": "ANA@example.com", "password": PASSWORD, "next": "/profile/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/profile/")
    assert client.get("/profile/").status_code == 200
    cookie = client.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    client.post("/accounts/logout/")
    assert client.get("/profile/").status_code == 302
    with tenancy.organization_context(person.organization_id or ""):
        assert list(AuditEntry.objects.values_list("action", flat=True)) == ["user.signed_in"]


def test_wrong_and_unknown_accounts_look_alike(person: User) -> None:
    pages = [
        Client().post("/accounts/login/", {"login": login, "password": "Errada-2026"}).content
        for login in ("ana@example.com", "eva@example.com")
    ]

    assert (
        pages[0].replace(b"ana@", b"eva@").split(b"<main")[1].split(b"csrf")[0]
        == pages[1].split(b"<main")[1].split(b"csrf")[0]
    )


def test_a_second_factor_is_asked_for(person: User) -> None:
    TOTP.activate(person, "JBSWY3DPEHPK3PXP")
    client = Client()

    answer = client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})

    assert answer.headers["Location"].startswith("/accounts/2fa/authenticate/")
    assert client.get("/profile/").status_code == 302
    assert client.get(answer.headers["Location"]).status_code == 200
    assert "JBSWY3DPEHPK3PXP" not in str(person.authenticator_set.get().data)  # type: ignore[attr-defined]  # allauth's


def test_a_switched_off_organization_cannot_sign_in(person: User) -> None:
    Organization.objects.update(is_active=False)
    client = Client()

    client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})

    assert client.get("/profile/").status_code == 302


def test_a_session_ends_when_the_person_is_switched_off(person: User, client_as: ClientAs) -> None:
    client = client_as(person)
    assert client.get("/profile/").status_code == 200

    Organization.objects.update(is_active=False)

    assert client.get("/profile/").status_code == 302


def test_resetting_the_password_by_mail(person: User) -> None:
    client = Client()
    client.post("/accounts/password/reset/", {"email": person.email})
    assert [letter.subject for letter in outbox.outbox] == ["Escolha uma nova senha"]
    link = next(word for word in outbox.outbox[0].body.split() if "/key/" in word).partition("//")[2].partition("/")[2]

    form = client.get(f"/{link}", follow=True)
    assert form.status_code == 200
    client.post(form.request["PATH_INFO"], {"password1": "Outra-2026", "password2": "Outra-2026"})

    person.refresh_from_db()
    assert person.check_password("Outra-2026")


def test_strangers_get_no_mail(db: None) -> None:
    Client().post("/accounts/password/reset/", {"email": "nobody@example.com"})

    assert outbox.outbox == []


def test_a_second_factor_needs_no_confirmed_address(person: User) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})

    answer = client.post(
        "/accounts/reauthenticate/?next=/accounts/2fa/totp/activate/", {"password": PASSWORD}, follow=True
    )

    assert answer.request["PATH_INFO"] == "/accounts/2fa/totp/activate/"
    assert 'name="code"' in answer.content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/password/change/", "/accounts/2fa/", "/accounts/2fa/totp/activate/", "/accounts/logout/",
        "/accounts/2fa/recovery-codes/generate/", "/accounts/reauthenticate/", "/profile/",
    ],
)  # fmt: skip
def test_account_pages_use_the_frame(person: User, path: str) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})

    page = client.get(path, follow=True)

    assert page.status_code == 200
    assert b'id="main"' in page.content
    assert b"style=" not in page.content


def test_the_profile_is_changed_in_the_language_chosen(person: User, client_as: ClientAs) -> None:
    client = client_as(person)

    refused = client.post("/profile/", {"full_name": "", "timezone": "Mars"})
    assert refused.status_code == 400
    client.post("/profile/", {"full_name": "Ana Nova", "language": "en", "timezone": "America/Manaus"})

    person.refresh_from_db()
    assert (person.full_name, person.language, person.timezone) == ("Ana Nova", "en", "America/Manaus")
    assert b'lang="en"' in client.get("/profile/").content


def test_operators_switch_organizations(organization: Organization, person: User, client_as: ClientAs) -> None:
    operator = make.user(None, "super_admin")
    client = client_as(operator)

    assert organization.name.encode() in client.get("/organizations/").content
    client.post("/organizations/switch/", {"organization": str(organization.pk)})

    assert client.get("/api/v1/organizations/me").json()["id"] == str(organization.pk)
    with tenancy.organization_context(organization.pk):
        assert list(AuditEntry.objects.values_list("action", flat=True)) == ["organization.entered"]
    client.post("/organizations/switch/")
    assert client.get("/api/v1/organizations/me").status_code == 404
    assert client_as(person).get("/organizations/").status_code == 404


def test_the_back_office_shows_the_own_organization(
    person: User, stranger: User, agent: User, client_as: ClientAs
) -> None:
    client = client_as(person)

    listed = client.get("/admin/accounts/user/").content.decode()
    assert person.email in listed
    assert stranger.email not in listed
    assert client.get(f"/admin/accounts/user/{stranger.pk}/change/").status_code in {302, 404}
    assert client.get("/admin/accounts/plan/").status_code == 403
    assert client_as(agent).get("/admin/").status_code == 302


def test_the_back_office_never_shows_what_is_excluded(person: User, client_as: ClientAs) -> None:
    for user in (person, make.user(None, "super_admin")):
        page = client_as(user).get(f"/admin/accounts/user/{person.pk}/change/").content.decode()

        assert person.email in page
        assert person.password[:20] not in page
    registry = back_office.site._registry.items()
    hidden = {"password", "token_hash", "encrypted_value", "response_body"}
    shown = {
        f"{model._meta.label}.{name}"
        for model, page_of in registry
        for name in hidden & {field.name for field in model._meta.fields if field.editable}
        if name not in (page_of.exclude or ())
    }
    assert shown == set()


def test_changes_in_the_back_office_are_audited(person: User, agent: User, client_as: ClientAs) -> None:
    body = {"full_name": "Novo Nome", "phone": "", "language": "", "timezone": "", "max_conversations": ""}

    answer = client_as(person).post(f"/admin/accounts/user/{agent.pk}/change/", {**body, "role": "org_admin"})

    assert answer.status_code == 302
    agent.refresh_from_db()
    assert (agent.full_name, agent.role) == ("Novo Nome", "agent")
    with tenancy.organization_context(person.organization_id or ""):
        assert list(AuditEntry.objects.values_list("action", flat=True)) == ["user.changed"]


def test_operators_open_every_page_of_the_back_office(
    organization: Organization, person: User, client_as: ClientAs, settings: Any
) -> None:
    client = client_as(make.user(None, "super_admin"))

    for model in back_office.site._registry:
        path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        assert client.get(path).status_code == 200, path
        assert client.get(f"{path}?q=x").status_code == 200, path
