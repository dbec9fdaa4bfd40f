"""Who opens a socket: the page's session (with a known Origin), a ticket, or an access token.

The organization is taken from the person, never from the client. Refusals have a code and are counted.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import redis
from django.conf import settings
from django.contrib.auth import get_user
from django.http.request import validate_host
from rest_framework.exceptions import AuthenticationFailed

from notifications import registry
from notifications.frames import POLICY, TRY_LATER
from notifications.tickets import Credential, redeem
from pytake.accounts.access_tokens import Claims
from pytake.accounts.authentication import may_sign_in, user_of_token
from pytake.accounts.middleware import ACTING_ORGANIZATION
from pytake.accounts.models import ApiToken, User
from pytake.infra import limits, tenancy
from pytake.infra.client import ip_of

# Of an address without good credentials, and of a person.
REFUSALS_PER_MINUTE: Final = 20
ATTEMPTS_PER_MINUTE: Final = 60
SUBPROTOCOL: Final = "bearer"


class RefusedError(Exception):
    """The socket may not be opened. `code` is stable; `close` is the WebSocket close code."""

    def __init__(self, code: str, *, close: int = POLICY, retry_after_s: int | None = None) -> None:
        super().__init__(code)
        self.code, self.close, self.retry_after_s = code, close, retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """An opened socket's person and credential. `socket_id` is registered as one of the person's sockets."""

    socket_id: uuid.UUID
    user: User
    credential: Credential
    subprotocol: str | None


def admit(scope: dict[str, Any], *, socket_id: uuid.UUID, now: datetime) -> Admission:
    """Return the admission; raises RefusedError."""
    try:
        user, credential = _identify(scope, now=now)
    except RefusedError:
        # Counted by address only when refused: every page of an office behind one address opens a socket.
        _count(f"sockets:ip:{address_of(scope)}", REFUSALS_PER_MINUTE, now=now)
        raise
    _count(f"sockets:user:{user.pk}", ATTEMPTS_PER_MINUTE, now=now)
    if not registry.enter(user.pk, socket_id, now=now):
        raise RefusedError("TOO_MANY_SOCKETS", close=TRY_LATER, retry_after_s=registry.FORGOTTEN_AFTER_S)
    offered = scope.get("subprotocols") or []
    return Admission(
        socket_id=socket_id,
        user=user,
        credential=credential,
        subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None,
    )


def _count(key: str, limit: int, *, now: datetime) -> None:
    verdict = limits.sliding_window(key, limit=limit, period_s=60, now=now, on_failure="local")
    if not verdict.allowed:
        raise RefusedError("RATE_LIMITED", close=TRY_LATER, retry_after_s=verdict.retry_after_s)


def address_of(scope: dict[str, Any]) -> str:
    """Return the client's address as our proxies vouch for it."""
    peer = (scope.get("client") or ("",))[0]
    meta = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": _header(scope, b"x-forwarded-for")}
    return ip_of(SimpleNamespace(META=meta)) or "unknown"


def of_token(token: str, *, now: datetime) -> tuple[User, Credential]:
    """Return whom a bearer token stands for; raises RefusedError. Refresh tokens stand for nobody."""
    try:
        user, found = user_of_token(token, now=now)
    except AuthenticationFailed as exc:
        raise RefusedError("AUTH_EXPIRED" if exc.get_codes() == "AUTH_EXPIRED" else "AUTH_INVALID") from exc
    if user.organization_id is None:
        raise RefusedError("AUTH_FORBIDDEN")
    return user, credential_of(user, user.organization_id, found)


def credential_of(user: User, organization_id: uuid.UUID, found: Any, session_key: str | None = None) -> Credential:
    """Return the credential of a request: `found` is what API authentication gave (None for a page's session)."""
    return Credential(
        user_id=user.pk,
        organization_id=organization_id,
        session_key=session_key if found is None else None,
        family_id=found.session_id if isinstance(found, Claims) else None,
        api_token_id=found.pk if isinstance(found, ApiToken) else None,
        expires_at=found.expires_at if isinstance(found, Claims | ApiToken) else None,
    )


def _identify(scope: dict[str, Any], *, now: datetime) -> tuple[User, Credential]:
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    session_problem = "AUTH_MISSING"
    try:
        return _of_session(scope)
    except RefusedError as refusal:
        session_problem = refusal.code
    if "ticket" in query:
        return _of_ticket(query["ticket"][0])
    offered: list[str] = scope.get("subprotocols") or []
    if SUBPROTOCOL in offered:
        given = [item for item in offered if item != SUBPROTOCOL]
        return of_token(given[0] if given else "", now=now)
    if "token" in query:
        return of_token(query["token"][0], now=now)
    raise RefusedError(session_problem)


def _of_session(scope: dict[str, Any]) -> tuple[User, Credential]:
    try:
        morsel = SimpleCookie(_header(scope, b"cookie")).get(settings.SESSION_COOKIE_NAME)
    except CookieError as exc:
        raise RefusedError("AUTH_INVALID") from exc
    if morsel is None or not morsel.value:
        raise RefusedError("AUTH_MISSING")
    # Browsers send cookies along with whatever page opens the socket: only ours may.
    if not _is_ours(_header(scope, b"origin"), scope):
        raise RefusedError("AUTH_FORBIDDEN")
    session = import_module(settings.SESSION_ENGINE).SessionStore(morsel.value)
    user: Any = get_user(SimpleNamespace(session=session))  # type: ignore[arg-type]  # it reads the session only
    if not isinstance(user, User) or not may_sign_in(user):
        raise RefusedError("AUTH_INVALID")
    chosen = session.get(ACTING_ORGANIZATION) if user.is_super_admin else user.organization_id
    if not chosen:
        raise RefusedError("AUTH_FORBIDDEN")
    return user, credential_of(user, uuid.UUID(str(chosen)), None, session.session_key)


def _of_ticket(name: str) -> tuple[User, Credential]:
    try:
        credential = redeem(name)
    except redis.RedisError as exc:
        raise RefusedError("UNAVAILABLE", close=TRY_LATER, retry_after_s=5) from exc
    if credential is None:
        raise RefusedError("AUTH_EXPIRED")
    user = User.objects.alive().select_related("organization").filter(pk=credential.user_id).first()
    if user is None or not may_sign_in(user):
        raise RefusedError("AUTH_INVALID")
    if credential.api_token_id is not None:
        with tenancy.organization_context(credential.organization_id):
            user.limited_to = frozenset(ApiToken.objects.get(pk=credential.api_token_id).scopes)
    return user, credential


def _is_ours(origin: str, scope: dict[str, Any]) -> bool:
    """Return whether a page of this installation opens the socket."""
    if origin in {_origin_of(settings.SITE_URL), *settings.CSRF_TRUSTED_ORIGINS}:
        return True
    parts = urlsplit(origin)
    host = _header(scope, b"host")
    return (
        parts.scheme in {"http", "https"}
        and bool(host)
        and parts.netloc == host
        and validate_host(parts.hostname or "", settings.ALLOWED_HOSTS)
    )


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _header(scope: dict[str, Any], name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope.get("headers", []) if key == name), "")
