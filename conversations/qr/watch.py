"""Looking after numbers paired by QR code: sends that nobody acknowledges, outcomes to find out, links that broke.

"Accepted, and then nothing" is how these sessions fail while they claim to be open. A send without acknowledgement
becomes unconfirmed, never sent again by itself; its number is marked, its bulk messages wait.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import connection, transaction

from conversations import number_health
from conversations.gateway import evolution_dialect
from conversations.gateway.base import Outgoing
from conversations.gateway.evolution_server import ServerError
from conversations.models import CircuitBreaker, Message, WhatsAppNumber
from conversations.number_health import NO_ACK
from conversations.qr import echoes, links, reading
from conversations.settling import QR_RECONCILE
from notifications import events
from pytake.infra import tenancy
from pytake.infra.crypto import DecryptionError

log = structlog.get_logger(__name__)
CHECK_EVERY: Final = timedelta(seconds=60)
CHATS_A_ROUND: Final = 20
NUMBERS_A_ROUND: Final = 20
_H = WhatsAppNumber.Health

_OVERDUE: Final = """
UPDATE conversations_message SET
    dispatch_state = 'unknown', reconcile_until = %(until)s, error_code = %(code)s, error_title = ''
WHERE dispatch_state = 'accepted' AND reconcile_until < %(now)s AND status = 'queued'
RETURNING organization_id, number_id, conversation_id, id
"""


def watch(*, now: datetime) -> None:
    """Do a round of everything."""
    for number_id, organization_id in mark_overdue(now=now) | _to_look_at(now=now):
        with tenancy.organization_context(organization_id):
            number = WhatsAppNumber.objects.alive().filter(pk=number_id, is_active=True).first()
            if number is not None:
                look_after(number, now=now)


def mark_overdue(*, now: datetime) -> set[tuple[uuid.UUID, uuid.UUID]]:
    """Make sends without acknowledgement unconfirmed and mark their numbers; returns (number, organization)."""
    with (
        tenancy.platform_scope("find sends of QR numbers that are not acknowledged"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(_OVERDUE, {"now": now, "until": now + QR_RECONCILE, "code": NO_ACK})
        rows = cursor.fetchall()
    by_number: dict[tuple[uuid.UUID, uuid.UUID], list[Any]] = {}
    for organization_id, number_id, conversation_id, message_id in rows:
        by_number.setdefault((number_id, organization_id), []).append((conversation_id, message_id))
    for (number_id, organization_id), late in by_number.items():
        with tenancy.organization_context(organization_id), transaction.atomic():
            _degrade(number_id, len(late), now=now)
            events.emit_many([_announcement(organization_id, thread, message, now) for thread, message in late])
    return set(by_number)


def _degrade(number_id: uuid.UUID, late: int, *, now: datetime) -> None:
    log.error("qr.not_acknowledged", number_id=str(number_id), messages=late)
    reason = {"code": NO_ACK, "detail": str(late), "since": now.isoformat()}
    # A number that is blocked stays so: that is worse.
    WhatsAppNumber.objects.filter(pk=number_id, health_state=_H.OK).update(
        health_state=_H.DEGRADED, health_reasons=[reason]
    )


def _announcement(
    organization_id: uuid.UUID, conversation_id: uuid.UUID, message_id: uuid.UUID, now: datetime
) -> events.EventDraft:
    return events.EventDraft(
        organization_id=organization_id,
        room=f"conversation:{conversation_id}",
        event_type="message:status",
        now=now,
        data={"conversation_id": str(conversation_id), "message_id": str(message_id), "status": "queued"},
    )


def _to_look_at(*, now: datetime) -> set[tuple[uuid.UUID, uuid.UUID]]:
    """Return numbers that have not been asked for a minute."""
    with tenancy.platform_scope("find QR numbers to look after"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT number.id, number.organization_id FROM conversations_whatsappnumber number "
            "JOIN conversations_qrlink link ON link.number_id = number.id "
            "WHERE number.is_active AND number.deleted_at IS NULL AND number.status IN ('connecting', 'connected') "
            "AND (link.checked_at IS NULL OR link.checked_at < %s) ORDER BY link.checked_at NULLS FIRST LIMIT %s",
            [now - CHECK_EVERY, NUMBERS_A_ROUND],
        )
        return {(row[0], row[1]) for row in cursor.fetchall()}


def look_after(number: WhatsAppNumber, *, now: datetime) -> None:
    """Find out outcomes, see whether the link holds, and whether the number has recovered."""
    try:
        reconcile(number, now=now)
        links.check(number, now=now)
    except DecryptionError:
        log.error("qr.unreadable_key", number_id=str(number.pk))  # noqa: TRY400  # the trace says nothing more
        return
    _recover(number)


def reconcile(number: WhatsAppNumber, *, now: datetime) -> int:
    """Ask the session what left for chats with unconfirmed sends; returns how many were found."""
    rows = Message.objects.filter(
        number=number, dispatch_state=Message.DispatchState.UNKNOWN, whatsapp_message_id__isnull=True
    )
    by_chat: dict[tuple[str, str], list[Message]] = {}
    for row in rows.order_by("-id")[:200]:
        by_chat.setdefault((row.address_kind, row.address_value), []).append(row)
    server, total = links.server_of(number, timeout_s=links.PAGE_TIMEOUT_S), 0
    for (kind, value), messages in list(by_chat.items())[:CHATS_A_ROUND]:
        chat = evolution_dialect.jid(Outgoing(to_kind=kind, to=value, content={}, callback=""))
        try:
            left = server.sent_to(chat)
        except ServerError as exc:
            log.warning("qr.cannot_reconcile", number_id=str(number.pk), code=exc.code)
            return total
        found = _found(number, messages, left)
        echoes.adopt(number, found, now=now)
        total += len(found)
    return total


def _found(number: WhatsAppNumber, messages: Sequence[Message], left: Sequence[dict[str, Any]]) -> dict[uuid.UUID, str]:
    """Return the ids of messages that are the only one that a record can be, and the other way round."""
    records = [item.payload for row in left for item in reading.of_record(row) if item.kind == "echo"]
    ids = [str(record["id"]) for record in records]
    taken = set(
        Message.objects.filter(number=number, whatsapp_message_id__in=ids).values_list("whatsapp_message_id", flat=True)
    )
    found: dict[uuid.UUID, str] = {}
    for message in messages:
        fits = [r for r in records if r["id"] not in taken and _is_near(message, r) and echoes.says(message, r)]
        rivals = [other for other in messages if other.pk != message.pk and other.content == message.content]
        if len(fits) == 1 and not rivals:
            found[message.pk] = str(fits[0]["id"])
    return found


def _is_near(message: Message, record: dict[str, Any]) -> bool:
    """Return whether a record is not older than the intent (clocks differ a little)."""
    try:
        return float(record.get("timestamp") or 0) >= message.created_at.timestamp() - 60
    except ValueError:
        return True


def _recover(number: WhatsAppNumber) -> None:
    """Take the mark away once a later send was acknowledged, or when no send is unconfirmed any more.

    The latter tries the number again after a while even if all that it has to send is held back by the mark.
    """
    reason = next((row for row in number.health_reasons if row.get("code") == NO_ACK), None)
    if number.health_state != _H.DEGRADED or reason is None:
        return
    since = datetime.fromisoformat(reason["since"])
    sent = Message.objects.filter(number=number)
    open_ = sent.filter(dispatch_state=Message.DispatchState.UNKNOWN, error_code=NO_ACK)
    if sent.filter(sent_at__gt=since).exists() or not open_.exists():
        number.health_reasons = [row for row in number.health_reasons if row.get("code") != NO_ACK]
        number_health.show(number, list(CircuitBreaker.objects.filter(number=number).holding()))
        log.info("qr.recovered", number_id=str(number.pk))
