"""Writing down what became of a slice of sends: one statement a table, whatever the slice's size."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import IntegrityError, OperationalError, connection, transaction

from conversations import breakers, circuit, service_window, statuses
from conversations.breakers import Gates
from conversations.claimed import Claimed
from conversations.consent import preferences
from conversations.content import needs_window
from conversations.gateway.base import Accepted, NotSent, Outcome, Refused, Unknown
from conversations.models import Message, MessageAttempt, WhatsAppNumber
from notifications import events
from pytake.infra import metrics

log = structlog.get_logger(__name__)
ATTEMPTS_MAX: Final = 3
BASE_S: Final = 2.0
RECONCILE: Final = timedelta(minutes=10)
QR_ACK: Final = timedelta(seconds=60)
QR_RECONCILE: Final = timedelta(minutes=60)
_A = MessageAttempt.Outcome


@dataclass(frozen=True, slots=True)
class Result:
    """A message and what the provider did with it."""

    message: Claimed
    outcome: Outcome

    @property
    def is_accepted(self) -> bool:
        """Return whether the provider took it."""
        return isinstance(self.outcome, Accepted)


@dataclass(frozen=True, slots=True)
class Deferred:
    """A message that goes back to the queue, for how long and why (a limit, a breaker)."""

    message: Claimed
    wait_s: float
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """New values of a message."""

    id: uuid.UUID
    state: str
    status: str
    wamid: str | None = None
    not_before: datetime | None = None
    reconcile_until: datetime | None = None
    failed_at: datetime | None = None
    code: str = ""
    title: str = ""
    details: str = ""
    refund: int = 0


def no_token(message: Claimed) -> Result:
    """Return the result for a number whose token cannot be read."""
    return Result(message, Refused(code="no_token", detail="The access token cannot be decrypted.", scope="account"))


def split_by_window(
    number: WhatsAppNumber, messages: Sequence[Claimed], *, now: datetime
) -> tuple[list[Claimed], list[Claimed]]:
    """Split into those whose service window has closed meanwhile, and those that may leave."""
    if number.connection_type != number.ConnectionType.OFFICIAL:
        return [], list(messages)
    shut = [m for m in messages if needs_window(m.content) and not service_window.is_open(m.window_expires_at, now)]
    gone = {message.id for message in shut}
    return shut, [message for message in messages if message.id not in gone]


def settle(
    number: WhatsAppNumber,
    results: Sequence[Result],
    *,
    gates: Gates,
    shut: Sequence[Claimed],
    unwanted: Sequence[Claimed],
    deferred: Sequence[Deferred],
    started_at: datetime,
    now: datetime,
) -> None:
    """Write the outcomes in one transaction; statuses that came first are matched; pages are told of failures."""
    rows = [_row(result, now=now) for result in results]
    if number.is_qr:
        rows = [_watched(row, now=now) for row in rows]
    rows += [_closed(message, now=now) for message in shut]
    rows += [_unwanted(message, now=now) for message in unwanted]
    rows += [_later(row, now=now) for row in deferred]
    messages = [*(result.message for result in results), *shut, *unwanted]
    stopped = [(result.message.id, result.message.contact_id) for result in results if _is_stopped(result.outcome)]

    @transaction.atomic
    def write() -> None:
        _write_once(number, rows)
        _write_attempts(results, started_at, now)
        statuses.match_parked(number, {row.id: row.wamid for row in rows if row.wamid}, now=now)
        breakers.judge(number, gates, [(result.message, result.outcome) for result in results], now=now)
        preferences.refused(number, stopped, now=now)
        failed = {row.id for row in rows if row.status == Message.Status.FAILED}
        events.emit_many([_announcement(message, now) for message in messages if message.id in failed])

    try:
        write()
    except OperationalError:
        # What has left must not become unknown because a worker with statuses held the same rows (deadlock).
        if connection.in_atomic_block:
            raise
        log.warning("settling.once_more", number_id=str(number.pk), exc_info=True)
        write()
    for result in results:
        metrics.SENDS.labels(type(result.outcome).__name__.lower()).inc()


def _row(result: Result, *, now: datetime) -> _Row:
    message, outcome = result.message, result.outcome
    match outcome:
        case Accepted(wamid=wamid):
            return _Row(id=message.id, state="accepted", status="queued", wamid=wamid)
        case NotSent(throttled=True):
            wait = timedelta(seconds=outcome.wait_s * (0.75 + random.random() / 2))  # noqa: S311  # jitter
            return _Row(
                id=message.id, state="queued", status="queued", not_before=now + wait, code=outcome.code[:40], refund=1
            )
        case NotSent() if message.attempts < ATTEMPTS_MAX:
            wait = timedelta(seconds=BASE_S * 2 ** (message.attempts - 1) * (0.75 + random.random() / 2))  # noqa: S311
            return _Row(id=message.id, state="queued", status="queued", not_before=now + wait)
        case Refused() if outcome.scope == "account" or (outcome.scope == "promotions" and message.is_promotion):
            # Somebody must repair the account; until then, or until the window closes, the message waits.
            return _Row(
                id=message.id,
                state="queued",
                status="queued",
                not_before=now + circuit.COOL_NUMBER,
                code=outcome.code[:40],
                title=outcome.detail[:255],
                refund=1,
            )
        case NotSent() | Refused():
            return _Row(
                id=message.id,
                state="failed",
                status="failed",
                failed_at=now,
                code=outcome.code[:40],
                title=outcome.detail[:255],
                details=outcome.detail,
            )
        case Unknown():
            return _Row(
                id=message.id,
                state="unknown",
                status="queued",
                reconcile_until=now + RECONCILE,
                code=outcome.code[:40],
                title=outcome.detail[:255],
            )


def _watched(row: _Row, *, now: datetime) -> _Row:
    """Sessions of QR numbers accept what they never send, and tell late what became of it."""
    wait = {"accepted": QR_ACK, "unknown": QR_RECONCILE}.get(row.state)
    return replace(row, reconcile_until=now + wait) if wait else row


def _closed(message: Claimed, *, now: datetime) -> _Row:
    return _Row(
        id=message.id, state="failed", status="failed", failed_at=now, code="WINDOW_CLOSED", title="24 h", refund=1
    )


def _unwanted(message: Claimed, *, now: datetime) -> _Row:
    return _Row(id=message.id, state="cancelled", status="failed", failed_at=now, code=message.refusal, refund=1)


def _is_stopped(outcome: Outcome) -> bool:
    """Return whether the person stopped promotions in WhatsApp, as the refusal says."""
    return isinstance(outcome, Refused) and outcome.code == preferences.REFUSED


def _later(row: Deferred, *, now: datetime) -> _Row:
    wait = timedelta(seconds=row.wait_s)
    return _Row(id=row.message.id, state="queued", status="queued", not_before=now + wait, code=row.code, refund=1)


# Only rows still in `sending` are moved: a status may have settled one meanwhile. The sweep may have given up a
# worker that was merely slow: what it knows for sure still counts, but nothing goes back to the queue.
_WRITE: Final = """
UPDATE conversations_message message SET
    dispatch_state = fresh.state,
    status = CASE WHEN message.status IN ('sent', 'delivered', 'read') THEN message.status ELSE fresh.status END,
    whatsapp_message_id = coalesce(message.whatsapp_message_id, fresh.wamid),
    not_before = fresh.not_before, reconcile_until = fresh.reconcile_until, failed_at = fresh.failed_at,
    error_code = fresh.code, error_title = fresh.title, error_details = fresh.details,
    attempts = message.attempts - fresh.refund, claimed_until = NULL, claim_token = NULL
FROM unnest(%(ids)s::uuid[], %(states)s::text[], %(statuses)s::text[], %(wamids)s::text[],
            %(not_befores)s::timestamptz[], %(reconciles)s::timestamptz[], %(faileds)s::timestamptz[],
            %(codes)s::text[], %(titles)s::text[], %(details)s::text[], %(refunds)s::int[])
    AS fresh (id, state, status, wamid, not_before, reconcile_until, failed_at, code, title, details, refund)
WHERE message.id = fresh.id AND (message.dispatch_state = 'sending'
    OR message.dispatch_state IN ('unknown', 'abandoned') AND fresh.state IN ('accepted', 'failed'))
"""
_LEARN: Final = """
UPDATE conversations_message message SET whatsapp_message_id = fresh.wamid
FROM unnest(%(ids)s::uuid[], %(wamids)s::text[]) AS fresh (id, wamid)
WHERE message.id = fresh.id AND message.whatsapp_message_id IS NULL AND fresh.wamid IS NOT NULL
"""


def _write_once(number: WhatsAppNumber, rows: Sequence[_Row]) -> None:
    """Write; should the provider have given an id twice, one message keeps it and no outcome of the slice is lost."""
    try:
        with transaction.atomic():
            _write(rows)
    except IntegrityError:
        given = [row.wamid for row in rows if row.wamid]
        owners = dict(
            Message.objects.filter(number=number, whatsapp_message_id__in=given).values_list(
                "whatsapp_message_id", "pk"
            )
        )
        log.exception("provider.repeated_id", number_id=str(number.pk), ids=len(owners))
        _write([row if owners.setdefault(row.wamid, row.id) == row.id else replace(row, wamid=None) for row in rows])


def _write(rows: Sequence[_Row]) -> None:
    if not rows:
        return
    ordered = sorted(rows, key=lambda row: row.id)
    values: dict[str, Any] = {
        "ids": [row.id for row in ordered],
        "states": [row.state for row in ordered],
        "statuses": [row.status for row in ordered],
        "wamids": [row.wamid for row in ordered],
        "not_befores": [row.not_before for row in ordered],
        "reconciles": [row.reconcile_until for row in ordered],
        "faileds": [row.failed_at for row in ordered],
        "codes": [row.code for row in ordered],
        "titles": [row.title for row in ordered],
        "details": [row.details for row in ordered],
        "refunds": [row.refund for row in ordered],
    }
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, values)
        if cursor.rowcount < len(ordered):
            cursor.execute(_LEARN, {"ids": values["ids"], "wamids": values["wamids"]})


_ATTEMPTS: Final = """
INSERT INTO conversations_messageattempt (organization_id, message_id, number_in_row, started_at, finished_at,
    outcome, http_status, provider_code, provider_trace)
SELECT %(organization)s, fresh.id, fresh.nth, %(started)s, %(finished)s,
    fresh.outcome, fresh.http, fresh.code, fresh.trace
FROM unnest(%(ids)s::uuid[], %(nths)s::int[], %(outcomes)s::text[], %(https)s::int[], %(codes)s::text[],
            %(traces)s::text[]) AS fresh (id, nth, outcome, http, code, trace)
ON CONFLICT DO NOTHING
"""
_KINDS: Final = {
    Accepted: _A.ACCEPTED.value,
    NotSent: _A.NOT_SENT_RETRYABLE.value,
    Refused: _A.REFUSED.value,
    Unknown: _A.UNKNOWN.value,
}


def _write_attempts(results: Sequence[Result], started_at: datetime, now: datetime) -> None:
    if not results:
        return
    outcomes = [result.outcome for result in results]
    values: dict[str, Any] = {
        "organization": results[0].message.organization_id,
        "started": started_at,
        "finished": now,
        "ids": [result.message.id for result in results],
        "nths": [result.message.attempts for result in results],
        "outcomes": [_KINDS[type(outcome)] for outcome in outcomes],
        "https": [outcome.http_status for outcome in outcomes],
        "codes": ["" if isinstance(outcome, Accepted) else outcome.code[:40] for outcome in outcomes],
        "traces": ["" if isinstance(outcome, Accepted) else outcome.trace[:120] for outcome in outcomes],
    }
    with connection.cursor() as cursor:
        cursor.execute(_ATTEMPTS, values)


def _announcement(message: Claimed, now: datetime) -> events.EventDraft:
    return events.EventDraft(
        organization_id=message.organization_id,
        room=f"conversation:{message.conversation_id}",
        event_type="message:status",
        now=now,
        data={"conversation_id": str(message.conversation_id), "message_id": str(message.id), "status": "failed"},
    )
