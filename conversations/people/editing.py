"""Verbs on a contact: create, change, delete, bring back, block, mark as VIP. Each is audited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from conversations.consent import ledger
from conversations.models import Contact
from conversations.people import addresses, fields, owner, tags
from conversations.people.addresses import Address
from pytake.accounts import audit, plans
from pytake.accounts.models import Organization, User
from pytake.core.errors import DomainError
from pytake.infra import bulk

EDITABLE: Final = ("name", "email", "company", "document", "language", "notes", "is_vip", "lifecycle_stage")


def create(
    *,
    given: Sequence[Address],
    data: Mapping[str, Any],
    attributes: Mapping[str, object] | None = None,
    tag_names: Sequence[str] = (),
    source: str = "agent",
    by: User,
    request: Any,
    now: datetime,
) -> Contact:
    """Create a contact, or bring back a deleted one of this address. Raises ConflictError (CONTACT_EXISTS)."""
    if not given:
        raise DomainError(_("Check the fields."), fields={"phone": [_("A phone or another address is needed.")]})
    values = {"attributes": fields.merged({}, attributes or {}), **data}
    try:
        with transaction.atomic():
            contact = _bring_back(given, values, now=now) or _insert(given, values, source=source, now=now)
            if tag_names:
                marked = tags.found(tag_names, make=True)
                tags.attach([(contact.pk, tag.pk) for tag in marked], by=by.pk)
            audit.record(action="contact.created", entity=contact, by=by, request=request)
    except IntegrityError as exc:
        known = addresses.holders(address.key for address in given)
        if not known:
            raise
        raise addresses.taken(next(iter(known.values())).contact_id) from exc
    return contact


def _bring_back(given: Sequence[Address], values: Mapping[str, Any], *, now: datetime) -> Contact | None:
    """Return the deleted contact that has these addresses, alive again; refuse if a living one has any."""
    known = addresses.holders(address.key for address in given)
    for row in known.values():
        if row.contact.deleted_at is None:
            raise addresses.taken(row.contact_id)
    if not known:
        return None
    contact = next(iter(known.values())).contact
    for name, value in values.items():
        setattr(contact, name, value)
    contact.deleted_at = None
    contact.save(update_fields=[*values, "deleted_at", "updated_at"])
    fresh = [address for address in given if address.key not in known]
    bulk.insert(
        type(next(iter(known.values()))),
        [addresses.identity(contact, address, source="agent", now=now, primary=False) for address in fresh],
    )
    return contact


def _insert(given: Sequence[Address], values: Mapping[str, Any], *, source: str, now: datetime) -> Contact:
    organization = plans.locked(Organization.objects.get(pk=owner.of_new_rows()))
    used = Contact.objects.filter(deleted_at=None).count() if organization.limit("max_contacts") >= 0 else 0
    plans.refuse_beyond(organization, "max_contacts", used=used)
    contact = Contact(organization_id=organization.pk, source=source, **values)
    contact.save(force_insert=True)
    unique = {address.key: address for address in given}
    for index, address in enumerate(unique.values()):
        addresses.identity(contact, address, source=source, now=now, primary=index == 0).save(force_insert=True)
    return contact


def change(
    contact: Contact, *, data: Mapping[str, Any], attributes: Mapping[str, object] | None = None, by: User, request: Any
) -> None:
    """Change the named data and attributes; the rest stays."""
    changes = dict(data)
    with transaction.atomic():
        locked = Contact.objects.select_for_update(no_key=True).get(pk=contact.pk)
        if attributes:
            changes["attributes"] = fields.merged(locked.attributes, attributes)
        for name, value in changes.items():
            setattr(contact, name, value)
        if changes:
            contact.save(update_fields=[*changes, "updated_at"])
            audit.record(action="contact.updated", entity=contact, by=by, changes=changes, request=request)


def delete(contact: Contact, *, by: User, request: Any, now: datetime) -> None:
    """Delete a contact from lists; the conversations stay. Whoever writes again is back, consent included."""
    with transaction.atomic():
        Contact.objects.filter(pk=contact.pk).update(deleted_at=now, updated_at=now)
        ledger.silence([contact.pk], now=now)
        audit.record(action="contact.deleted", entity=contact, by=by, request=request)


def restore(contact: Contact, *, by: User, request: Any, now: datetime) -> None:
    """Take a deletion back."""
    with transaction.atomic():
        Contact.objects.filter(pk=contact.pk).update(deleted_at=None, updated_at=now)
        audit.record(action="contact.restored", entity=contact, by=by, request=request)


def block(contact: Contact, *, reason: str, by: User, request: Any, now: datetime) -> None:
    """Send nothing automatic to the contact any more; what the person writes is still kept."""
    with transaction.atomic():
        Contact.objects.filter(pk=contact.pk).update(
            is_blocked=True, blocked_at=now, blocked_reason=reason, updated_at=now
        )
        ledger.silence([contact.pk], now=now)
        audit.record(action="contact.blocked", entity=contact, by=by, changes={"reason": reason}, request=request)


def unblock(contact: Contact, *, reason: str = "", by: User, request: Any, now: datetime) -> None:
    """Take the block back."""
    with transaction.atomic():
        Contact.objects.filter(pk=contact.pk).update(
            is_blocked=False, blocked_at=None, blocked_reason="", updated_at=now
        )
        audit.record(action="contact.unblocked", entity=contact, by=by, changes={"reason": reason}, request=request)
