"""Whose turn it is to send: numbers with due messages, in an order that is fair to organizations and numbers.

Organizations take turns, and inside of each its numbers. Numbers that rest because of a limit or an open breaker are
left out until they may send, so that a backlog that cannot leave costs the others nothing.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from psycopg.types.json import Jsonb

from conversations.consent import rules
from conversations.models import WhatsAppNumber
from pytake.infra import tenancy
from pytake.infra.ids import new_id

# So many numbers a round: who comes anew waits for no more than one round.
ROUND: Final = 16
# A limit that holds messages back is shown for at least so long.
SHOWN: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A number with messages to send."""

    number_id: uuid.UUID
    organization_id: uuid.UUID


# The first part jumps from number to number through the index of the queue, however long each queue is.
_WAITING: Final = """
WITH RECURSIVE heads AS (
    (SELECT number_id FROM conversations_message
     WHERE dispatch_state = 'queued' AND (%(number)s::uuid IS NULL OR number_id = %(number)s)
     ORDER BY number_id LIMIT 1)
    UNION ALL
    SELECT (SELECT next.number_id FROM conversations_message next
            WHERE next.dispatch_state = 'queued' AND next.number_id > heads.number_id
            ORDER BY next.number_id LIMIT 1)
    FROM heads WHERE heads.number_id IS NOT NULL AND %(number)s::uuid IS NULL
), ready AS (
    SELECT number.id, number.organization_id, lane.served_at,
        row_number() OVER (PARTITION BY number.organization_id ORDER BY lane.served_at NULLS FIRST, number.id) AS nth,
        max(lane.served_at) OVER (PARTITION BY number.organization_id) AS organization_served_at
    -- Those that are switched off must not keep the others from being found.
    FROM heads JOIN conversations_whatsappnumber number
        ON number.id = heads.number_id AND number.is_active AND number.deleted_at IS NULL
        -- Without its phone a number paired by QR code cannot send.
        AND (number.connection_type <> 'qrcode' OR number.status = 'connected')
    LEFT JOIN conversations_sendinglane lane ON lane.number_id = number.id
    WHERE (lane.resting_until IS NULL OR lane.resting_until <= %(now)s)
        AND NOT EXISTS (
            SELECT FROM conversations_circuitbreaker breaker
            WHERE breaker.number_id = number.id AND breaker.scope = 'number' AND breaker.state <> 'closed'
                AND (breaker.retry_at IS NULL OR breaker.retry_at > %(now)s)
        )
        AND EXISTS (
            SELECT FROM conversations_message due WHERE due.number_id = number.id AND due.dispatch_state = 'queued'
                AND (due.not_before IS NULL OR due.not_before <= %(now)s)
                -- Automatic messages of a number with its brake on wait.
                AND (number.braked_at IS NULL OR due.priority < %(promotions)s)
        )
)
SELECT id, organization_id FROM ready ORDER BY nth, organization_served_at NULLS FIRST, served_at NULLS FIRST, id
LIMIT %(round)s
"""


def waiting(now: datetime, *, number_id: uuid.UUID | None = None) -> list[Waiting]:
    """Return the numbers of the next round, those first whose organization has waited longest."""
    with tenancy.platform_scope("find numbers with messages to send"), connection.cursor() as cursor:
        cursor.execute(_WAITING, {"now": now, "number": number_id, "round": ROUND, "promotions": rules.PROMOTIONS_FROM})
        return [Waiting(*row) for row in cursor.fetchall()]


@dataclass
class Turn:
    """What happened in a number's turn; written down when others should know."""

    number: WhatsAppNumber
    sent: int = 0
    slices: int = 0
    # Whether there was more to send when the turn ended.
    has_more: bool = False
    resting_until: datetime | None = None
    limits: dict[str, dict[str, Any]] = field(default_factory=dict)

    def holds_back(self, name: str, *, until: datetime, now: datetime, count: int = 1) -> None:
        """Note a limit that put messages off."""
        until = max(until, now + SHOWN)
        before = self.limits.get(name, {"until": "", "count": 0})
        latest = max(str(before["until"]), until.isoformat())
        self.limits[name] = {"until": latest, "at": now.isoformat(), "count": before["count"] + count}

    def rests(self, name: str, *, until: datetime, now: datetime) -> None:
        """Note that nothing of the number can leave before."""
        self.resting_until = max(self.resting_until or until, until)
        self.holds_back(name, until=until, now=now)


_WRITE: Final = """
INSERT INTO conversations_sendinglane
    (id, organization_id, number_id, created_at, updated_at, served_at, resting_until, limits)
VALUES (%(id)s, %(organization)s, %(number)s, %(now)s, %(now)s, %(now)s, %(resting)s, %(limits)s)
ON CONFLICT (number_id) DO UPDATE SET
    updated_at = excluded.updated_at, served_at = excluded.served_at, resting_until = excluded.resting_until,
    limits = excluded.limits
"""


def write(turn: Turn, *, now: datetime) -> None:
    """Write the turn down, with one statement; nothing for a turn in which all went well and nothing is left."""
    if not (turn.limits or turn.has_more or turn.slices > 1):
        return
    values: dict[str, Any] = {
        "id": new_id(),
        "organization": turn.number.organization_id,
        "number": turn.number.pk,
        "now": now,
        "resting": turn.resting_until,
        "limits": Jsonb(turn.limits),
    }
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, values)
