"""Sending what was decided: claim a slice, commit, send, settle. At most once.

One drain works on a number at a time (session-level advisory lock). A slice is marked `sending` with a
lease and committed before any request leaves; limits are asked in one call, and what exceeds them goes back
with the instant at which it may leave. Messages of one contact leave one after the other. What is not known
afterwards becomes `unknown`: only a status from the provider, or a person, moves it on.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import aiohttp
import redis
import structlog
from django.conf import settings
from django.db import connection, transaction

from conversations import numbers, sending_limits, settling
from conversations.gateway.base import NotSent, Outcome, Outgoing
from conversations.gateway.cloud_api import CloudApi
from conversations.models import Message, WhatsAppNumber
from conversations.settling import Result
from pytake.infra import metrics, tenancy
from pytake.infra.crypto import DecryptionError

log = structlog.get_logger(__name__)
LEASE: Final = timedelta(seconds=90)
IN_FLIGHT: Final = 400
REDIS_AWAY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A number with messages to send."""

    number_id: uuid.UUID
    organization_id: uuid.UUID


def drain_waiting(*, until: datetime, clock: Any) -> int:
    """Send for all numbers until nothing is due or `clock()` reaches `until`. Returns how many left."""
    total = 0
    while True:
        round_total = 0
        for waiting in numbers_waiting(clock()):
            round_total += drain(waiting, until=until, clock=clock, slices=4)
            if clock() >= until:
                return total + round_total
        total += round_total
        if not round_total:
            return total


def numbers_waiting(now: datetime, *, number_id: uuid.UUID | None = None) -> list[Waiting]:
    """Return numbers with due messages, those with the oldest first."""
    with tenancy.platform_scope("find numbers with messages to send"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT number_id, organization_id FROM conversations_message WHERE dispatch_state = 'queued' "
            "AND (not_before IS NULL OR not_before <= %(now)s) "
            "AND (%(number)s::uuid IS NULL OR number_id = %(number)s) "
            "GROUP BY 1, 2 ORDER BY min(id::text) LIMIT 100",
            {"now": now, "number": number_id},
        )
        return [Waiting(*row) for row in cursor.fetchall()]


def drain(waiting: Waiting, *, until: datetime, clock: Any, slices: int = 1000) -> int:
    """Send one number's due messages in slices. Returns how many were handed to the provider."""
    total = 0
    with tenancy.organization_context(waiting.organization_id), _only_drain(waiting.number_id) as mine:
        if not mine:
            return 0
        number = WhatsAppNumber.objects.alive().filter(pk=waiting.number_id, is_active=True).first()
        if number is None:
            return 0
        for _ in range(slices):
            claimed = claim(number, now=clock())
            if not claimed:
                break
            total += _send_slice(number, claimed, clock=clock)
            if clock() >= until:
                break
    return total


@contextmanager
def _only_drain(number_id: uuid.UUID) -> Iterator[bool]:
    """Hold the number for this process; the lock falls with the connection if the process dies."""
    key = str(number_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 2))", [key])
        row = cursor.fetchone()
    mine = bool(row and row[0])
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 2))", [key])


_CLAIM: Final = """
UPDATE conversations_message message SET
    dispatch_state = 'sending', attempts = message.attempts + 1, claim_token = %(token)s, claimed_until = %(lease)s
WHERE message.id IN (
    SELECT id FROM conversations_message
    WHERE number_id = %(number)s AND dispatch_state = 'queued' AND (not_before IS NULL OR not_before <= %(now)s)
    ORDER BY priority, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING message.id
"""


@transaction.atomic(durable=True)
def claim(number: WhatsAppNumber, *, now: datetime) -> list[Message]:
    """Mark the next slice as being sent and commit that, before anything leaves."""
    token = uuid.uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "token": token,
                "lease": now + LEASE,
                "number": number.pk,
                "now": now,
                "limit": settings.SEND_SLICE,
            },
        )
        ids = [row[0] for row in cursor.fetchall()]
    columns = ("id", "organization_id", "number_id", "conversation_id", "contact_id", "content", "address_kind")
    more = ("address_value", "attempts", "priority", "sequence", "created_at", "conversation__window_expires_at")
    rows = Message.objects.filter(pk__in=ids).select_related("conversation").only(*columns, *more)
    return sorted(rows, key=lambda row: (row.priority, row.created_at, row.sequence, row.pk))


def _send_slice(number: WhatsAppNumber, claimed: Sequence[Message], *, clock: Any) -> int:
    now = clock()
    allowed, deferred = _under_limits(number, claimed, now=now)
    shut, open_ = settling.split_by_window(number, allowed, now=now)
    results = _send(number, open_)
    settling.settle(number, results, shut=shut, deferred=deferred, started_at=now, now=clock())
    metrics.DEFERRED.inc(len(deferred))
    return len(open_)


def _under_limits(
    number: WhatsAppNumber, claimed: Sequence[Message], *, now: datetime
) -> tuple[list[Message], list[tuple[Message, float]]]:
    """Split into what may leave now and what must wait (with seconds). Without Redis everything waits."""
    try:
        waits = sending_limits.waits(number, claimed, now=now)
    except redis.RedisError:
        log.warning("sending.limits_unavailable", number_id=str(number.pk))
        return [], [(message, REDIS_AWAY_S) for message in claimed]
    allowed = [message for message, wait in zip(claimed, waits, strict=True) if wait == 0]
    return allowed, [(m, wait / 1000) for m, wait in zip(claimed, waits, strict=True) if wait > 0]


def _send(number: WhatsAppNumber, messages: Sequence[Message]) -> list[Result]:
    if not messages:
        return []
    try:
        token = numbers.access_token(number)
    except DecryptionError:
        return [settling.no_token(message) for message in messages]
    return asyncio.run(_send_all(number, messages, token))


async def _send_all(number: WhatsAppNumber, messages: Sequence[Message], token: str) -> list[Result]:
    """Send concurrently across contacts, in order within one."""
    queues: dict[uuid.UUID, list[Message]] = {}
    for message in messages:
        queues.setdefault(message.contact_id, []).append(message)
    timeout = aiohttp.ClientTimeout(total=settings.GRAPH_TIMEOUT_S, sock_connect=5)
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT, keepalive_timeout=30)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        gateway = CloudApi(
            session,
            base_url=settings.GRAPH_BASE_URL,
            version=settings.GRAPH_API_VERSION,
            phone_number_id=number.phone_number_id or "",
            token=token,
        )
        gate = asyncio.Semaphore(IN_FLIGHT)
        groups = await asyncio.gather(*(_send_in_order(gateway, queue, gate) for queue in queues.values()))
    return [result for group in groups for result in group]


async def _send_in_order(gateway: CloudApi, queue: Sequence[Message], gate: asyncio.Semaphore) -> list[Result]:
    results: list[Result] = []
    async with gate:
        for message in queue:
            outcome: Outcome = await gateway.send(
                Outgoing(
                    to_kind=message.address_kind,
                    to=message.address_value,
                    content=message.content,
                    callback=str(message.pk),
                )
            )
            results.append(Result(message, outcome))
            if isinstance(outcome, NotSent):
                # What follows must not overtake it.
                rest = queue[len(results) :]
                return results + [Result(later, _after(outcome)) for later in rest]
    return results


def _after(outcome: NotSent) -> NotSent:
    return NotSent(code="after_earlier", detail="", wait_s=outcome.wait_s * 1.5 + 0.5, throttled=True)
