"""Sessions of API clients: an access token and a rotating refresh token; and ending all of a person's.

A refresh token is used once. Using a replaced one means that somebody else has a copy: the whole
family is revoked, which also ends its access tokens, and the person is told.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils.translation import gettext as _

from pytake.accounts import access_tokens, audit
from pytake.accounts.authentication import hash_token, may_sign_in
from pytake.accounts.models import ApiToken, RefreshToken, User
from pytake.core.errors import DomainError
from pytake.infra import tenancy
from pytake.infra.client import agent_of, ip_of
from pytake.infra.ids import new_id

_ROTATED: Final = "rotated"


class RefreshRefusedError(DomainError):
    """The refresh token is unknown, expired, revoked or was used before."""

    code = "AUTH_INVALID_TOKEN"
    status = 401
    kind = "authentication"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What a client receives."""

    access_token: str
    refresh_token: str
    expires_in: int


def begin(user: User, *, request: Any, now: datetime) -> Pair:
    """Start a session."""
    return _issue(user, family_id=new_id(), request=request, now=now)[0]


def rotate(token: str, *, request: Any, now: datetime) -> Pair:
    """Exchange a refresh token for a new pair; raises RefreshRefusedError."""
    with transaction.atomic():
        row = RefreshToken.objects.select_for_update().filter(token_hash=hash_token(token)).first()
        if row is not None and row.revoked_at is None and row.expires_at > now:
            user = User.objects.select_related("organization").get(pk=row.user_id)
            if may_sign_in(user):
                pair, successor = _issue(user, family_id=row.family_id, request=request, now=now)
                _revoke_one(row, successor, now=now)
                return pair
        elif row is not None and row.revoke_reason == _ROTATED:
            _revoke_stolen(row, request=request, now=now)
    # Raised outside of the transaction, so that the revocation stays.
    raise RefreshRefusedError(_("The refresh token is not valid."))


def end(token: str, *, now: datetime) -> None:
    """Sign out: revoke the family of a refresh token. Unknown tokens are none to revoke."""
    row = RefreshToken.objects.filter(token_hash=hash_token(token)).first()
    if row is not None:
        end_family(row.family_id, reason="signed_out", now=now)


def end_family(family_id: uuid.UUID, *, reason: str, now: datetime) -> int:
    """End one session; returns how many tokens were alive."""
    alive = RefreshToken.objects.filter(family_id=family_id, revoked_at__isnull=True)
    return alive.update(revoked_at=now, revoke_reason=reason)


def end_all(user: User, *, reason: str, now: datetime) -> None:
    """End every API session of a person.

    Browser sessions end by themselves: with a new password, and for people who may not sign in.
    """
    alive = RefreshToken.objects.filter(user=user, revoked_at__isnull=True)
    alive.update(revoked_at=now, revoke_reason=reason)


def revoke_api_tokens(user: User, *, now: datetime) -> None:
    """Revoke the integration tokens that a person made."""
    if user.organization_id is not None:
        with tenancy.organization_context(user.organization_id):
            ApiToken.objects.filter(created_by=user, revoked_at__isnull=True).update(revoked_at=now)


def _issue(user: User, *, family_id: uuid.UUID, request: Any, now: datetime) -> tuple[Pair, RefreshToken]:
    token = secrets.token_urlsafe(48)
    row = RefreshToken.objects.create(
        user=user,
        family_id=family_id,
        token_hash=hash_token(token),
        expires_at=now + settings.JWT_REFRESH_LIFETIME,
        user_agent=agent_of(request),
        ip=ip_of(request),
    )
    pair = Pair(
        access_token=access_tokens.issue(user, session_id=family_id, now=now),
        refresh_token=token,
        expires_in=int(settings.JWT_ACCESS_LIFETIME.total_seconds()),
    )
    return pair, row


def _revoke_one(row: RefreshToken, successor: RefreshToken, *, now: datetime) -> None:
    row.revoked_at, row.revoke_reason, row.replaced_by = now, _ROTATED, successor
    row.save(update_fields=["revoked_at", "revoke_reason", "replaced_by", "updated_at"])


def _revoke_stolen(row: RefreshToken, *, request: Any, now: datetime) -> None:
    if not end_family(row.family_id, reason="reuse_detected", now=now):
        return
    user = User.objects.get(pk=row.user_id)
    audit.record(action="session.reuse_detected", entity=user, by=None, request=request, now=now)
    transaction.on_commit(lambda: _tell(user), robust=True)


def _tell(user: User) -> None:
    send_mail(
        _("We ended one of your sessions"),
        _(
            "A sign-in key of yours was used twice, which can mean that somebody copied it. "
            "We ended that session. If it was not you, change your password."
        ),
        settings.DEFAULT_FROM_EMAIL,
        [user.email],
    )
