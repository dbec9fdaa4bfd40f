"""Linking a number with a phone, and what becomes of the link: the verbs of the pages, and what the server tells."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from conversations import numbers, payloads
from conversations.gateway.evolution_server import Code, Server, ServerError, digits_of_jid
from conversations.models import QrLink, WhatsAppNumber
from conversations.payloads import Item
from pytake.accounts import audit, plans
from pytake.accounts.models import Organization, User
from pytake.core.errors import DomainError
from pytake.core.phones import canonical_key
from pytake.infra import crypto, egress

log = structlog.get_logger(__name__)
WEBHOOK_PATH: Final = "/api/v1/whatsapp/webhook/evolution"
# A code that nobody renewed for so long is no code any more: the server shows another one every half minute.
CODE_LIFE: Final = timedelta(seconds=90)
# A page that waits asks the server itself now and then: webhooks may not find their way.
LOOK_AGAIN: Final = timedelta(seconds=8)
PAGE_TIMEOUT_S: Final = 8.0
LIMITS: Final = {"limit_per_second": 0, "limit_per_minute": 0, "limit_per_hour": 1000, "limit_per_day": 0}
MIN_GAP_MS: Final = 500
_S = WhatsAppNumber.Status
_P = QrLink.Problem
_FAILURES: Final = {"unreachable": _P.UNREACHABLE, "key": _P.KEY}
# Closing codes after which the phone must scan again.
_REFUSED_BY_WHATSAPP: Final = frozenset({402, 403, 406})


class ServerAddressError(DomainError):
    """The server's address must not be called."""

    code = "URL_NOT_ALLOWED"


@transaction.atomic
def create(
    organization: Organization, *, display_name: str, server_url: str = "", api_key: str = "", by: User, now: datetime
) -> WhatsAppNumber:
    """Create a number that waits for its phone. Without an address the operator's server is used."""
    if server_url:
        check_address(server_url)
    used = WhatsAppNumber.objects.alive().count()
    plans.refuse_beyond(plans.locked(organization), "max_whatsapp_numbers", used=used)
    number = WhatsAppNumber(
        organization=organization,
        connection_type=WhatsAppNumber.ConnectionType.QRCODE,
        phone_number="",
        display_name=display_name,
        status=_S.PENDING,
        evolution_api_url=server_url.rstrip("/"),
        min_gap_ms=MIN_GAP_MS,
        **LIMITS,
    )
    number.evolution_instance_name = f"pytake-{number.pk.hex}"
    number.evolution_webhook_key_envelope = _sealed(number, "evolution_webhook_key", secrets.token_urlsafe(32))
    if server_url:
        number.evolution_api_key_envelope = _sealed(number, "evolution_api_key", api_key)
    number.save(force_insert=True)
    QrLink.objects.create(organization=organization, number=number)
    audit.record(action="number.registered", entity=number, by=by, changes={"display_name": display_name}, now=now)
    return number


def check_address(url: str) -> None:
    """Refuse addresses inside of private networks; raises ServerAddressError."""
    try:
        egress.checked(url)
    except egress.EgressError as exc:
        message = _("This address cannot be used: give the public address of your server (https://…).")
        raise ServerAddressError(message, fields={"server_url": [message]}) from exc


def _sealed(number: WhatsAppNumber, field: str, text: str) -> str:
    return crypto.encrypt(text, context=numbers.context(number.organization_id, field))


def webhook_key(number: WhatsAppNumber) -> str:
    """Return the key with which the server signs what it posts."""
    context = numbers.context(number.organization_id, "evolution_webhook_key")
    return crypto.decrypt(number.evolution_webhook_key_envelope, context=context)


def has_shared_server() -> bool:
    """Return whether the operator offers a server."""
    return bool(settings.EVOLUTION_BASE_URL and settings.EVOLUTION_API_KEY)


def server_of(number: WhatsAppNumber, *, timeout_s: float | None = None) -> Server:
    """Return the session of a number."""
    return Server(
        base_url=number.evolution_api_url or settings.EVOLUTION_BASE_URL,
        key=numbers.access_token(number),
        instance=number.evolution_instance_name or "",
        timeout_s=settings.EVOLUTION_TIMEOUT_S if timeout_s is None else timeout_s,
    )


def link_of(number: WhatsAppNumber) -> QrLink:
    """Return the row of the pairing."""
    return QrLink.objects.get_or_create(number=number, defaults={"organization_id": number.organization_id})[0]


def begin(number: WhatsAppNumber, *, phone: str = "", by: User, now: datetime) -> None:
    """Ask the server for a code to scan (with a phone also for a code to type). What fails is told by the link."""
    server = server_of(number)
    url = f"{settings.EVOLUTION_WEBHOOK_BASE_URL.rstrip('/')}{WEBHOOK_PATH}/{number.pk}"
    try:
        code = server.create(webhook_url=url, webhook_key=webhook_key(number), number=phone)
        state = "" if code.text else server.state()
        owner = server.owner() if state == "open" else ""
    except ServerError as exc:
        _fail(number, exc, now=now)
        return
    with transaction.atomic():
        link = _locked(number)
        link.asked_at = link.checked_at = now
        if state == "open":
            _opened(number, link, owner, at=now)
        elif code.text:
            _show(link, code, at=now)
            _set(number, _S.CONNECTING, "")
        link.save()
        audit.record(action="number.qr_requested", entity=number, by=by, now=now)


def check(number: WhatsAppNumber, *, now: datetime, timeout_s: float = PAGE_TIMEOUT_S) -> None:
    """Ask the server how the link stands, if that was not done a moment ago."""
    waiting = QrLink.objects.filter(number=number).exclude(checked_at__gt=now - LOOK_AGAIN)
    if number.status not in {_S.CONNECTING, _S.CONNECTED} or not waiting.update(checked_at=now):
        return
    server = server_of(number, timeout_s=timeout_s)
    try:
        state = server.state()
        owner = server.owner() if state == "open" and number.status != _S.CONNECTED else ""
        code = server.connect() if state == "connecting" and number.status == _S.CONNECTING else Code()
    except ServerError as exc:
        log.warning("qr.check_failed", number_id=str(number.pk), code=exc.code)
        if exc.code in {"missing", "key"}:
            _fail(number, exc, now=now)
        return
    with transaction.atomic():
        link = _locked(number)
        if state == "open":
            if number.status != _S.CONNECTED:
                _opened(number, link, owner, at=now)
            WhatsAppNumber.objects.filter(pk=number.pk).update(last_seen_at=now)
        elif state == "close" and number.status == _S.CONNECTED:
            _closed(number, link, _P.LOGGED_OUT)
        elif code.text and code.text != link.code:
            _show(link, code, at=now)
        link.save()


def disconnect(number: WhatsAppNumber, *, by: User, now: datetime) -> bool:
    """End the link. Returns whether the server confirmed; without it the number stops here all the same."""
    confirmed = True
    try:
        server_of(number, timeout_s=PAGE_TIMEOUT_S).log_out()
    except ServerError as exc:
        log.warning("qr.logout_failed", number_id=str(number.pk), code=exc.code)
        confirmed = False
    with transaction.atomic():
        link = _locked(number)
        _closed(number, link, _P.NONE)
        link.state_at = now
        link.save()
        audit.record(action="number.disconnected", entity=number, by=by, now=now)
    return confirmed


def forget_session(number: WhatsAppNumber) -> None:
    """Delete the session at the server, for a number that is being deleted. What fails is only logged."""
    try:
        server_of(number, timeout_s=PAGE_TIMEOUT_S).delete()
    except (ServerError, crypto.DecryptionError) as exc:
        log.warning("qr.delete_failed", number_id=str(number.pk), error=type(exc).__name__)


def apply(number: WhatsAppNumber, items: Sequence[Item], *, now: datetime) -> None:
    """Follow what the server told, oldest first; what is older than what we know is passed over."""
    if not items:
        return
    number.refresh_from_db(fields=["status", "phone_number"])
    link = _locked(number)
    rows = [(payloads.timestamp(item.payload.get("at"), otherwise=now), item.payload) for item in items]
    for at, payload in sorted(rows, key=lambda row: row[0]):
        if link.state_at is None or at >= link.state_at:
            _follow(number, link, str(payload.get("event")), payload.get("data") or {}, at)
            link.state_at = at
    link.save()
    WhatsAppNumber.objects.filter(pk=number.pk).update(last_seen_at=now)


def _follow(number: WhatsAppNumber, link: QrLink, event: str, data: dict[str, Any], at: datetime) -> None:
    state = str(data.get("state") or "")
    if event == "qrcode.updated":
        _code_changed(number, link, data, at)
    elif event in {"logout.instance", "remove.instance"}:
        if number.status in {_S.CONNECTED, _S.CONNECTING}:
            _closed(number, link, _P.LOGGED_OUT)
    elif event != "connection.update":
        return
    elif state == "open":
        _opened(number, link, digits_of_jid(data.get("wuid")), at=at)
    elif state == "close" and number.status != _S.DISCONNECTED:
        refused = data.get("statusReason") in _REFUSED_BY_WHATSAPP
        _closed(number, link, _P.FORBIDDEN if refused else _P.LOGGED_OUT)
    elif state == "refused":
        _closed(number, link, _P.LIMIT)


def _code_changed(number: WhatsAppNumber, link: QrLink, data: dict[str, Any], at: datetime) -> None:
    shown = data.get("qrcode")
    if not isinstance(shown, dict):
        _closed(number, link, _P.LIMIT)
    elif number.status != _S.CONNECTED:
        code = Code(text=str(shown.get("code") or ""), pairing=str(shown.get("pairingCode") or ""))
        _show(link, code, at=at)
        _set(number, _S.CONNECTING, "")


def _show(link: QrLink, code: Code, *, at: datetime) -> None:
    link.code, link.code_at, link.problem = code.text, at, _P.NONE
    link.pairing_code = code.pairing[:16]
    link.codes_shown += 1


def _opened(number: WhatsAppNumber, link: QrLink, owner: str, *, at: datetime) -> None:
    """Note the phone. Another one than before is not taken: its chats would be mixed with those of the first."""
    link.code = link.pairing_code = ""
    link.codes_shown = 0
    known = number.phone_number
    if known and owner and canonical_key("wa_id", known) != canonical_key("wa_id", owner):
        link.problem = _P.OTHER_PHONE
        _set(number, _S.ERROR, f"+{owner}")
        return
    link.problem = _P.NONE
    link.linked_since = link.linked_since or at
    number.phone_number = owner or known
    number.connected_at = at
    number.status, number.status_reason = _S.CONNECTED, ""
    number.save(update_fields=["phone_number", "connected_at", "status", "status_reason", "updated_at"])
    log.info("qr.connected", number_id=str(number.pk))


def _closed(number: WhatsAppNumber, link: QrLink, problem: QrLink.Problem) -> None:
    link.code = link.pairing_code = ""
    link.codes_shown = 0
    link.problem = problem
    _set(number, _S.DISCONNECTED, "")


def _fail(number: WhatsAppNumber, error: ServerError, *, now: datetime) -> None:
    log.warning("qr.failed", number_id=str(number.pk), code=error.code)
    with transaction.atomic():
        link = _locked(number)
        link.code = link.pairing_code = ""
        link.asked_at = now
        link.problem = _FAILURES.get(error.code, _P.LOGGED_OUT if error.code == "missing" else _P.SERVER)
        link.save()
        _set(number, _S.ERROR, error.detail)


def _set(number: WhatsAppNumber, status: WhatsAppNumber.Status, reason: str) -> None:
    number.status, number.status_reason = status, reason[:255]
    number.save(update_fields=["status", "status_reason", "updated_at"])


def _locked(number: WhatsAppNumber) -> QrLink:
    link_of(number)
    return QrLink.objects.select_for_update().get(number=number)


def numbers_of(organization_id: uuid.UUID) -> list[WhatsAppNumber]:
    """Return the numbers paired by QR code, for lists."""
    kind = WhatsAppNumber.ConnectionType.QRCODE
    rows = WhatsAppNumber.objects.alive().filter(organization_id=organization_id, connection_type=kind)
    return list(rows.order_by("display_name"))
