"""Figures of numbers: bounded windows over indexed rows, the same few queries for any number of messages."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from conversations.models import ConsentEvent

DAY: Final = timedelta(hours=24)
# No window is read further than this, however much is sent: the latest rows speak for the rest.
ROWS_MAX: Final = 20_000
QUEUE_MAX: Final = 10_000
FAILURES_WINDOW: Final = timedelta(days=7)
# WhatsApp does not say who blocked a company; these are how it shows.
UNDELIVERABLE: Final = ("131026", "131049", "130472")


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """What a number sent in the last 24 hours. `is_part`: there was more, and the latest messages were counted."""

    sent: int = 0
    delivered: int = 0
    read: int = 0
    failed: int = 0
    undeliverable: int = 0
    spam: int = 0
    people: int = 0
    is_part: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """What waits to be sent and what is on its way. Counts end at QUEUE_MAX + 1."""

    waiting: int = 0
    oldest_at: datetime | None = None
    held: int = 0
    in_flight: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Failures with the same code within a week."""

    code: str
    title: str
    count: int
    first_at: datetime
    last_at: datetime


_VOLUMES: Final = """
WITH lately AS (
    SELECT number_id, contact_id, status, dispatch_state, error_code FROM conversations_message
    WHERE organization_id = %(organization)s AND created_at > %(since)s AND direction = 'outbound'
        AND NOT is_internal_note AND NOT is_test
    ORDER BY created_at DESC LIMIT %(most)s
)
SELECT number_id,
    count(*) FILTER (WHERE dispatch_state IN ('accepted', 'failed', 'unknown', 'abandoned')) AS sent,
    count(*) FILTER (WHERE status IN ('delivered', 'read')) AS delivered,
    count(*) FILTER (WHERE status = 'read') AS read,
    count(*) FILTER (WHERE dispatch_state = 'failed' OR (dispatch_state = 'accepted' AND status = 'failed')) AS failed,
    count(*) FILTER (WHERE status = 'failed' AND error_code = ANY(%(undeliverable)s)) AS undeliverable,
    count(*) FILTER (WHERE error_code = ANY(%(spam)s)) AS spam,
    count(DISTINCT contact_id) AS people,
    (SELECT count(*) FROM lately) >= %(most)s AS is_part
FROM lately WHERE number_id = ANY(%(numbers)s) GROUP BY number_id
"""


def volumes(
    organization_id: uuid.UUID, number_ids: Sequence[uuid.UUID], *, spam: Sequence[str], now: datetime
) -> dict[uuid.UUID, Volume]:
    """Return the last 24 hours of several numbers of an organization (one query)."""
    values = {
        "organization": organization_id,
        "since": now - DAY,
        "most": ROWS_MAX,
        "undeliverable": list(UNDELIVERABLE),
        "spam": list(spam),
        "numbers": list(number_ids),
    }
    names = ("sent", "delivered", "read", "failed", "undeliverable", "spam", "people", "is_part")
    found = {row[0]: Volume(**dict(zip(names, row[1:], strict=True))) for row in _rows(_VOLUMES, values)}
    return {pk: found.get(pk, Volume()) for pk in number_ids}


_QUEUES: Final = """
SELECT number.id,
    (SELECT count(*) FROM (
        SELECT FROM conversations_message m WHERE m.number_id = number.id AND m.dispatch_state = 'queued'
        LIMIT %(most)s + 1) few),
    -- The oldest of each priority: the index jumps from one to the next, however long the queue is.
    (WITH RECURSIVE levels AS (
        (SELECT m.priority FROM conversations_message m WHERE m.number_id = number.id AND m.dispatch_state = 'queued'
         ORDER BY m.priority LIMIT 1)
        UNION ALL
        SELECT (SELECT m.priority FROM conversations_message m WHERE m.number_id = number.id
                AND m.dispatch_state = 'queued' AND m.priority > levels.priority ORDER BY m.priority LIMIT 1)
        FROM levels WHERE levels.priority IS NOT NULL
     ) SELECT min((SELECT m.created_at FROM conversations_message m WHERE m.number_id = number.id
                   AND m.dispatch_state = 'queued' AND m.priority = levels.priority ORDER BY m.id LIMIT 1))
       FROM levels WHERE levels.priority IS NOT NULL),
    (SELECT count(*) FROM (
        SELECT FROM conversations_message m WHERE m.number_id = number.id AND m.dispatch_state = 'queued'
        AND m.priority >= %(automatic)s AND number.braked_at IS NOT NULL LIMIT %(most)s + 1) few),
    (SELECT count(*) FROM conversations_message m WHERE m.dispatch_state = 'sending' AND m.number_id = number.id),
    (SELECT count(*) FROM conversations_message m WHERE m.dispatch_state = 'unknown' AND m.number_id = number.id)
FROM conversations_whatsappnumber number WHERE number.id = ANY(%(numbers)s)
"""


def queues(number_ids: Sequence[uuid.UUID], *, automatic: int) -> dict[uuid.UUID, Queue]:
    """Return what waits and what is under way (one query)."""
    values = {"numbers": list(number_ids), "most": QUEUE_MAX, "automatic": automatic}
    names = ("waiting", "oldest_at", "held", "in_flight", "unknown")
    found = {row[0]: Queue(**dict(zip(names, row[1:], strict=True))) for row in _rows(_QUEUES, values)}
    return {pk: found.get(pk, Queue()) for pk in number_ids}


_OPT_OUTS: Final = """
SELECT count(DISTINCT contact_id) FILTER (WHERE occurred_at > %(day)s), count(DISTINCT contact_id)
FROM (
    SELECT contact_id, occurred_at, number_id, evidence FROM conversations_consentevent
    WHERE organization_id = %(organization)s AND occurred_at > %(week)s AND action = ANY(%(actions)s)
    ORDER BY occurred_at DESC LIMIT %(most)s
) lately
WHERE number_id = %(number)s OR evidence ->> 'number_id' = %(number)s::text
"""


def opt_outs(organization_id: uuid.UUID, number_id: uuid.UUID, *, now: datetime) -> tuple[int, int]:
    """Return how many people asked this number to stop in 24 hours and in 7 days (one query)."""
    actions = [str(ConsentEvent.Action.OPT_OUT), str(ConsentEvent.Action.STOP)]
    values = {
        "organization": organization_id,
        "number": number_id,
        "day": now - DAY,
        "week": now - FAILURES_WINDOW,
        "actions": actions,
        "most": ROWS_MAX,
    }
    day, week = _rows(_OPT_OUTS, values)[0]
    return int(day), int(week)


_FAILURES: Final = """
SELECT error_code, max(error_title), count(*), min(failed_at), max(failed_at)
FROM (
    SELECT error_code, error_title, failed_at FROM conversations_message
    WHERE number_id = %(number)s AND failed_at > %(since)s ORDER BY failed_at DESC LIMIT %(most)s
) lately
GROUP BY error_code ORDER BY max(failed_at) DESC LIMIT 50
"""


def failures(number_id: uuid.UUID, *, now: datetime) -> list[FailureGroup]:
    """Return the failures of a week by code, the latest first (one query)."""
    values = {"number": number_id, "since": now - FAILURES_WINDOW, "most": ROWS_MAX}
    names = ("code", "title", "count", "first_at", "last_at")
    return [FailureGroup(**dict(zip(names, row, strict=True))) for row in _rows(_FAILURES, values)]


def _rows(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
