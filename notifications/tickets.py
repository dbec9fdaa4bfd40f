"""With what a socket was opened, and single-use tickets that carry it from a page to a socket elsewhere."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson

from pytake.infra import redis_client

LIFETIME_S: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """Who, for which organization, and what must stay valid: a browser session, an API session, an API token."""

    user_id: uuid.UUID
    organization_id: uuid.UUID
    session_key: str | None = None
    family_id: uuid.UUID | None = None
    api_token_id: uuid.UUID | None = None
    # Of access tokens only; the others are asked about while the socket is open.
    expires_at: datetime | None = None


def issue(credential: Credential) -> str:
    """Keep the credential for 30 s and return the ticket's name. Raises redis.RedisError."""
    name = secrets.token_urlsafe(32)
    redis_client.client().set(redis_client.key("ticket", name), orjson.dumps(credential), ex=LIFETIME_S)
    return name


def redeem(name: str) -> Credential | None:
    """Return the credential and forget the ticket; None when unknown, used or expired. Raises redis.RedisError."""
    kept = redis_client.client().getdel(redis_client.key("ticket", name[:64]))
    if not isinstance(kept, bytes):
        return None
    content = orjson.loads(kept)
    return Credential(
        user_id=uuid.UUID(content["user_id"]),
        organization_id=uuid.UUID(content["organization_id"]),
        session_key=content["session_key"],
        family_id=_key(content["family_id"]),
        api_token_id=_key(content["api_token_id"]),
        expires_at=datetime.fromisoformat(content["expires_at"]) if content["expires_at"] else None,
    )


def _key(text: str | None) -> uuid.UUID | None:
    return uuid.UUID(text) if text else None
