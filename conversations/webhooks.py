"""The provider's POST: check the size, the signature, store the bytes, answer. The hottest path there is.

Nothing is parsed here but the numbers' ids, which a regular expression finds. What the bytes mean is read by
workers (`conversations.inbound`). Two entrances share these steps: the REST framework view (`conversations.api`),
one INSERT a post, and the ASGI receiver (`conversations.entrance`), one INSERT for many posts.
"""

from __future__ import annotations

import hmac
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, islice
from typing import Any, Final

import orjson
from django.conf import settings
from django.db import OperationalError, connection

from conversations import numbers
from conversations.numbers import Receiver
from pytake.infra import metrics
from pytake.infra.nudge import nudge_sparsely
from pytake.infra.tally import Tally

NUDGE_EVERY_S: Final = 0.025
RECEIVED: Final = b'{"status": "received"}'
_TASK: Final = "conversations.process_webhooks"
_DELAYED_EVERY_S: Final = 1.0
_PHONE_ID: Final = re.compile(rb'"phone_number_id"\s*:\s*"(\d{1,32})"')
# Notices about templates, numbers and accounts name only the business account, as the id of their entry.
_ACCOUNT_FIELD: Final = re.compile(
    rb'"field"\s*:\s*"(?:message_template_|template_category_|phone_number_|account_|business_capability_|security)'
)
_ENTRY_ID: Final = re.compile(rb'"id"\s*:\s*"(\d{5,32})"')
_SIGNATURE: Final = re.compile(r"sha256=([0-9a-fA-F]{64})")
# Anybody may post, so what a forged body costs is bounded: how many numbers are looked up (the provider sends at most
# 1,000 updates at once), and how much is hashed when every secret of ours is tried.
_NAMED_MAX: Final = 1000
_HASHED_MAX_BYTES: Final = 64 * 1024 * 1024
# What fits no secret is tried once more with secrets that are no older than this: they rotate, numbers are added.
_REREAD_AFTER_S: Final = 1.0
# Hashing so much takes less than handing it to another thread.
_QUICK_BYTES: Final = 64 * 1024
_KINDS: Final = {400: "validation", 408: "validation", 411: "validation", 413: "validation", 429: "limit"} | {
    503: "server"
}

# All rows travel as one JSON text, their bodies behind one another as they are: the price of a statement is paid once.
INSERT: Final = """
INSERT INTO conversations_webhookevent
    (organization_id, number_id, provider, raw_body, headers, verified_number_ids, received_at, state, attempts, error)
SELECT organization_id, number_id, 'cloud_api', substring(%b::bytea FROM start FOR length), headers,
    verified_number_ids, received_at, 'new', 0, ''
FROM json_to_recordset(%s::json) AS row (
    organization_id uuid, number_id uuid, start integer, length integer, headers jsonb, verified_number_ids jsonb,
    received_at timestamptz
)
"""

_by_address: Final = Tally("webhooks-of-address")
_by_number: Final = Tally("webhooks-of-number")


class RefusedError(Exception):
    """The delivery is not accepted; `status` is the HTTP answer, `code` the reason."""

    def __init__(self, status: int, code: str, *, retry_after_s: int = 0) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}


@dataclass(frozen=True, slots=True)
class Delivery:
    """A genuine POST as one organization gets it: a row to insert."""

    organization_id: uuid.UUID
    # The first number owns the row; items of numbers that are not listed are set aside later.
    number_id: uuid.UUID
    verified_number_ids: list[uuid.UUID]
    raw_body: bytes
    headers: dict[str, Any]
    received_at: datetime


def admit(address: str | None, *, now: datetime) -> None:
    """Count a post of an address. Raises RefusedError when it has posted too much in the last minute."""
    limit = settings.WEBHOOK_POSTS_PER_MINUTE
    wait_s = _by_address.admit(address or "", limit=limit, now=now) if limit else 0
    if wait_s:
        exc = RefusedError(429, "RATE_LIMITED", retry_after_s=wait_s)
        exc.headers |= {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(int(now.timestamp()) + wait_s),
        }
        raise exc


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
    rows = judge(raw, digest=digest, agent=agent, now=now)
    _store(insertion(rows))
    announce([rows])


def judge(raw: bytes, *, digest: bytes, agent: str, now: datetime) -> list[Delivery]:
    """Return the rows of a genuine delivery, one for each organization that it is for. Raises RefusedError."""
    ids = _ids(raw)
    known = numbers.receivers(ids) if ids else {}
    verified = _verified(raw, digest, _candidates(raw, ids, known))
    if not verified and ids:
        again = numbers.receivers(ids, max_age_s=_REREAD_AFTER_S)
        if again != known:
            known = again
            verified = _verified(raw, digest, _candidates(raw, ids, known))
    if not verified:
        raise RefusedError(401, "WEBHOOK_INVALID_SIGNATURE")
    return _deliveries(raw, verified, known, agent, now)


def judge_at_once(raw: bytes, *, digest: bytes, agent: str, now: datetime) -> list[Delivery] | None:
    """As `judge`, when that takes neither the database nor long hashing; None when it does, or nothing fits."""
    if len(raw) > _QUICK_BYTES or _names_accounts(raw):
        return None
    ids = _ids(raw)
    known = numbers.remembered(ids)
    if not known:
        return None
    verified = _verified(raw, digest, [known[key] for key in ids if key in known])
    return _deliveries(raw, verified, known, agent, now) if verified else None


def insertion(rows: Sequence[Delivery]) -> tuple[bytes, str]:
    """Return the values of INSERT for some rows."""
    ends = list(accumulate(len(row.raw_body) for row in rows))
    listed = [
        {
            "organization_id": row.organization_id,
            "number_id": row.number_id,
            "start": end - len(row.raw_body) + 1,
            "length": len(row.raw_body),
            "headers": row.headers,
            "verified_number_ids": row.verified_number_ids,
            "received_at": row.received_at,
        }
        for row, end in zip(rows, ends, strict=True)
    ]
    return b"".join(row.raw_body for row in rows), orjson.dumps(listed).decode()


def announce(posts: Sequence[Sequence[Delivery]]) -> None:
    """Count posts that are stored and nudge the workers; for what numbers get beyond their limit, later."""
    metrics.WEBHOOKS.labels("stored").inc(len(posts))
    limit = settings.WEBHOOK_POSTS_PER_MINUTE_OF_NUMBER
    over = [
        bool(limit and _by_number.admit(str(row.number_id), limit=limit, now=row.received_at))
        for rows in posts
        for row in rows
    ]
    if all(over):
        nudge_sparsely(_TASK, every_s=_DELAYED_EVERY_S, lane="delayed")
    else:
        nudge_sparsely(_TASK, every_s=NUDGE_EVERY_S)


def refusal(exc: RefusedError, *, request_id: str) -> dict[str, object]:
    """Count a refusal; return the body of its answer."""
    if exc.status == 503:
        metrics.WEBHOOKS.labels("not_stored").inc()
    else:
        metrics.WEBHOOKS.labels("bad_signature" if exc.code == "WEBHOOK_INVALID_SIGNATURE" else "refused").inc()
    error: dict[str, object] = {
        "code": exc.code,
        "message": exc.code,
        "type": _KINDS.get(exc.status, "authentication"),
        "details": {},
        "request_id": request_id,
    }
    return {"error": error}


def _deliveries(
    raw: bytes, verified: Sequence[Receiver], known: Mapping[str, Receiver], agent: str, now: datetime
) -> list[Delivery]:
    """Return one row, or one for each organization when the numbers of one app belong to several."""
    headers: dict[str, Any] = {"user-agent": agent.replace("\0", "")}
    owners = dict.fromkeys(receiver.organization_id for receiver in verified)
    if len(owners) == 1 or not (known or _of_accounts(raw)):
        return [_delivery(raw, verified, headers, now)]
    rows = []
    for owner in owners:
        own = [receiver for receiver in verified if receiver.organization_id == owner]
        others = {receiver.id for receiver in verified if receiver.organization_id != owner}
        accounts = {receiver.account_id for receiver in verified if receiver.id in others}
        accounts -= {"", *(receiver.account_id for receiver in own)}
        elsewhere = [*(key for key, receiver in known.items() if receiver.id in others), *sorted(accounts)]
        shared = {**headers, "first": owner == verified[0].organization_id, "elsewhere": elsewhere}
        rows.append(_delivery(raw, own, shared, now))
    return rows


def _delivery(raw: bytes, own: Sequence[Receiver], headers: dict[str, Any], now: datetime) -> Delivery:
    first = own[0]
    return Delivery(first.organization_id, first.id, [receiver.id for receiver in own], raw, headers, now)


def _ids(raw: bytes) -> list[str]:
    """Return the numbers' ids in the order in which the body names them."""
    return list(islice(dict.fromkeys(match.decode() for match in _PHONE_ID.findall(raw)), _NAMED_MAX))


def _candidates(raw: bytes, ids: Sequence[str], known: Mapping[str, Receiver]) -> Sequence[Receiver]:
    """Return the numbers whose secrets may have signed the body."""
    named = [*(known[key] for key in ids if key in known), *_of_accounts(raw)]
    if named:
        return list({receiver.id: receiver for receiver in named}.values())
    # No number of ours is named (account events, rubbish): any of our app secrets may have signed it.
    return _affordable(numbers.all_receivers(), len(raw))


def _verified(raw: bytes, digest: bytes, candidates: Iterable[Receiver]) -> list[Receiver]:
    """Return the numbers whose secret made the signature, in the order in which the body names them."""
    fits: dict[bytes, bool] = {}
    found = []
    for receiver in candidates:
        for secret in receiver.app_secrets:
            if secret not in fits:
                fits[secret] = hmac.compare_digest(hmac.digest(secret, raw, "sha256"), digest)
        if any(fits[secret] for secret in receiver.app_secrets):
            found.append(receiver)
    return found


def _names_accounts(raw: bytes) -> bool:
    return _ACCOUNT_FIELD.search(raw) is not None


def _of_accounts(raw: bytes) -> list[Receiver]:
    """Return the numbers of the business accounts that the body has news of."""
    if not _names_accounts(raw):
        return []
    named = {match.decode() for match in islice(_ENTRY_ID.findall(raw), _NAMED_MAX)}
    return list(_affordable([row for row in numbers.all_receivers() if row.account_id in named], len(raw)))


def _affordable(receivers: Sequence[Receiver], length: int) -> Sequence[Receiver]:
    """Return the receivers, or none when hashing the body with all of their secrets would take too long."""
    secrets = {secret for receiver in receivers for secret in receiver.app_secrets}
    return receivers if len(secrets) * length <= _HASHED_MAX_BYTES else ()


def _store(values: tuple[bytes, str]) -> None:
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


def _insert(values: tuple[bytes, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(INSERT, values)


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
