"""Sending what was decided: claim a slice, commit, send, settle. At most once.

One drain works on a number at a time (session-level advisory lock). A slice is marked `sending` with a
lease and committed before any request leaves; limits are asked in one call, and what exceeds them goes back
with the instant at which it may leave. Messages of one contact leave one after the other. What is not known
afterwards becomes `unknown`: only a status from the provider, or a person, moves it on.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

import redis
import structlog
from django.conf import settings
from django.db import connection

from conversations import number_health, numbers, sending_limits, settling
from conversations.claimed import Claimed, claim
from conversations.line import Line
from conversations.models import WhatsAppNumber
from conversations.settling import Result
from pytake.infra import metrics, tenancy
from pytake.infra.crypto import DecryptionError

log = structlog.get_logger(__name__)
REDIS_AWAY_S: Final = 5.0
SLICES_A_TURN: Final = 4
SLICES_ALONE: Final = 1000
Send: TypeAlias = Callable[[Sequence[Claimed]], list[Result]]


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
        due = numbers_waiting(clock())
        for waiting in due:
            # Others get their turn soon; a number that is alone keeps its connections.
            slices = SLICES_A_TURN if len(due) > 1 else SLICES_ALONE
            round_total += drain(waiting, until=until, clock=clock, slices=slices)
            if clock() >= until:
                return total + round_total
        total += round_total
        if not round_total:
            return total


def numbers_waiting(now: datetime, *, number_id: uuid.UUID | None = None) -> list[Waiting]:
    """Return numbers with due messages, those with the oldest first."""
    with tenancy.platform_scope("find numbers with messages to send"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT message.number_id, message.organization_id FROM conversations_message message "
            # Those that are switched off must not keep the others from being found.
            "JOIN conversations_whatsappnumber number ON number.id = message.number_id "
            "AND number.is_active AND number.deleted_at IS NULL "
            "WHERE dispatch_state = 'queued' AND (not_before IS NULL OR not_before <= %(now)s) "
            "AND (%(number)s::uuid IS NULL OR number_id = %(number)s) "
            "GROUP BY 1, 2 ORDER BY min(message.id::text) LIMIT 100",
            {"now": now, "number": number_id},
        )
        return [Waiting(*row) for row in cursor.fetchall()]


def drain(waiting: Waiting, *, until: datetime, clock: Any, slices: int = SLICES_ALONE) -> int:
    """Send one number's due messages in slices. Returns how many were handed to the provider."""
    total = 0
    with tenancy.organization_context(waiting.organization_id), _only_drain(waiting.number_id) as mine:
        number = WhatsAppNumber.objects.alive().filter(pk=waiting.number_id, is_active=True).first() if mine else None
        if number is None:
            return 0
        with _line(number) as send:
            for _ in range(slices):
                one = number_health.is_blocked(number)
                batch = claim(number.pk, now=clock(), limit=1 if one else settings.SEND_SLICE)
                if not batch:
                    break
                total += _send_slice(number, batch, send, clock=clock)
                if clock() >= until or number_health.is_blocked(number):
                    break
    return total


@contextmanager
def _line(number: WhatsAppNumber) -> Iterator[Send]:
    """Give the function that sends a slice; without a readable token, one that refuses everything."""
    try:
        token = numbers.access_token(number)
    except DecryptionError:
        yield lambda messages: [settling.no_token(message) for message in messages]
        return
    with Line(number, token=token) as line:
        yield line.send


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


def _send_slice(number: WhatsAppNumber, batch: Sequence[Claimed], send: Send, *, clock: Any) -> int:
    now = clock()
    unwanted = [message for message in batch if message.refusal]
    allowed, deferred = _under_limits(number, [message for message in batch if not message.refusal], now=now)
    shut, open_ = settling.split_by_window(number, allowed, now=now)
    results = send(open_)
    settling.settle(number, results, shut=shut, unwanted=unwanted, deferred=deferred, started_at=now, now=clock())
    metrics.DEFERRED.inc(len(deferred))
    return len(open_)


def _under_limits(
    number: WhatsAppNumber, batch: Sequence[Claimed], *, now: datetime
) -> tuple[list[Claimed], list[tuple[Claimed, float]]]:
    """Split into what may leave now and what must wait (with seconds). Without Redis everything waits."""
    try:
        waits = sending_limits.waits(number, batch, now=now)
    except redis.RedisError:
        log.warning("sending.limits_unavailable", number_id=str(number.pk))
        return [], [(message, REDIS_AWAY_S) for message in batch]
    allowed = [message for message, wait in zip(batch, waits, strict=True) if wait == 0]
    return allowed, [(m, wait / 1000) for m, wait in zip(batch, waits, strict=True) if wait > 0]
