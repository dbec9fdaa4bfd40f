"""The contact list: search and keyset pages; saving a contact's data."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Q

from conversations.models import Contact, ContactIdentity
from conversations.models.people import ContactQuerySet
from pytake.accounts import audit
from pytake.accounts.models import User
from pytake.core import phones

PAGE: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Contacts and where the next page begins (empty at the end)."""

    rows: list[Contact]
    next_cursor: str


def page(user: User, *, search: str = "", cursor: str = "") -> Page:
    """Return contacts who wrote, last one first; with a search, those found by name, e-mail or phone."""
    rows = Contact.objects.visible_to(user).alive()
    if search:
        rows = found(rows, search, by=user)
    if (point := _point(cursor)) is not None:
        at, pk = point
        if at is None:
            rows = rows.filter(last_message_received_at=None, pk__lt=pk)
        else:
            same = Q(last_message_received_at=at, pk__lt=pk)
            rows = rows.filter(Q(last_message_received_at__lt=at) | same | Q(last_message_received_at=None))
    ordered = rows.order_by(F("last_message_received_at").desc(nulls_last=True), "-pk")
    listed = list(ordered.prefetch_related("identities", "tags")[: PAGE + 1])
    return Page(rows=listed[:PAGE], next_cursor=_cursor(listed[PAGE - 1]) if len(listed) > PAGE else "")


def found(rows: ContactQuerySet, search: str, *, by: User) -> ContactQuerySet:
    """Find contacts by name, e-mail, or phone in any spelling.

    Who sees phones masked finds them whole only, or by the last four digits: parts would tell what the mask hides.
    """
    named = (
        Q(name__icontains=search)
        | Q(profile_name__icontains=search)
        | Q(username__iexact=search.lstrip("@"))
        | Q(email__iexact=search)
    )
    digits = "".join(filter(str.isdigit, search))
    if len(digits) >= 4:
        known = ContactIdentity.objects.filter(_of_digits(digits, by))
        named |= Q(pk__in=known.values("contact_id"))
    return rows.filter(named)


def _of_digits(digits: str, by: User) -> Q:
    if by.can("contacts.view_full"):
        return Q(value__contains=digits) | Q(e164__contains=digits) | Q(canonical_key__contains=digits)
    if len(digits) == 4:
        return Q(value__endswith=digits)
    whole = [digits, phones.COUNTRY_CODES["BR"] + digits]
    return Q(canonical_key__in=[phones.canonical_key("phone", spelling) for spelling in whole])


def save(contact: Contact, *, changes: dict[str, Any], by: User, request: Any) -> None:
    """Save the edited contact and record who changed what."""
    with transaction.atomic():
        contact.save(update_fields=[*changes, "updated_at"])
        audit.record(action="contact.updated", entity=contact, by=by, changes=changes, request=request)


def _cursor(contact: Contact) -> str:
    at = contact.last_message_received_at
    return f"{at.isoformat() if at else ''}~{contact.pk}"


def _point(text: str) -> tuple[datetime | None, uuid.UUID] | None:
    at, separator, key = text.replace(" ", "+").partition("~")
    if not separator:
        return None
    try:
        return (datetime.fromisoformat(at) if at else None), uuid.UUID(key)
    except ValueError:
        return None
