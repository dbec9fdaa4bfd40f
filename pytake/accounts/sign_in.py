"""Sign-in of API clients: the same lockout as the page, the same answer whatever is wrong."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.utils.translation import gettext_lazy as _

from pytake.accounts import audit, rates
from pytake.accounts.adapter import record_failure
from pytake.accounts.authentication import may_sign_in
from pytake.accounts.models import User
from pytake.core.errors import DomainError
from pytake.infra.client import ip_of


class SignInRefusedError(DomainError):
    """E-mail, password or code is wrong, or the account is switched off: which one is not said."""

    code = "AUTH_INVALID_CREDENTIALS"
    status = 401
    kind = "authentication"


class LockedError(DomainError):
    """Too many failures."""

    code = "AUTH_LOCKED"
    status = 403
    kind = "permission"


def sign_in(email: str, password: str, *, code: str, request: Any, now: datetime) -> User:
    """Return the person, or raise SignInRefusedError or LockedError. `request` is Django's."""
    verdict = rates.count_sign_in(request, email, now=now)
    request.rate_verdict = verdict
    if not verdict.allowed:
        raise rates.too_many(verdict)
    credentials = {"email": email.strip().lower(), "password": password}
    user = authenticate(request, **credentials)
    if user is None or not may_sign_in(user):
        if getattr(request, "axes_locked_out", False):
            raise LockedError(_("Too many failed attempts. Try again in half an hour."))
        record_failure(email, request)
        raise SignInRefusedError(_("E-mail or password is not right."))
    _check_second_factor(user, code, request)
    User.objects.filter(pk=user.pk).update(last_login_ip=ip_of(request))
    user_logged_in.send(sender=User, request=request, user=user)
    audit.record(action="user.signed_in", entity=user, by=user, request=request, now=now)
    return user


def _check_second_factor(user: User, code: str, request: Any) -> None:
    factors = {
        Authenticator.Type.TOTP: TOTP,
        Authenticator.Type.RECOVERY_CODES: RecoveryCodes,
    }
    own = list(Authenticator.objects.filter(user=user, type__in=factors))
    if not own:
        return
    if not code:
        raise SignInRefusedError(_("Give the code of your authenticator app."), code="AUTH_OTP_REQUIRED")
    if not any(factors[factor.type](factor).validate_code(code) for factor in own):
        AxesProxyHandler.user_login_failed(sender=User, credentials={"email": user.email}, request=request)
        record_failure(user.email, request)
        raise SignInRefusedError(_("The code is not right."), code="AUTH_OTP_REQUIRED")
