"""Finding people by their addresses, a slice at a time; making those who are new."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from conversations.models import Contact, ContactIdentity
from conversations.people import merge_queue
from pytake.core import phones
from pytake.infra import bulk


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who wrote: addresses as (kind, value), best first, and what the profile says."""

    addresses: tuple[tuple[str, str], ...]
    profile_name: str = ""
    username: str = ""

    @property
    def keys(self) -> list[str]:
        """Return the canonical keys, in order of preference."""
        return [phones.canonical_key(kind, value) for kind, value in self.addresses]


def resolve(senders: Sequence[Sender], *, organization_id: uuid.UUID, now: datetime) -> list[Contact | None]:
    """Return the contact of each sender (None without any address). At most five statements for all of them."""
    keys = {key for sender in senders for key in sender.keys}
    known = {
        row.canonical_key: row
        for row in ContactIdentity.objects.filter(canonical_key__in=keys).select_related("contact")
    }
    fresh: list[Contact] = []
    made: set[uuid.UUID] = set()
    added: list[ContactIdentity] = []
    confirmed: list[ContactIdentity] = []
    result: list[Contact | None] = []
    doubles: list[tuple[uuid.UUID, uuid.UUID, dict[str, Any]]] = []
    for sender in senders:
        if not sender.addresses:
            result.append(None)
            continue
        theirs = [known[key].contact for key in sender.keys if key in known]
        contact = theirs[0] if theirs else None
        doubles += [(theirs[0].pk, other.pk, _evidence(sender)) for other in theirs[1:] if other.pk != theirs[0].pk]
        if contact is None:
            contact = _new(sender, organization_id)
            fresh.append(contact)
            made.add(contact.pk)
        for (kind, value), key in zip(sender.addresses, sender.keys, strict=True):
            if key not in known:
                primary = contact.pk in made and kind == "wa_id"
                known[key] = _identity(contact, kind, value, key, now, primary=primary)
                added.append(known[key])
            elif _confirm(known[key], kind, value, now):
                confirmed.append(known[key])
        result.append(contact)
    bulk.insert(Contact, fresh)
    bulk.insert(ContactIdentity, added)
    ContactIdentity.objects.bulk_update(confirmed, ["kind", "value", "confirmed_at"])
    # One payload with addresses of two contacts: they are one person.
    merge_queue.propose(doubles, organization_id=organization_id)
    return result


def _evidence(sender: Sender) -> dict[str, Any]:
    return {"source": "provider", "addresses": [list(pair) for pair in sender.addresses]}


def _new(sender: Sender, organization_id: uuid.UUID) -> Contact:
    return Contact(
        organization_id=organization_id,
        profile_name=sender.profile_name[:150],
        username=sender.username[:64],
        source="inbound",
    )


def _identity(contact: Contact, kind: str, value: str, key: str, now: datetime, *, primary: bool) -> ContactIdentity:
    return ContactIdentity(
        organization_id=contact.organization_id,
        contact=contact,
        kind=kind,
        value=value,
        canonical_key=key,
        e164=phones.digits_of(value) if kind == "wa_id" else "",
        is_primary=primary,
        first_seen_at=now,
        last_seen_at=now,
        confirmed_at=now,
    )


def _confirm(identity: ContactIdentity, kind: str, value: str, now: datetime) -> bool:
    """Promote a typed phone to the form that WhatsApp reports. Return whether the row changed."""
    if identity.kind != ContactIdentity.Kind.PHONE or kind != "wa_id":
        return False
    identity.kind, identity.value, identity.confirmed_at = kind, value, now
    return True
