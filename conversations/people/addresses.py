"""Addresses that people type: read in every spelling, added, removed, never given to two contacts."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from conversations.models import Contact, ContactIdentity
from pytake.accounts import audit
from pytake.accounts.models import User
from pytake.core import phones
from pytake.core.errors import ConflictError, DomainError

_PHONE_SIGNS: Final = re.compile(r"[+0-9()\s.\-/]+")
_ROUNDED: Final = re.compile(r"[0-9][.,][0-9]+[eE]\+?[0-9]+")


class AddressError(ValueError):
    """The text is no address; `code` says why: empty, rounded, letters, short, area, mobile."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Address:
    """An address that somebody typed."""

    kind: str
    value: str

    @property
    def key(self) -> str:
        """Return the canonical key."""
        return phones.canonical_key(self.kind, self.value)


def read(text: str) -> Address:
    """Return the address that was typed: a phone in any spelling, or a BSUID. Raises AddressError."""
    stripped = text.strip()
    if not stripped:
        raise AddressError("empty")
    if phones.BSUID.match(stripped):
        return Address("bsuid", stripped)
    if _ROUNDED.fullmatch(stripped):
        raise AddressError("rounded")
    if not _PHONE_SIGNS.fullmatch(stripped):
        raise AddressError("letters")
    try:
        digits = phones.normalize_phone(stripped)
    except phones.InvalidPhoneError as exc:
        raise AddressError("short") from exc
    if digits.startswith("55") and not (stripped.startswith("+") and len(digits) not in {12, 13}):
        _check_brazilian(digits)
    return Address("phone", digits)


def _check_brazilian(digits: str) -> None:
    if len(digits) not in {12, 13}:
        raise AddressError("short")
    if digits[2] == "0" or digits[3] == "0":
        raise AddressError("area")
    if len(digits) == 13 and digits[4] != "9":
        raise AddressError("mobile")


PROBLEMS: Final = {
    "empty": _("There is no phone in this row."),
    "rounded": _("The spreadsheet rounded this phone (5.5E+12). Format the column as text and export again."),
    "letters": _("This is not a phone: it has letters or several numbers."),
    "short": _("Too short or too long for a phone. Give it with the area code: (11) 98765-4321."),
    "area": _("There is no such area code."),
    "mobile": _("Mobile numbers in Brazil have a 9 after the area code."),
}


def read_or_refuse(text: str, *, field: str = "phone") -> Address:
    """Return the address that was typed, or raise DomainError naming the field."""
    try:
        return read(text)
    except AddressError as exc:
        raise DomainError(_("Check the fields."), fields={field: [PROBLEMS[exc.code]]}) from exc


def holders(keys: Iterable[str]) -> dict[str, ContactIdentity]:
    """Return who has the addresses of these keys, deleted contacts included."""
    rows = ContactIdentity.objects.filter(canonical_key__in=list(keys)).select_related("contact")
    return {row.canonical_key: row for row in rows}


def identity(contact: Contact, address: Address, *, source: str, now: datetime, primary: bool) -> ContactIdentity:
    """Return an unsaved row for an address."""
    return ContactIdentity(
        organization_id=contact.organization_id,
        contact=contact,
        kind=address.kind,
        value=address.value,
        canonical_key=address.key,
        e164=address.value if address.kind in {"phone", "wa_id"} else "",
        is_primary=primary,
        source=source,
        first_seen_at=now,
    )


def taken(contact_id: uuid.UUID) -> ConflictError:
    """Return the refusal of an address that another contact has."""
    return ConflictError(
        _("There is a contact with this address already."),
        code="CONTACT_EXISTS",
        extra={"contact_id": str(contact_id)},
    )


def add(contact: Contact, address: Address, *, by: User, request: Any, now: datetime) -> ContactIdentity:
    """Give a contact one more address. Raises ConflictError (CONTACT_EXISTS) when somebody has it."""
    row = identity(contact, address, source="agent", now=now, primary=not contact.identities.exists())
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            changes = {"kind": row.kind, "value": f"…{row.value[-4:]}"}
            audit.record(action="contact.address_added", entity=contact, by=by, changes=changes, request=request)
    except IntegrityError as exc:
        owner = ContactIdentity.objects.get(canonical_key=address.key).contact_id
        raise taken(owner) from exc
    return row


def remove(row: ContactIdentity, *, by: User, request: Any) -> None:
    """Take an address away. Raises ConflictError for the last one: the contact could not be reached any more."""
    with transaction.atomic():
        rows = list(ContactIdentity.objects.filter(contact_id=row.contact_id).order_by("pk").select_for_update())
        others = [other for other in rows if other.pk != row.pk]
        if not others:
            raise ConflictError(_("A contact keeps at least one address."))
        row.delete()
        if row.is_primary:
            others[0].is_primary = True
            others[0].save(update_fields=["is_primary", "updated_at"])
        changes = {"kind": row.kind, "value": f"…{row.value[-4:]}"}
        audit.record(action="contact.address_removed", entity=row.contact, by=by, changes=changes, request=request)
