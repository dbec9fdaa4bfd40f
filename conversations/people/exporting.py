"""Exports of contacts: read a page of rows at a time, so that memory and transactions stay small."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from conversations.models import Contact, ContactIdentity, CustomField
from conversations.people import contacts, fields, owner, sheets
from conversations.people.contacts import Wanted
from pytake.accounts import audit
from pytake.accounts.models import User
from pytake.infra import tenancy

PAGE: Final = 1_000
FORMATS: Final = {
    "csv": ("text/csv; charset=utf-8", sheets.csv_parts),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", sheets.xlsx_parts),
}


def note(*, wanted: Wanted, form: str, by: User, request: Any) -> None:
    """Write down that somebody takes the list along, and how many people are in it."""
    count = contacts.chosen(by, wanted).count()
    changes = {"format": form, "contacts": count, "search": wanted.search, "tag": str(wanted.tag or "")}
    audit.record(action="contacts.exported", by=by, changes=changes, request=request)


def parts(*, wanted: Wanted, form: str, by: User) -> Iterator[bytes]:
    """Yield the file. It may be read outside the request: it says itself for which organization."""
    organization_id = owner.of_new_rows()
    custom = fields.defined()
    # Words are taken now, in the language of whoever asks.
    head = [
        _("Phone"), _("Name"), _("E-mail"), _("Company"), _("Document"), _("Tags"), "VIP", _("Blocked"),
        _("Accepts promotions"), _("Last message"), _("Notes"), *(field.label for field in custom),
    ]  # fmt: skip
    words = (_("Yes"), _("No"))
    return FORMATS[form][1](_rows(wanted, by, organization_id, custom, head=head, words=words))


def _rows(
    wanted: Wanted, by: User, organization_id: uuid.UUID, custom: Sequence[CustomField], *, head: list[str],
    words: tuple[str, str],
) -> Iterator[list[str]]:  # fmt: skip
    yield head
    last: uuid.UUID | None = None
    while True:
        # The context is left before each page is given away: the reader may go on in another one.
        with tenancy.organization_context(organization_id):
            rows = contacts.chosen(by, wanted).order_by("pk").prefetch_related("identities", "tags")
            page = list((rows.filter(pk__gt=last) if last else rows)[:PAGE])
        yield from [_row(contact, custom, words) for contact in page]
        if len(page) < PAGE:
            return
        last = page[-1].pk


def _row(contact: Contact, custom: Sequence[CustomField], words: tuple[str, str]) -> list[str]:
    yes, no = words
    said = contact.last_message_at
    return [
        address(list(contact.identities.all())),
        contact.name or contact.profile_name,
        contact.email,
        contact.company,
        contact.document,
        ", ".join(sorted(tag.name for tag in contact.tags.all() if tag.deleted_at is None)),
        yes if contact.is_vip else no,
        yes if contact.is_blocked else no,
        yes if contact.opt_in else no,
        date_format(localtime(said), "Y-m-d H:i") if said else "",
        contact.notes,
        *(fields.shown(field, contact.attributes.get(field.key)) for field in custom),
    ]


def address(identities: list[ContactIdentity]) -> str:
    """Return the first address so that spreadsheets keep it as text and the import reads it back."""
    known = sorted(identities, key=lambda row: (row.kind not in {"wa_id", "phone"}, not row.is_primary, row.created_at))
    if not known:
        return ""
    row = known[0]
    if row.kind not in {"wa_id", "phone"}:
        return row.value
    digits = row.value
    if digits.startswith("55") and len(digits) in {12, 13}:
        return f"55 {digits[2:4]} {digits[4:-4]}-{digits[-4:]}"
    return f"00 {digits}"
