"""Access tokens of the API: short-lived JWT, signed HS256, keys rotated by key id."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import jwt
from django.conf import settings

from pytake.accounts.models import User
from pytake.infra.ids import new_id

_ALGORITHM: Final = "HS256"
_ISSUER: Final = "pytake"
_TYPE: Final = "access"


class InvalidTokenError(Exception):
    """Not a token of ours."""


class ExpiredTokenError(Exception):
    """Was a token of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What an access token says. `session_id` is the family of its refresh tokens."""

    user_id: uuid.UUID
    session_id: uuid.UUID
    issued_at: datetime
    expires_at: datetime


def _keys() -> dict[str, bytes]:
    """Return the keys by id; the first signs. Derived, so that no two uses share key material."""
    material = [hashlib.sha256(b"pytake.jwt:" + key.encode()).digest() for key in settings.JWT_SIGNING_KEYS]
    return {hashlib.sha256(key).hexdigest()[:8]: key for key in material}


def issue(user: User, *, session_id: uuid.UUID, now: datetime) -> str:
    """Return a signed access token."""
    key_id, key = next(iter(_keys().items()))
    claims = {
        "iss": _ISSUER,
        "typ": _TYPE,
        "sub": str(user.pk),
        "org": str(user.organization_id or ""),
        "role": user.role,
        "sid": str(session_id),
        "jti": new_id().hex,
        "iat": int(now.timestamp()),
        "exp": int((now + settings.JWT_ACCESS_LIFETIME).timestamp()),
    }
    return jwt.encode(claims, key, algorithm=_ALGORITHM, headers={"kid": key_id})


def read(token: str, *, now: datetime) -> Claims:
    """Return the claims of a valid token; raises InvalidTokenError or ExpiredTokenError."""
    try:
        key = _keys()[str(jwt.get_unverified_header(token).get("kid"))]
        content = jwt.decode(
            token,
            key,
            algorithms=[_ALGORITHM],
            issuer=_ISSUER,
            options={"require": ["exp", "iat", "sub"], "verify_exp": False, "verify_iat": False},
        )
        if content.get("typ") != _TYPE:
            raise InvalidTokenError
        claims = Claims(
            user_id=uuid.UUID(content["sub"]),
            session_id=uuid.UUID(content["sid"]),
            issued_at=datetime.fromtimestamp(content["iat"], UTC),
            expires_at=datetime.fromtimestamp(content["exp"], UTC),
        )
    except (jwt.InvalidTokenError, KeyError, ValueError, TypeError) as exc:
        raise InvalidTokenError from exc
    if claims.expires_at <= now:
        raise ExpiredTokenError
    return claims
