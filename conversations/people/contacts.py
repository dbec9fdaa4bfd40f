"""Which contacts: search, filters and keyset pages."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import F, Q

from conversations.models import Contact, ContactIdentity, ContactTag, Conversation
from conversations.models.people import ContactQuerySet
from pytake.accounts.models import User
from pytake.core import phones

PAGE: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Contacts and where the next page begins (empty at the end)."""

    rows: list[Contact]
    next_cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which contacts: all filters hold together; None asks for nothing."""

    search: str = ""
    tag: uuid.UUID | None = None
    is_vip: bool | None = None
    is_blocked: bool | None = None
    accepts: bool | None = None
    agent: uuid.UUID | None = None
    without_tag: bool = False


def chosen(user: User, wanted: Wanted) -> ContactQuerySet:
    """Return the contacts that `user` may see and that fit."""
    rows = Contact.objects.visible_to(user).alive()
    if wanted.search:
        rows = found(rows, wanted.search, by=user)
    if wanted.tag is not None:
        marked = ContactTag.objects.filter(tag_id=wanted.tag, tag__deleted_at=None)
        rows = rows.filter(pk__in=marked.values("contact_id"))
    if wanted.is_vip is not None:
        rows = rows.filter(is_vip=wanted.is_vip)
    if wanted.is_blocked is not None:
        rows = rows.filter(is_blocked=wanted.is_blocked)
    if wanted.accepts is not None:
        rows = rows.filter(opt_in=wanted.accepts)
    if wanted.agent is not None:
        theirs = Conversation.objects.visible_to(user).filter(current_agent_id=wanted.agent)
        rows = rows.filter(pk__in=theirs.values("contact_id"))
    return rows


def page(user: User, *, search: str = "", cursor: str = "", wanted: Wanted | None = None) -> Page:
    """Return contacts, who wrote last first; with filters, those that fit them."""
    rows = chosen(user, wanted or Wanted(search=search))
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
