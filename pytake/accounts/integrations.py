"""Tokens for integrations: made, shown once, revoked."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from pytake.accounts import audit, permissions
from pytake.accounts.authentication import API_TOKEN_MARK, hash_token
from pytake.accounts.models import ApiToken, User
from pytake.core.errors import DomainError, NotAllowedError


def create(
    *, by: User, name: str, scopes: list[str], expires_at: datetime | None, now: datetime, request: Any = None
) -> tuple[ApiToken, str]:
    """Return a new token's row and its secret form, which is not kept."""
    if by.organization_id is None:
        raise NotAllowedError(_("A token acts for a member of the organization; sign in as one."))
    unknown = [scope for scope in scopes if scope not in permissions.CATALOGUE]
    if unknown:
        raise DomainError(_("There are no such permissions."), fields={"scopes": list(unknown)})
    if not all(by.can(scope) for scope in scopes):
        raise NotAllowedError(_("A token cannot do more than you may do yourself."))
    prefix = secrets.token_hex(6)
    token = f"{API_TOKEN_MARK}{prefix}_{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        row = ApiToken.objects.create(
            organization_id=by.organization_id,
            name=name,
            prefix=prefix,
            token_hash=hash_token(token),
            scopes=sorted(set(scopes)),
            created_by=by,
            expires_at=expires_at,
        )
        audit.record(
            action="api_token.created", entity=row, by=by, changes={"scopes": row.scopes}, request=request, now=now
        )
    return row, token


def revoke(row: ApiToken, *, by: User, now: datetime, request: Any = None) -> None:
    """Make a token worthless; the row stays as a record."""
    with transaction.atomic():
        ApiToken.objects.filter(pk=row.pk, revoked_at__isnull=True).update(revoked_at=now)
        audit.record(action="api_token.revoked", entity=row, by=by, request=request, now=now)
