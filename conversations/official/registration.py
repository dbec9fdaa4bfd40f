"""Registering numbers of the Cloud API, and the life of their connection: test, credentials, disconnect, delete."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from conversations import number_line, numbers
from conversations.gateway.management import ProviderError
from conversations.models import NumberEvent, WhatsAppNumber
from conversations.number_line import Happening
from conversations.official import proofs
from conversations.official.proofs import Claim, Proof, UnprovenError
from conversations.qr import links
from pytake.accounts import audit, plans
from pytake.accounts.models import Organization, User
from pytake.core.errors import ConflictError
from pytake.infra import tenancy
from pytake.infra.crypto import DecryptionError
from pytake.infra.nudge import nudge

_S = WhatsAppNumber.Status
MOVED: Final = "moved"
# Ids of numbers and accounts are digits.
KNOWN_ID: Final = r"^\d{5,32}$"


class NumberTakenError(ConflictError):
    """The number is connected already, here or elsewhere."""

    code = "DUPLICATE"


def register(
    organization: Organization,
    *,
    phone_number_id: str,
    account_id: str,
    access_token: str,
    app_secret: str,
    verify_token: str,
    display_name: str,
    by: User,
    now: datetime,
) -> WhatsAppNumber:
    """Add a number once WhatsApp confirms the credentials.

    A number that another organization has registered moves only when its credentials there do not work any more.
    Raises UnprovenError, ProviderError, NumberTakenError, PlanLimitError.
    """
    claim = Claim(phone_number_id=phone_number_id, account_id=account_id, token=access_token, app_secret=app_secret)
    proof = proofs.prove(claim)
    _release_elsewhere(phone_number_id, organization, now=now)
    number = WhatsAppNumber(
        organization=organization,
        phone_number=proof.phone_number,
        display_name=display_name or proof.seen.verified_name or proof.phone_number,
        phone_number_id=phone_number_id,
        whatsapp_business_account_id=account_id,
        token_expires_at=proof.token_expires_at,
        health_checked_at=now,
        **proof.seen.columns(),
    )
    secrets = {"access_token": access_token, "app_secret": app_secret, "verify_token": verify_token}
    try:
        _insert(number, secrets, by=by, now=now)
    except IntegrityError as exc:  # somebody registered it in the same moment
        raise NumberTakenError(_("This number is connected already."), fields=_at_id()) from exc
    nudge("conversations.refresh_numbers", number_id=str(number.pk))
    return number


@transaction.atomic
def _insert(number: WhatsAppNumber, secrets: dict[str, str], *, by: User, now: datetime) -> None:
    organization = plans.locked(number.organization)
    plans.refuse_beyond(organization, "max_whatsapp_numbers", used=WhatsAppNumber.objects.alive().count())
    numbers.add(number, by=by, now=now, **secrets)
    number_line.record([_happening(number, "registered", by, now)], now=now)


def _release_elsewhere(phone_number_id: str, organization: Organization, *, now: datetime) -> None:
    """Free the id if it is taken by a registration whose credentials fail; raises NumberTakenError."""
    with tenancy.platform_scope("a number that may have moved"):
        holder = WhatsAppNumber.objects.filter(phone_number_id=phone_number_id).first()
    if holder is None:
        return
    with tenancy.organization_context(holder.organization_id):
        if holder.organization_id == organization.pk and holder.deleted_at is None:
            raise NumberTakenError(_("This number is registered here already."), fields=_at_id())
        if holder.deleted_at is None and holder.is_active and _works(holder):
            raise NumberTakenError(
                _("This number is connected in another organization. It has to be disconnected there first."),
                fields=_at_id(),
            )
        _let_go(holder, now=now)


def _at_id() -> dict[str, list[object]]:
    return {"phone_number_id": [_("The number is connected already.")]}


def _works(holder: WhatsAppNumber) -> bool:
    """Return whether the holder's own credentials still reach the number; without an answer they count as working."""
    try:
        _prove_again(holder)
    except (UnprovenError, DecryptionError):
        return False
    except ProviderError:
        return True
    return True


@transaction.atomic
def _let_go(holder: WhatsAppNumber, *, now: datetime) -> None:
    """Keep the row and its history, without the id and the secrets: the number lives elsewhere now."""
    old = {"phone_number_id": holder.phone_number_id or "", "reason": MOVED}
    holder.phone_number_id, holder.verified_at = None, None
    holder.access_token_envelope, holder.app_secret_envelopes, holder.verify_token_envelope = "", [], ""
    holder.is_active, holder.status = False, _S.DISCONNECTED
    holder.status_reason = "moved"
    holder.save()
    numbers.forget()
    audit.record(action="number.moved_away", entity=holder, changes=old, now=now)
    moved = Happening(number=holder, kind=MOVED, at=now, severity=NumberEvent.Severity.CRITICAL, data=old)
    number_line.record([moved], now=now)


def test(number: WhatsAppNumber, *, now: datetime) -> Proof:
    """Check the stored credentials and take over what WhatsApp says. Raises UnprovenError, ProviderError."""
    try:
        proof = _prove_again(number)
    except DecryptionError as exc:
        text = _("The stored token cannot be read. Enter it again.")
        raise UnprovenError(text, fields={"access_token": [text]}) from exc
    _take_over(number, proof, now=now)
    return proof


def _prove_again(number: WhatsAppNumber, *, token: str = "", app_secret: str = "") -> Proof:
    if number.is_qr:
        # The key of its server is for that server alone.
        raise ConflictError(_("Numbers connected by QR code have no credentials at WhatsApp."))
    return proofs.prove(
        Claim(
            phone_number_id=number.phone_number_id or "",
            account_id=number.whatsapp_business_account_id,
            token=token or numbers.access_token(number),
            app_secret=app_secret,
        )
    )


def _take_over(number: WhatsAppNumber, proof: Proof, *, now: datetime) -> None:
    values: dict[str, Any] = {
        **(proof.seen.columns() if number.is_active else {}),
        "phone_number": proof.phone_number,
        "token_expires_at": proof.token_expires_at,
        "health_checked_at": now,
        "verified_at": number.verified_at or now,
    }
    for name, value in values.items():
        setattr(number, name, value)
    WhatsAppNumber.objects.filter(pk=number.pk).update(**values)
    number_line.tell(number, now=now)


def replace_credentials(
    number: WhatsAppNumber,
    *,
    access_token: str = "",
    app_secret: str = "",
    verify_token: str = "",
    by: User,
    now: datetime,
) -> None:
    """Store new secrets after WhatsApp has confirmed them; the previous app secret stays valid beside the new one."""
    given = {"access_token": access_token, "app_secret": app_secret, "verify_token": verify_token}
    changed = [name for name, value in given.items() if value]
    if not changed:
        return
    proof = None
    if access_token or app_secret:
        try:
            proof = _prove_again(number, token=access_token, app_secret=app_secret)
        except DecryptionError as exc:
            text = _("The stored token cannot be read. Enter it again.")
            raise UnprovenError(text, fields={"access_token": [text]}) from exc
    with transaction.atomic():
        numbers.set_secrets(number, **given)
        number.save(
            update_fields=["access_token_envelope", "app_secret_envelopes", "verify_token_envelope", "updated_at"]
        )
        if proof is not None:
            _take_over(number, proof, now=now)
        audit.record(action="number.credentials_replaced", entity=number, by=by, changes=dict.fromkeys(changed, ""))
        number_line.record([_happening(number, "credentials", by, now, fields=changed)], now=now)
    nudge("conversations.send_messages", number_id=str(number.pk))


def edit(number: WhatsAppNumber, changes: Mapping[str, Any], *, by: User, now: datetime) -> None:
    """Write settings (name, defaults, limits) and record which."""
    if not changes:
        return
    before = {name: _plain(getattr(number, name)) for name in changes}
    with transaction.atomic():
        if changes.get("is_fallback"):
            WhatsAppNumber.objects.filter(is_fallback=True).exclude(pk=number.pk).update(is_fallback=False)
        for name, value in changes.items():
            setattr(number, name, value)
        number.save(update_fields=[*changes, "updated_at"])
        told = {name: [before[name], _plain(getattr(number, name))] for name in changes}
        audit.record(action="number.changed", entity=number, by=by, changes=told)
        number_line.tell(number, now=now)


def disconnect(number: WhatsAppNumber, *, by: User, now: datetime) -> None:
    """Stop sending and receiving; conversations, secrets and settings stay for a return."""
    if number.is_qr:
        links.disconnect(number, by=by, now=now)
        return
    _switch(number, active=False, status=_S.DISCONNECTED, by=by, now=now, what="disconnected")


def reconnect(number: WhatsAppNumber, *, by: User, now: datetime) -> None:
    """Take the number up again after its credentials have proven to work. Raises UnprovenError, ProviderError."""
    if not number.phone_number_id and not number.is_qr:
        text = _("The number was connected elsewhere meanwhile. Register it anew with its present credentials.")
        raise ConflictError(text)
    try:
        proof = _prove_again(number)
    except DecryptionError as exc:
        raise UnprovenError(_("The stored token cannot be read. Enter it again.")) from exc
    _switch(number, active=True, status=_S.CONNECTED, by=by, now=now, what="reconnected")
    _take_over(number, proof, now=now)
    nudge("conversations.send_messages", number_id=str(number.pk))


@transaction.atomic
def _switch(number: WhatsAppNumber, *, active: bool, status: str, by: User, now: datetime, what: str) -> None:
    number.is_active, number.status, number.status_reason = active, status, ""
    if active:
        number.connected_at = now
    number.save(update_fields=["is_active", "status", "status_reason", "connected_at", "updated_at"])
    numbers.forget()
    audit.record(action=f"number.{what}", entity=number, by=by, changes={"is_active": active})
    number_line.record([_happening(number, what, by, now)], now=now)


def remove(number: WhatsAppNumber, *, by: User, now: datetime) -> None:
    """Delete softly: conversations stay readable; ids and secrets go, so that the number may be registered again."""
    if number.is_qr:
        links.forget_session(number)
    _remove(number, by=by, now=now)


@transaction.atomic
def _remove(number: WhatsAppNumber, *, by: User, now: datetime) -> None:
    number.deleted_at, number.is_active, number.status = now, False, _S.DISCONNECTED
    number.phone_number_id, number.verified_at, number.is_fallback = None, None, False
    number.access_token_envelope, number.app_secret_envelopes, number.verify_token_envelope = "", [], ""
    number.evolution_api_key_envelope = number.evolution_webhook_key_envelope = ""
    number.save()
    numbers.forget()
    audit.record(action="number.deleted", entity=number, by=by, changes={"display_name": number.display_name})
    number_line.tell(number, now=now)


def _happening(number: WhatsAppNumber, what: str, by: User, now: datetime, **data: Any) -> Happening:
    return Happening(number=number, kind=what, at=now, data=data, by=by)


def _plain(value: Any) -> Any:
    return str(getattr(value, "pk", value)) if not isinstance(value, bool | int | str | dict | None) else value
