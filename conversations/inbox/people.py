"""How a contact is named and which address people see."""

from __future__ import annotations

from typing import Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from conversations.models import Contact, ContactIdentity
from pytake.accounts.models import User

PRIMARY_IDENTITY: Final = "contact__identities"


def identities_of(contact: Contact) -> QuerySet[ContactIdentity]:
    """Return the contact's addresses, the primary one first."""
    return ContactIdentity.objects.filter(contact=contact).order_by("-is_primary", "created_at")


def address(contact: Contact, user: User) -> str:
    """Return the contact's phone as `user` may see it; empty when none is known. Needs the identities."""
    return address_from(list(contact.known_identities()), user)


def address_from(identities: list[ContactIdentity], user: User) -> str:
    """Return the phone among the identities, the primary one first."""
    known = sorted(identities, key=lambda row: (not row.is_primary, row.created_at))
    row = next((row for row in known if row.kind in {"wa_id", "phone"}), None)
    return shown(row, user) if row else ""


def shown(identity: ContactIdentity, user: User) -> str:
    """Return an identity as `user` may see it: masked without `contacts.view_full`."""
    if identity.kind not in {"wa_id", "phone"}:
        return identity.value if user.can("contacts.view_full") else f"…{identity.value[-4:]}"
    digits = identity.e164.lstrip("+") or identity.value
    return pretty(digits if user.can("contacts.view_full") else masked(digits))


def title(contact: Contact, user: User) -> str:
    """Return what to call the contact: a name, else the user name, else the phone. Needs the identities."""
    return contact.name or contact.profile_name or title_from(contact, list(contact.known_identities()), user)


def title_from(contact: Contact, identities: list[ContactIdentity], user: User) -> str:
    """Return what to call the contact whose identities these are."""
    if name := contact.name or contact.profile_name:
        return name
    if contact.username:
        return f"@{contact.username}"
    return address_from(identities, user) or _("Unknown person")


def masked(digits: str) -> str:
    """Hide all but country, area and the last four digits."""
    return digits[:4] + "•" * max(0, len(digits) - 8) + digits[-4:] if len(digits) > 8 else "•" * len(digits)


def pretty(digits: str) -> str:
    """Write a phone as people do: +55 11 98765-4321."""
    if digits.startswith("55") and len(digits) in {12, 13}:
        return f"+55 {digits[2:4]} {digits[4:-4]}-{digits[-4:]}"
    return f"+{digits}"
