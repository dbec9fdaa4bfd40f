"""The provider's POST: check the size, the signature, store the bytes, answer. The hottest path there is.

Nothing is parsed here but the numbers' ids, which a regular expression finds. One INSERT, one nudge. What
the bytes mean is read by workers (`conversations.inbound`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from django.conf import settings
from django.db import OperationalError, connection

from conversations import numbers
from conversations.numbers import Receiver
from pytake.infra import metrics
from pytake.infra.nudge import nudge_sparsely

_PHONE_ID: Final = re.compile(rb'"phone_number_id"\s*:\s*"(\d{1,32})"')
_SIGNATURE: Final = re.compile(r"sha256=([0-9a-fA-F]{64})")
_NUDGE_EVERY_S: Final = 0.025
# Anybody may post, so what a forged body costs is bounded: how many numbers are looked up (the provider sends at most
# 1,000 updates at once), and how much is hashed when every secret of ours is tried.
_NAMED_MAX: Final = 1000
_HASHED_MAX_BYTES: Final = 64 * 1024 * 1024

_INSERT: Final = """
INSERT INTO conversations_webhookevent
    (organization_id, number_id, provider, raw_body, headers, verified_number_ids, received_at, state, attempts, error)
VALUES (%s, %s, 'cloud_api', %s, %s::jsonb, %s::jsonb, %s, 'new', 0, '')
"""


class RefusedError(Exception):
    """The delivery is not accepted; `status` is the HTTP answer, `code` the reason."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


def check_head(signature: str, length: str) -> bytes:
    """Return the digest that the header claims, before the body is read. Raises RefusedError."""
    match = _SIGNATURE.fullmatch(signature)
    if match is None:
        raise RefusedError(401, "WEBHOOK_INVALID_SIGNATURE")
    if not length.isdecimal():
        raise RefusedError(411, "VALIDATION_ERROR")
    if int(length) > settings.WEBHOOK_MAX_BYTES:
        raise RefusedError(413, "PAYLOAD_TOO_LARGE")
    return bytes.fromhex(match.group(1))


def accept(raw: bytes, *, digest: bytes, agent: str, now: datetime) -> None:
    """Store a genuine delivery; raises RefusedError when no secret of the numbers named fits."""
    verified = _verified(raw, digest)
    if not verified:
        raise RefusedError(401, "WEBHOOK_INVALID_SIGNATURE")
    owners = {receiver.organization_id for receiver in verified}
    if len(owners) == 1 or not numbers.receivers(_ids(raw)):
        _store(_row(verified, raw, {"user-agent": agent}, now))
    else:
        _store_shared(verified, raw, agent, now)
    metrics.WEBHOOKS.labels("stored").inc()
    nudge_sparsely("conversations.process_webhooks", every_s=_NUDGE_EVERY_S)


def _row(verified: Sequence[Receiver], raw: bytes, headers: dict[str, Any], now: datetime) -> list[Any]:
    """Return the values of a delivery. The first number owns it; items of numbers not listed are set aside later."""
    ids = json.dumps([str(receiver.id) for receiver in verified])
    return [verified[0].organization_id, verified[0].id, raw, json.dumps(headers), ids, now]


def _store_shared(verified: Sequence[Receiver], raw: bytes, agent: str, now: datetime) -> None:
    """Store a delivery for several organizations (numbers of one app) once for each of them."""
    known = numbers.receivers(_ids(raw))
    for owner in dict.fromkeys(receiver.organization_id for receiver in verified):
        own = [receiver for receiver in verified if receiver.organization_id == owner]
        others = {receiver.id for receiver in verified if receiver.organization_id != owner}
        headers = {
            "user-agent": agent,
            "first": owner == verified[0].organization_id,
            "elsewhere": [key for key, receiver in known.items() if receiver.id in others],
        }
        _store(_row(own, raw, headers, now))


def _ids(raw: bytes) -> list[str]:
    """Return the numbers' ids in the order in which the body names them."""
    return list(islice(dict.fromkeys(match.decode() for match in _PHONE_ID.findall(raw)), _NAMED_MAX))


def _verified(raw: bytes, digest: bytes) -> list[Receiver]:
    """Return the numbers whose secret made the signature, in the order in which the body names them."""
    ids = _ids(raw)
    known = numbers.receivers(ids) if ids else {}
    candidates: Iterable[Receiver] = [known[key] for key in ids if key in known]
    if not known:
        # No number of ours is named (account events, rubbish): any of our app secrets may have signed it.
        candidates = _affordable(numbers.all_receivers(), len(raw))
    tried: dict[bytes, bool] = {}
    for receiver in candidates:
        for secret in receiver.app_secrets:
            if secret not in tried:
                made = hmac.new(secret, raw, hashlib.sha256).digest()
                tried[secret] = hmac.compare_digest(made, digest)
    return [receiver for receiver in candidates if any(tried.get(secret) for secret in receiver.app_secrets)]


def _affordable(receivers: Sequence[Receiver], length: int) -> Sequence[Receiver]:
    """Return the receivers, or none when hashing the body with all of their secrets would take too long."""
    secrets = {secret for receiver in receivers for secret in receiver.app_secrets}
    return receivers if len(secrets) * length <= _HASHED_MAX_BYTES else ()


def _store(values: list[Any]) -> None:
    """Insert, once more if the connection turns out to be dead.

    Asking beforehand whether it lives would cost a round trip a post. Should a row be written twice because
    only the answer was lost, its items are recognised as repeats.
    """
    connection.health_check_done = True  # type: ignore[attr-defined]  # not in the stubs
    try:
        _insert(values)
    except OperationalError:
        if connection.in_atomic_block:
            raise
        connection.close()
        _insert(values)


def _insert(values: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, values)


def handshake(mode: str | None, token: str | None, challenge: str | None) -> str:
    """Return the challenge when the token is one of ours. Raises RefusedError."""
    if mode != "subscribe" or token is None or challenge is None:
        raise RefusedError(400, "WEBHOOK_INVALID_MODE")
    known = [*numbers.verify_tokens(), *([settings.WEBHOOK_VERIFY_TOKEN] if settings.WEBHOOK_VERIFY_TOKEN else [])]
    # Compare with all of them, so that the time taken tells nothing.
    matches = [hmac.compare_digest(token.encode(), candidate.encode()) for candidate in known]
    if not any(matches):
        raise RefusedError(403, "WEBHOOK_INVALID_TOKEN")
    return challenge
