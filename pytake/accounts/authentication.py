"""How API requests prove who they are: bearer tokens (JWT or API token), or the pages' session with CSRF.

Whoever is found also fixes the organization context of the request; platform operators choose one
with `X-Organization-Id`, which is audited.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from pytake.accounts import access_tokens, audit, locales
from pytake.accounts.models import ApiToken, Organization, RefreshToken, User
from pytake.infra import tenancy
from pytake.infra.client import ip_of

API_TOKEN_MARK: Final = "pt_"  # noqa: S105  # a mark, not a secret
ORGANIZATION_HEADER: Final = "X-Organization-Id"
# `last_used_at` is for people; one write a minute is enough.
_USE_NOTED_EVERY: Final = timedelta(minutes=1)


class BearerAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer <access token or API token>`."""

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, so that refusals are 401."""
        return 'Bearer realm="api"'

    def authenticate(self, request: Request) -> tuple[User, Any] | None:
        """Return the caller; None when the header is absent."""
        header = authentication.get_authorization_header(request).split()
        if not header or header[0].lower() != b"bearer":
            return None
        if len(header) != 2:
            raise _refused()
        try:
            token = header[1].decode("ascii")
        except UnicodeDecodeError as exc:
            raise _refused() from exc
        now = timezone.now()
        user, credential = user_of_token(token, now=now, ip=ip_of(request))
        enter_organization(request, user)
        return user, credential


class SessionAuthentication(authentication.SessionAuthentication):
    """The pages' cookie; unsafe methods need the CSRF token. The middleware has entered the organization."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """Return the signed-in person."""
        found = super().authenticate(request)
        if found is None:
            return None
        user: User = found[0]
        if not may_sign_in(user):
            raise _refused()
        if request.headers.get(ORGANIZATION_HEADER):
            enter_organization(request, user)
        return user, None


def user_of_token(token: str, *, now: datetime, ip: str | None = None) -> tuple[User, Any]:
    """Return whom a bearer token stands for; raises AuthenticationFailed. Sockets use it, too."""
    if token.startswith(API_TOKEN_MARK):
        return _user_of_api_token(token, now=now, ip=ip)
    return _user_of_access_token(token, now=now)


def may_sign_in(user: User) -> bool:
    """Return whether neither the person nor the organization is switched off or deleted."""
    if not user.is_active or user.deleted_at is not None:
        return False
    organization = user.organization
    return organization is None or (organization.is_active and organization.deleted_at is None)


def enter_organization(request: Any, user: User) -> None:
    """Fix the organization context, the language and the zone of the request."""
    if user.is_super_admin:
        _enter_chosen(request, user)
    else:
        assert user.organization_id is not None, "a database constraint says so"
        tenancy.activate(user.organization_id)
    structlog.contextvars.bind_contextvars(
        user_id=str(user.pk), organization_id=str(tenancy.current_organization_id() or "")
    )
    locales.activate_for(user, request)


def hash_token(token: str) -> str:
    """Return what is stored of a random token (long enough to need no salt)."""
    return hashlib.sha256(token.encode()).hexdigest()


def _enter_chosen(request: Any, user: User) -> None:
    chosen = request.headers.get(ORGANIZATION_HEADER)
    if not chosen:
        tenancy.activate_platform()
        return
    try:
        organization = Organization.objects.alive().get(pk=uuid.UUID(chosen))
    except (ValueError, Organization.DoesNotExist) as exc:
        raise exceptions.NotFound(_("There is no such organization.")) from exc
    tenancy.activate(organization.pk)
    audit.record(
        action="organization.acted_on",
        entity=organization,
        by=user,
        changes={"method": request.method, "path": request.path},
        request=getattr(request, "_request", request),
    )


def _user_of_access_token(token: str, *, now: datetime) -> tuple[User, access_tokens.Claims]:
    try:
        claims = access_tokens.read(token, now=now)
    except access_tokens.ExpiredTokenError as exc:
        raise exceptions.AuthenticationFailed(_("The access token has expired."), code="AUTH_EXPIRED") from exc
    except access_tokens.InvalidTokenError as exc:
        raise _refused() from exc
    alive = RefreshToken.objects.filter(
        user=OuterRef("pk"), family_id=claims.session_id, revoked_at__isnull=True, expires_at__gt=now
    )
    user = User.objects.alive().select_related("organization").filter(Exists(alive), pk=claims.user_id).first()
    if user is None or not may_sign_in(user):
        raise _refused()
    return user, claims


def _user_of_api_token(token: str, *, now: datetime, ip: str | None) -> tuple[User, ApiToken]:
    prefix, _separator, _secret = token.removeprefix(API_TOKEN_MARK).partition("_")
    with tenancy.platform_scope("an API token tells its organization only when it is found"):
        row = (
            ApiToken.objects.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now), revoked_at__isnull=True)
            .filter(prefix=prefix)
            .select_related("created_by__organization")
            .first()
        )
    if row is None or not hmac.compare_digest(row.token_hash, hash_token(token)):
        raise _refused()
    user = row.created_by
    if not may_sign_in(user) or user.organization_id != row.organization_id:
        raise _refused()
    user.limited_to = frozenset(row.scopes)
    if row.last_used_at is None or now - row.last_used_at > _USE_NOTED_EVERY:
        with tenancy.organization_context(row.organization_id):
            ApiToken.objects.filter(pk=row.pk).update(last_used_at=now, last_used_ip=ip)
    return user, row


def _refused() -> exceptions.AuthenticationFailed:
    return exceptions.AuthenticationFailed(_("The token is not valid."), code="AUTH_INVALID_TOKEN")
