"""The server's POST: check its token, store the bytes, answer. What they mean is read by workers."""

from __future__ import annotations

import json
import time
import uuid
from datetime import datetime
from typing import Any, Final, NamedTuple

import jwt
import structlog
from django.conf import settings
from django.db import connection

from conversations import numbers, webhooks
from conversations.webhooks import RefusedError
from pytake.infra import crypto, metrics, tenancy
from pytake.infra.nudge import nudge_sparsely

log = structlog.get_logger(__name__)
CACHE_S: Final = 15.0
_NUDGE_EVERY_S: Final = 0.025
_LEEWAY_S: Final = 60
_INSERT: Final = """
INSERT INTO conversations_webhookevent
    (organization_id, number_id, provider, raw_body, headers, verified_number_ids, received_at, state, attempts, error)
VALUES (%s, %s, 'evolution', %s, %s::jsonb, %s::jsonb, %s, 'new', 0, '')
"""


class _Owner(NamedTuple):
    """Whose session it is, and the key that its token must be made with."""

    organization_id: uuid.UUID
    key: str


_known: dict[uuid.UUID, tuple[float, _Owner | None]] = {}


def accept(number_id: uuid.UUID, raw: bytes, *, authorization: str, agent: str, now: datetime) -> None:
    """Store a genuine event; raises RefusedError. A number that is not ours is refused like a wrong token."""
    owner = _owner(number_id)
    if owner is None or not _is_genuine(owner.key, authorization):
        raise RefusedError(401, "WEBHOOK_INVALID_SIGNATURE")
    values: list[Any] = [
        owner.organization_id,
        number_id,
        raw,
        json.dumps({"user-agent": agent}),
        json.dumps([str(number_id)]),
        now,
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, values)
    metrics.WEBHOOKS.labels("stored").inc()
    nudge_sparsely("conversations.process_webhooks", every_s=_NUDGE_EVERY_S)


def check_length(length: str) -> None:
    """Refuse what is too long before it is read."""
    if not length.isdecimal():
        raise webhooks.RefusedError(411, "VALIDATION_ERROR")
    if int(length) > settings.WEBHOOK_MAX_BYTES:
        raise webhooks.RefusedError(413, "PAYLOAD_TOO_LARGE")


def _is_genuine(key: str, authorization: str) -> bool:
    kind, _, token = authorization.partition(" ")
    if kind.lower() != "bearer":
        return False
    try:
        claims = jwt.decode(token, key, algorithms=["HS256"], leeway=_LEEWAY_S, options={"require": ["exp"]})
    except jwt.InvalidTokenError:
        return False
    return claims.get("app") == "evolution" and claims.get("action") == "webhook"


def _owner(number_id: uuid.UUID) -> _Owner | None:
    now = time.monotonic()
    found = _known.get(number_id)
    if found is None or found[0] < now:
        if len(_known) > 10_000:
            _known.clear()
        found = _known[number_id] = (now + CACHE_S, _load(number_id))
    return found[1]


def forget() -> None:
    """Drop what this process remembers (tests)."""
    _known.clear()


def _load(number_id: uuid.UUID) -> _Owner | None:
    with tenancy.platform_scope("find the number that a QR session posts to"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT organization_id, evolution_webhook_key_envelope FROM conversations_whatsappnumber "
            "WHERE id = %s AND connection_type = 'qrcode' AND is_active AND deleted_at IS NULL",
            [number_id],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    try:
        return _Owner(row[0], crypto.decrypt(row[1], context=numbers.context(row[0], "evolution_webhook_key")))
    except crypto.DecryptionError:
        log.error("qr.unreadable_webhook_key", number_id=str(number_id))  # noqa: TRY400  # the trace says nothing more
        return None
