"""What keeps people out who know half of a secret: second factors everywhere, links that age, guesses counted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.account.forms import default_token_generator
from allauth.mfa.totp.internal.auth import TOTP
from django.core import mail as outbox
from django.test import Client, RequestFactory
from django.utils import timezone

from pytake.accounts import mail, sessions
from pytake.accounts.models import Organization, RefreshToken, User
from tests import make

PASSWORD = "Segura-2026"


@pytest.fixture
def person(organization: Organization) -> User:
    user = make.user(organization, "org_admin", email="ana@example.com")
    user.set_password(PASSWORD)
    user.save()
    return user


def _api_session(user: User) -> None:
    sessions.begin(user, request=RequestFactory().get("/"), now=timezone.now())


def test_the_back_office_has_no_way_in_of_its_own(person: User) -> None:
    TOTP.activate(person, "JBSWY3DPEHPK3PXP")
    client = Client()

    client.post("/admin/login/", {"username": person.email, "password": PASSWORD})
    assert client.get("/profile/").status_code == 302
    answer = client.get("/admin/", follow=True)
    assert answer.request["PATH_INFO"] == "/accounts/login/"


def test_codes_of_the_second_factor_cannot_be_guessed_for_ever(person: User) -> None:
    TOTP.activate(person, "JBSWY3DPEHPK3PXP")
    client = Client()
    client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})

    pages = [client.post("/accounts/2fa/authenticate/", {"code": "000000"}) for _ in range(6)]

    errors = {str(page.context["form"].errors["code"]) for page in pages}
    assert len(errors) == 2


def test_passwords_cannot_be_guessed_in_an_open_session(person: User) -> None:
    client = Client()
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")

    answers = [client.post("/accounts/reauthenticate/", {"password": f"Errada-{n}"}).status_code for n in range(12)]

    assert answers[-1] in {403, 429}


def test_reset_links_work_for_an_hour(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    token = mail.reset_token(person)
    assert mail.user_of_reset_token(token) == person

    later = default_token_generator._now() + timedelta(minutes=61)
    monkeypatch.setattr(default_token_generator, "_now", lambda: later)

    assert mail.user_of_reset_token(token) is None


def test_nobody_fills_a_mailbox_with_reset_links(person: User) -> None:
    for _ in range(8):
        Client().post("/accounts/password/reset/", {"email": person.email})

    assert 1 <= len(outbox.outbox) <= 5


def test_a_password_chosen_on_a_page_ends_the_sessions_of_api_clients(person: User) -> None:
    _api_session(person)
    client = Client()
    client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})

    client.post(
        "/accounts/password/change/", {"oldpassword": PASSWORD, "password1": "Outra-2026", "password2": "Outra-2026"}
    )

    person.refresh_from_db()
    assert person.check_password("Outra-2026")
    assert not RefreshToken.objects.filter(user=person, revoked_at__isnull=True).exists()


def test_a_password_chosen_by_link_ends_the_sessions_of_api_clients(person: User) -> None:
    _api_session(person)
    client = Client()
    client.post("/accounts/password/reset/", {"email": person.email})
    link = next(word for word in outbox.outbox[0].body.split() if "/key/" in word).partition("//")[2].partition("/")[2]

    form = client.get(f"/{link}", follow=True)
    client.post(form.request["PATH_INFO"], {"password1": "Outra-2026", "password2": "Outra-2026"})

    person.refresh_from_db()
    assert person.check_password("Outra-2026")
    assert not RefreshToken.objects.filter(user=person, revoked_at__isnull=True).exists()
