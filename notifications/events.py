"""Telling pages what happened: durable facts with a sequence number per organization.

`emit` writes the fact in the caller's transaction, without a number. After the commit `publish` numbers
what has none, in order, under the organization's row lock, and wakes the socket processes through Redis.
A lost wake-up is healed by the next one and by the `notifications.publish_pending` tick.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import redis
import structlog
from django.db import connection, transaction

from notifications.models import RealtimeEvent
from pytake.infra import bulk, live, tenancy

log = structlog.get_logger(__name__)
KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDraft:
    """A fact: small, with ids and counters, never HTML and never more than the room may know."""

    organization_id: uuid.UUID
    room: str
    event_type: str
    now: datetime
    data: dict[str, Any] = field(default_factory=dict)
    actor: uuid.UUID | None = None


def emit(
    *,
    organization_id: uuid.UUID,
    room: str,
    event_type: str,
    data: dict[str, Any],
    now: datetime,
    actor: uuid.UUID | None = None,
) -> None:
    """Record one fact; published after the commit."""
    emit_many(
        [EventDraft(organization_id=organization_id, room=room, event_type=event_type, data=data, now=now, actor=actor)]
    )


def emit_many(drafts: Sequence[EventDraft]) -> None:
    """Record facts with one statement; each organization is published once after the commit."""
    if not drafts:
        return
    rows = [
        {
            "organization_id": draft.organization_id,
            "room": draft.room,
            "event_type": draft.event_type,
            "data": draft.data,
            "actor_user": draft.actor,
            "created_at": draft.now,
        }
        for draft in drafts
    ]
    bulk.insert(RealtimeEvent, rows)
    for organization_id in {draft.organization_id for draft in drafts}:
        _publish_after_commit(organization_id)


def _publish_after_commit(organization_id: uuid.UUID) -> None:
    """Register the publication once per transaction, however often facts are recorded in it."""
    waiting = [
        entry[1].args
        for entry in connection.run_on_commit
        if isinstance(entry[1], partial) and entry[1].func is publish
    ]
    if (organization_id,) not in waiting:
        transaction.on_commit(partial(publish, organization_id), robust=True)


_NUMBER = """
WITH locked AS (
    SELECT id, event_seq FROM accounts_organization WHERE id = %(organization)s FOR NO KEY UPDATE
), fresh AS (
    SELECT event.id, locked.event_seq + row_number() OVER (ORDER BY event.id) AS seq
    FROM notifications_realtimeevent event CROSS JOIN locked
    WHERE event.organization_id = locked.id AND event.seq IS NULL
), numbered AS (
    UPDATE notifications_realtimeevent event SET seq = fresh.seq FROM fresh WHERE event.id = fresh.id
    RETURNING event.seq
)
UPDATE accounts_organization SET event_seq = newest.seq
FROM (SELECT max(seq) AS seq FROM numbered) newest
WHERE id = %(organization)s AND newest.seq IS NOT NULL
RETURNING newest.seq
"""


def publish(organization_id: uuid.UUID) -> int | None:
    """Number the organization's new facts and wake the sockets. Returns the newest number, or None."""
    with tenancy.organization_context(organization_id), transaction.atomic(), connection.cursor() as cursor:
        # A plain lock first: the statement below must see rows committed while it waited.
        # Not FOR UPDATE, which would wait for everybody who has inserted a row of the organization.
        cursor.execute("SELECT FROM accounts_organization WHERE id = %s FOR NO KEY UPDATE", [organization_id])
        cursor.execute(_NUMBER, {"organization": organization_id})
        row = cursor.fetchone()
    if row is None:
        return None
    try:
        live.wake(organization_id, int(row[0]))
    except redis.RedisError:
        log.warning("wake.lost", organization_id=str(organization_id))
    return int(row[0])


def publish_pending(*, now: datetime) -> int:
    """Publish what lost its publication. Returns how many organizations had something."""
    with contextlib.suppress(redis.RedisError):
        live.note_tick(now)
    with tenancy.platform_scope("find organizations with unpublished events"):
        pending = list(
            RealtimeEvent.objects.filter(seq__isnull=True).values_list("organization_id", flat=True).distinct()
        )
    for organization_id in pending:
        publish(organization_id)
    return len(pending)


def newest(organization_id: uuid.UUID) -> int:
    """Return the number of the newest published fact."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT event_seq FROM accounts_organization WHERE id = %s", [organization_id])
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def forget_old(*, now: datetime) -> int:
    """Delete facts older than a week (pages that were away longer reload). Returns how many."""
    with tenancy.platform_scope("retention of events"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL app.privacy = 'on'")
        cursor.execute("DELETE FROM notifications_realtimeevent WHERE created_at < %s", [now - KEPT])
        return int(cursor.rowcount)
