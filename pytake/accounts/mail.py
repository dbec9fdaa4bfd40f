"""Mail about accounts: choosing a password, confirming an address. Tokens are signed or derived, never stored."""

from __future__ import annotations

from typing import Final

from allauth.account.forms import default_token_generator
from allauth.account.utils import url_str_to_user_pk, user_pk_to_url_str
from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.urls import reverse
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from pytake.accounts.models import User
from pytake.infra.nudge import nudge

_VERIFY_SALT: Final = "pytake.verify-email"
_VERIFY_MAX_AGE_S: Final = 24 * 3600


def reset_token(user: User) -> str:
    """Return a token that lets its bearer choose a password once, within an hour."""
    return f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"


def user_of_reset_token(token: str) -> User | None:
    """Return whose password may be chosen."""
    uid, _separator, key = token.partition("-")
    try:
        user = User.objects.alive().filter(pk=url_str_to_user_pk(uid), is_active=True).first()
    except (ValueError, ValidationError):
        return None
    return user if user is not None and default_token_generator.check_token(user, key) else None


def ask_reset(email: str) -> None:
    """Have a reset link mailed if the account exists; neither answer nor timing tells the caller."""
    nudge("accounts.mail_reset", email=email)


def ask_invitation(user: User) -> None:
    """Have a new member told how to choose a password, after the commit."""
    nudge("accounts.mail_invitation", user_id=str(user.pk))


def send_reset(email: str) -> None:
    """Mail a reset link to a known account."""
    user = User.objects.alive().filter(email__iexact=email, is_active=True).first()
    if user is not None:
        text = _("Somebody asked for a new password for your PyTake account. Choose it within an hour:\n\n%(link)s")
        send(user, _("Choose a new password"), text, link=_reset_link(user))


def send_invitation(user: User) -> None:
    """Mail the link to choose the first password."""
    text = _("You have an account at PyTake. Choose your password within an hour:\n\n%(link)s")
    send(user, _("Welcome to PyTake"), text, link=_reset_link(user))


def verify_token(user: User) -> str:
    """Return a token that confirms the present e-mail address, for a day."""
    return signing.dumps([str(user.pk), user.email], salt=_VERIFY_SALT)


def user_of_verify_token(token: str) -> User | None:
    """Return whose present and unconfirmed address the token confirms."""
    try:
        key, email = signing.loads(token, salt=_VERIFY_SALT, max_age=_VERIFY_MAX_AGE_S)
    except (signing.BadSignature, ValueError):
        return None
    return User.objects.alive().filter(pk=key, email=email, email_verified_at__isnull=True).first()


def send_verification(user: User) -> None:
    """Mail the code that confirms the address."""
    text = _("Confirm your e-mail address with this code:\n\n%(token)s")
    send(user, _("Confirm your e-mail address"), text, token=verify_token(user))


def _reset_link(user: User) -> str:
    uid, _separator, key = reset_token(user).partition("-")
    return settings.SITE_URL + reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": key})


def language_of(user: User) -> str:
    """Return the person's language, else that of the organization."""
    organization = user.organization
    return user.language or (organization.language if organization else "") or settings.LANGUAGE_CODE


def send(user: User, subject: Promise, text: Promise, **values: str) -> None:
    """Mail a text in the person's language."""
    with translation.override(language_of(user)):
        send_mail(str(subject), str(text) % values, settings.DEFAULT_FROM_EMAIL, [user.email])
