"""Tags: labels of an organization, and which contacts carry them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.db.models.functions import Lower
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from conversations.models import Contact, ContactTag, Tag
from conversations.people import owner
from pytake.accounts import audit
from pytake.accounts.models import User
from pytake.core.errors import ConflictError, DomainError
from pytake.infra import bulk
from pytake.infra.ids import new_id
from pytake.infra.tenant_models import TenantQuerySet

NAME_MAX: Final = 60
COLOR: Final = "#64748B"
_COLOR: Final = re.compile(r"#[0-9A-Fa-f]{6}")
# What the page offers; any other colour may be given.
PALETTE: Final = ("#64748B", "#DC2626", "#EA580C", "#CA8A04", "#16A34A", "#0891B2", "#2563EB", "#7C3AED", "#DB2777")


def alive() -> TenantQuerySet[Tag]:
    """Return the organization's tags."""
    return Tag.objects.get_queryset().filter(deleted_at=None)


def counted(rows: TenantQuerySet[Tag]) -> TenantQuerySet[Any]:
    """Add to each tag how many contacts carry it."""
    return rows.annotate(contacts_count=Count("contacts", filter=Q(contacts__deleted_at=None)))


def create(*, name: str, color: str = COLOR, description: str = "", by: User, request: Any) -> Tag:
    """Add a tag. Raises ConflictError (DUPLICATE) when there is one of this name, in any case of letters."""
    tag = _tag(name, color, description)
    try:
        with transaction.atomic():
            tag.save(force_insert=True)
            audit.record(action="tag.created", entity=tag, by=by, changes={"name": tag.name}, request=request)
    except IntegrityError as exc:
        raise _duplicate() from exc
    return tag


def change(tag: Tag, *, changes: dict[str, str], by: User, request: Any) -> None:
    """Rename or recolour a tag."""
    _check(changes.get("color", tag.color))
    for field, value in changes.items():
        setattr(tag, field, value.strip() if field == "name" else value)
    tag.slug = slugify(tag.name)[:60]
    try:
        with transaction.atomic():
            tag.save(update_fields=[*changes, "slug", "updated_at"])
            audit.record(action="tag.changed", entity=tag, by=by, changes=changes, request=request)
    except IntegrityError as exc:
        raise _duplicate() from exc


def delete(tag: Tag, *, by: User, request: Any, now: datetime) -> None:
    """Delete a tag; contacts lose it. System tags stay."""
    if tag.is_system:
        raise ConflictError(_("System tags cannot be deleted."))
    with transaction.atomic():
        tag.deleted_at = now
        tag.save(update_fields=["deleted_at", "updated_at"])
        audit.record(action="tag.deleted", entity=tag, by=by, changes={"name": tag.name}, request=request)


def found(given: Sequence[str], *, make: bool) -> list[Tag]:
    """Return the tags of these ids or names; with `make`, names that are new become tags. Raises DomainError."""
    ids = {value for value in given if _is_id(value)}
    names = {" ".join(value.split())[:NAME_MAX] for value in given if value.strip() and value not in ids}
    known = [*alive().filter(pk__in=ids)]
    if len(known) < len(ids):
        raise DomainError(_("Check the fields."), fields={"tags": [_("There is no such tag.")]})
    if not names:
        return known
    by_name = named(names, make=make)
    missing = sorted(name for name in names if name.lower() not in by_name)
    if missing:
        raise DomainError(_("Check the fields."), fields={"tags": [_("There is no such tag."), *missing]})
    return list({tag.pk: tag for tag in [*known, *by_name.values()]}.values())


def named(names: Collection[str], *, make: bool) -> dict[str, Tag]:
    """Return tags by their names in lower case; with `make`, missing ones are made. Two statements, or three."""
    lower = {name.lower() for name in names}
    rows = alive().annotate(lower_name=Lower("name"))
    known: dict[str, Tag] = {row.name.lower(): row for row in rows.filter(lower_name__in=lower)}
    fresh = {name.lower(): name for name in sorted(names, reverse=True) if name.lower() not in known}
    if fresh and make:
        bulk.insert(Tag, [_tag(name, COLOR, "") for name in fresh.values()], ignore_conflicts=True)
        known = {row.name.lower(): row for row in rows.filter(lower_name__in=lower)}
    return known


def put(contact: Contact, tags: Sequence[Tag], *, mode: str, by: User, request: Any) -> None:
    """Replace a contact's tags, add some or remove some (mode replace, add, remove)."""
    ids = {tag.pk for tag in tags}
    with transaction.atomic():
        held = ContactTag.objects.filter(contact=contact)
        if mode == "replace":
            held.exclude(tag_id__in=ids).delete()
        elif mode == "remove":
            held.filter(tag_id__in=ids).delete()
        if mode != "remove":
            attach([(contact.pk, pk) for pk in ids], by=by.pk)
        names = sorted(tag.name for tag in tags)
        audit.record(action=f"contact.tags_{mode}", entity=contact, by=by, changes={"tags": names}, request=request)


def attach(pairs: Collection[tuple[uuid.UUID, uuid.UUID]], *, by: uuid.UUID | None) -> None:
    """Put tags on contacts, (contact, tag), in one statement; those that have them keep them."""
    organization_id = owner.of_new_rows()
    rows = [
        {
            "id": new_id(),
            "organization_id": organization_id,
            "contact_id": contact_id,
            "tag_id": tag_id,
            "added_by_id": by,
        }
        for contact_id, tag_id in sorted(pairs)
    ]
    bulk.insert(ContactTag, rows, ignore_conflicts=True)


def _tag(name: str, color: str, description: str) -> Tag:
    plain = " ".join(name.split())[:NAME_MAX]
    _check(color)
    return Tag(
        organization_id=owner.of_new_rows(),
        name=plain,
        slug=slugify(plain)[:60],
        color=color,
        description=description,
    )


def _check(color: str) -> None:
    if not _COLOR.fullmatch(color):
        raise DomainError(_("Check the fields."), fields={"color": [_("A colour such as #2563EB is expected.")]})


def _duplicate() -> ConflictError:
    return ConflictError(_("There is a tag of this name already."), code="DUPLICATE")


def _is_id(value: str) -> bool:
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True
