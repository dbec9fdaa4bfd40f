"""WhatsApp numbers: registering one, and what the hot paths need to know of them, cached for seconds."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import structlog
from django.conf import settings
from django.db import connection, transaction

from conversations.models import WhatsAppNumber
from pytake.accounts import audit
from pytake.accounts.models import Organization, User
from pytake.infra import crypto, tenancy

log = structlog.get_logger(__name__)
CACHE_S: Final = 15.0
# "None of ours" is forgotten sooner: numbers are added, and wait for their first message.
UNKNOWN_CACHE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Receiver:
    """What accepting a webhook needs to know of a number."""

    id: uuid.UUID
    organization_id: uuid.UUID
    app_secrets: tuple[bytes, ...]
    account_id: str = ""


class _Found(NamedTuple):
    """Columns of a number as the queries here read them."""

    id: uuid.UUID
    organization_id: uuid.UUID
    phone_number_id: str
    app_secrets: list[str]
    verify_token: str
    account_id: str


# By the provider's id: when it was read, and what it was.
_cache: dict[str, tuple[float, Receiver | None]] = {}
_everybody: list[tuple[float, list[Receiver]]] = []


def context(organization_id: uuid.UUID | str, field: str) -> str:
    """Return the encryption context of a number's secret."""
    return f"{organization_id}:whatsappnumber.{field}"


def register_official(
    organization: Organization,
    *,
    phone_number: str,
    display_name: str,
    phone_number_id: str,
    business_account_id: str,
    access_token: str,
    app_secret: str,
    verify_token: str,
    by: User,
    now: datetime,
) -> WhatsAppNumber:
    """Create a Cloud API number with its secrets encrypted."""
    number = WhatsAppNumber(
        organization=organization,
        phone_number=phone_number,
        display_name=display_name,
        phone_number_id=phone_number_id,
        whatsapp_business_account_id=business_account_id,
    )
    add(number, access_token=access_token, app_secret=app_secret, verify_token=verify_token, by=by, now=now)
    return number


@transaction.atomic
def add(
    number: WhatsAppNumber, *, access_token: str, app_secret: str, verify_token: str, by: User, now: datetime
) -> None:
    """Insert a number that has its organization and ids, with its secrets encrypted.

    The caller has made sure that the number is theirs: from here on it takes webhooks.
    """
    number.connected_at = number.verified_at = now
    set_secrets(number, access_token=access_token, app_secret=app_secret, verify_token=verify_token)
    number.save(force_insert=True)
    audit.record(action="number.registered", entity=number, by=by, changes={"display_name": number.display_name})


def set_secrets(
    number: WhatsAppNumber, *, access_token: str = "", app_secret: str = "", verify_token: str = ""
) -> None:
    """Replace the secrets given; the previous app secret stays valid beside the new one. Does not save."""
    organization_id = number.organization_id
    if access_token:
        number.access_token_envelope = crypto.encrypt(access_token, context=context(organization_id, "access_token"))
    if app_secret:
        envelope = crypto.encrypt(app_secret, context=context(organization_id, "app_secret"))
        number.app_secret_envelopes = [envelope, *number.app_secret_envelopes][:2]
    if verify_token:
        number.verify_token_envelope = crypto.encrypt(verify_token, context=context(organization_id, "verify_token"))
    forget()


def access_token(number: WhatsAppNumber) -> str:
    """Return the token to send with; for a number paired by QR code the key of its server."""
    if number.is_qr:
        envelope = number.evolution_api_key_envelope
        if not envelope:
            return str(settings.EVOLUTION_API_KEY)
        return crypto.decrypt(envelope, context=context(number.organization_id, "evolution_api_key"))
    return crypto.decrypt(number.access_token_envelope, context=context(number.organization_id, "access_token"))


def verify_token(number: WhatsAppNumber) -> str:
    """Return the word that the provider repeats in its handshake."""
    return crypto.decrypt(number.verify_token_envelope, context=context(number.organization_id, "verify_token"))


def secret(number: WhatsAppNumber, name: str) -> str:
    """Return the present secret of a name; empty when there is none. Raises DecryptionError."""
    envelopes = {
        "access_token": number.access_token_envelope,
        "app_secret": next(iter(number.app_secret_envelopes), ""),
        "verify_token": number.verify_token_envelope,
    }
    envelope = envelopes[name]
    return crypto.decrypt(envelope, context=context(number.organization_id, name)) if envelope else ""


def verify_tokens() -> list[str]:
    """Return the verify tokens of all active numbers (handshakes are rare)."""
    rows = _platform_rows("verify_token_envelope <> ''", [])
    return _opened((row.verify_token, context(row.organization_id, "verify_token")) for row in rows)


def receivers(phone_number_ids: Iterable[str], *, max_age_s: float = CACHE_S) -> dict[str, Receiver]:
    """Return the active numbers among some provider ids, with their app secrets; remembered for `max_age_s`."""
    now = time.monotonic()
    wanted = set(phone_number_ids)
    missing = [key for key in wanted if not _is_fresh(key, now, max_age_s)]
    if missing:
        _load(missing)
    return {key: found for key in wanted if (found := _cache[key][1]) is not None}


def remembered(phone_number_ids: Iterable[str]) -> dict[str, Receiver] | None:
    """Return what `receivers` would, without asking the database; None when this process does not know them all."""
    now = time.monotonic()
    known = dict.fromkeys(phone_number_ids)
    if not all(_is_fresh(key, now, CACHE_S) for key in known):
        return None
    return {key: found for key in known if (found := _cache[key][1]) is not None}


def forget(phone_number_id: str | None = None) -> None:
    """Drop what this process remembers (tests, changed secrets)."""
    _everybody.clear()
    _cache.clear() if phone_number_id is None else _cache.pop(phone_number_id, None)


def _is_fresh(phone_number_id: str, now: float, max_age_s: float) -> bool:
    entry = _cache.get(phone_number_id)
    if entry is None:
        return False
    read_at, found = entry
    return now - read_at <= (max_age_s if found else min(max_age_s, UNKNOWN_CACHE_S))


def _load(phone_number_ids: list[str]) -> None:
    read_at = time.monotonic()
    if len(_cache) > 10_000:
        _cache.clear()
    rows = _platform_rows("phone_number_id = ANY(%s)", [phone_number_ids])
    # Written once they are known: other threads must not take "not looked up yet" for "not ours".
    found = {row.phone_number_id: _receiver(row) for row in rows}
    for key in phone_number_ids:
        _cache[key] = (read_at, found.get(key))


def _platform_rows(condition: str, values: list[Any]) -> list[_Found]:
    """Read active numbers whose ownership is proven, of all organizations."""
    with tenancy.platform_scope("find numbers by the provider's id"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, organization_id, phone_number_id, app_secret_envelopes, verify_token_envelope, "
            "whatsapp_business_account_id FROM conversations_whatsappnumber "
            "WHERE is_active AND deleted_at IS NULL AND verified_at IS NOT NULL AND " + condition,
            values,
        )
        return [
            _Found(row[0], row[1], row[2], row[3] if isinstance(row[3], list) else json.loads(row[3]), row[4], row[5])
            for row in cursor.fetchall()
        ]


def all_receivers() -> list[Receiver]:
    """Return every active number (for deliveries that name none of ours, which are rare); cached for seconds."""
    now = time.monotonic()
    if _everybody and _everybody[0][0] > now:
        return _everybody[0][1]
    rows = _platform_rows("app_secret_envelopes <> '[]'::jsonb", [])
    found = [_receiver(row) for row in rows]
    _everybody[:] = [(now + CACHE_S, found)]
    return found


def _receiver(row: _Found) -> Receiver:
    secrets = _opened((envelope, context(row.organization_id, "app_secret")) for envelope in row.app_secrets)
    return Receiver(row.id, row.organization_id, tuple(secret.encode() for secret in secrets), row.account_id)


def _opened(envelopes: Iterable[tuple[str, str]]) -> list[str]:
    """Decrypt (envelope, context) pairs; what does not open is left out: it must not shut the door for all."""
    found: list[str] = []
    for envelope, owner in envelopes:
        try:
            found.append(crypto.decrypt(envelope, context=owner))
        except crypto.DecryptionError:
            log.error("number.unreadable_secret", context=owner)  # noqa: TRY400  # the trace says nothing more
    return found
