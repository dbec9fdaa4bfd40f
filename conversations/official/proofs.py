"""Proving that credentials belong to a number: asked of WhatsApp itself, each failure named at its field.

Without this anybody could register another company's number here and have its webhooks stored as their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from conversations.gateway.management import Management, ProviderError
from conversations.official import state
from conversations.official.state import Seen
from pytake.core.errors import DomainError

SCOPES: Final = ("whatsapp_business_messaging", "whatsapp_business_management")
_BAD_TOKEN: Final = frozenset({0, 190})
_NO_ACCESS: Final = frozenset({3, 10, 33, 100, *range(200, 300)})


class UnprovenError(DomainError):
    """WhatsApp does not confirm that these credentials are the number's; `fields` says which one is wrong."""

    code = "CREDENTIALS_REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What somebody says are a number's ids and secrets."""

    phone_number_id: str
    account_id: str
    token: str
    app_secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What WhatsApp said to the right credentials."""

    phone_number: str
    seen: Seen
    token_expires_at: datetime | None


def management(token: str, *, app_secret: str = "") -> Management:
    """Return the line to the provider's management side."""
    return Management(
        base_url=settings.GRAPH_BASE_URL, version=settings.GRAPH_API_VERSION, token=token, app_secret=app_secret
    )


def prove(claim: Claim) -> Proof:
    """Ask WhatsApp. Raises UnprovenError naming the wrong field, ProviderError when there is no answer."""
    line = management(claim.token)
    facts = _token(line)
    data = _number(line, claim.phone_number_id)
    _account(line, claim)
    if claim.app_secret:
        _secret(claim)
    digits = "".join(filter(str.isdigit, str(data.get("display_phone_number") or "")))
    if not digits:
        raise UnprovenError(_("WhatsApp does not say which phone number this is."))
    return Proof(phone_number=digits[:20], seen=state.read(data), token_expires_at=state.expiry(facts))


def _token(line: Management) -> dict[str, Any]:
    try:
        facts = line.token_facts()
    except ProviderError as exc:
        if exc.number in _BAD_TOKEN:
            raise _expired() from exc
        raise
    if not facts.get("is_valid"):
        raise _expired()
    held = facts.get("scopes")
    lacking = [name for name in SCOPES if not isinstance(held, list) or name not in held]
    if lacking:
        text = _("The token lacks the permission %(name)s. Give it to the system user in Meta and make a new token.")
        raise _at("access_token", text % {"name": lacking[0]})
    return facts


def _expired() -> UnprovenError:
    text = _("WhatsApp does not accept this token: it has expired or was withdrawn. Make a new one in Meta.")
    return _at("access_token", text)


def _number(line: Management, phone_number_id: str) -> dict[str, Any]:
    try:
        return line.number(phone_number_id)
    except ProviderError as exc:
        if exc.number in _NO_ACCESS:
            text = _(
                "The token does not reach this number. Check the id (not the phone number itself), and that the "
                "system user of the token has the WhatsApp account assigned."
            )
            raise _at("phone_number_id", text) from exc
        raise


def _account(line: Management, claim: Claim) -> None:
    try:
        ids = line.numbers_of(claim.account_id)
    except ProviderError as exc:
        if exc.number in _NO_ACCESS:
            text = _("The token does not reach this WhatsApp Business account. Check the id.")
            raise _at("whatsapp_business_account_id", text) from exc
        raise
    if claim.phone_number_id not in ids:
        text = _("The number belongs to another WhatsApp Business account.")
        raise _at("whatsapp_business_account_id", text)


def _secret(claim: Claim) -> None:
    try:
        management(claim.token, app_secret=claim.app_secret).number(claim.phone_number_id)
    except ProviderError as exc:
        if exc.number == 100:
            text = _("This is not the secret of the app that made the token (App settings, Basic, App secret).")
            raise _at("app_secret", text) from exc
        raise


def _at(name: str, text: object) -> UnprovenError:
    return UnprovenError(_("WhatsApp does not confirm these credentials."), fields={name: [text]})
