"""Business accounts of an organization: which there are, and whose token manages their templates."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings

from conversations import numbers
from conversations.gateway.templates import Account, TemplateApiError
from conversations.models import WhatsAppNumber
from pytake.infra.crypto import DecryptionError


def official_numbers(account_id: str = "") -> list[WhatsAppNumber]:
    """Return the live numbers of the Cloud API, of one account or of all, in the order of their creation."""
    rows = WhatsAppNumber.objects.alive().filter(connection_type=WhatsAppNumber.ConnectionType.OFFICIAL, is_active=True)
    rows = rows.filter(whatsapp_business_account_id=account_id) if account_id else rows
    return list(rows.exclude(whatsapp_business_account_id="").order_by("created_at", "pk"))


def labels(rows: Sequence[WhatsAppNumber]) -> dict[str, str]:
    """Return the accounts with the names of their numbers, for people to choose from."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.whatsapp_business_account_id, []).append(row.display_name)
    return {account_id: ", ".join(names) for account_id, names in found.items()}


def access(account_id: str, *, turn: int = 0) -> Account:
    """Return the account with the token of one of its numbers, another one each turn; raises TemplateApiError."""
    rows = official_numbers(account_id)
    if not rows:
        raise TemplateApiError("gone", "no number of this account is connected")
    try:
        token = numbers.access_token(rows[turn % len(rows)])
    except DecryptionError as exc:
        raise TemplateApiError("token", "the access token cannot be decrypted") from exc
    return Account(
        base_url=settings.GRAPH_BASE_URL, version=settings.GRAPH_API_VERSION, account_id=account_id, token=token
    )
