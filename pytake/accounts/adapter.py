"""How django-allauth behaves here: no public sign-up; people are invited or register an organization."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from pytake.accounts import audit, mail, people, rates
from pytake.accounts.authentication import may_sign_in
from pytake.accounts.models import User
from pytake.infra import crypto
from pytake.infra.client import ip_of


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Sign-in by e-mail and password only."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Members are created by administrators; organizations register through the API."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Trust our own proxies only."""
        return ip_of(request) or ""

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        """Refuse people whose organization is switched off."""
        if not may_sign_in(user):
            messages.error(request, _("This account cannot sign in. Speak to your administrator."))
            raise ImmediateHttpResponse(redirect("account_login"))
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return response

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        """Write down the sign-in."""
        User.objects.filter(pk=user.pk).update(last_login_ip=ip_of(request))
        audit.record(action="user.signed_in", entity=user, by=user, request=request, now=timezone.now())
        response: HttpResponse = super().post_login(request, user, **kwargs)
        return response

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Limit attempts as the API does."""
        verdict = rates.count_sign_in(request, str(credentials.get("email", "")), now=timezone.now())
        if not verdict.allowed:
            raise self.validation_error("too_many_login_attempts")

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Write down the failure in the organization of the account that was tried."""
        record_failure(str(credentials.get("email", "")), request)

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        """Mail our own text, in the language of its reader."""
        mail.send_reset(email)

    def set_password(self, user: User, password: str) -> None:
        """Change the password and end what the old one opened."""
        people.change_password(user, password, now=timezone.now(), request=context.request)


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Keeps second-factor secrets encrypted."""

    def encrypt(self, text: str) -> str:
        """Return the envelope that is stored."""
        return crypto.encrypt(text, context="mfa")

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret."""
        return crypto.decrypt(encrypted_text, context="mfa")


def record_failure(email: str, request: Any) -> None:
    """Write down a failed sign-in, if the account exists."""
    user = User.objects.alive().filter(email__iexact=email).first() if email else None
    if user is not None:
        audit.record(action="user.sign_in_failed", entity=user, by=None, request=request, now=timezone.now())
