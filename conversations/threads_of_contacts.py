"""Which conversation a message belongs to: the live one of number and contact, a reopened one, or a new one."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db.models import F
from django.db.models.functions import Coalesce, Greatest

from conversations.models import Contact, Conversation, ConversationEvent, WhatsAppNumber
from conversations.models.threads import LIVE
from pytake.accounts.models import Organization
from pytake.infra import bulk

REOPEN_HOURS: Final = 24


def live(number: WhatsAppNumber, contacts: Sequence[Contact], *, now: datetime) -> dict[uuid.UUID, Conversation]:
    """Return the live conversation of each contact, by contact id; reopened or opened where there is none."""
    wanted = {contact.pk: contact for contact in contacts}
    found = {
        row.contact_id: row
        for row in Conversation.objects.filter(number=number, contact_id__in=wanted, status__in=LIVE)
    }
    missing = [contact for key, contact in wanted.items() if key not in found]
    if missing:
        ended = _recently_ended(number, missing, now=now)
        found |= _reopen(ended, now=now)
        found |= _open(number, [contact for contact in missing if contact.pk not in found], now=now)
    return found


def revive(rows: Sequence[Conversation], *, now: datetime) -> None:
    """Reopen threads that ended between the arrival of a message and its handling; the caller has locked them."""
    ended = [row for row in rows if row.status in {Conversation.Status.RESOLVED, Conversation.Status.CLOSED}]
    if not ended:
        return
    others = Conversation.objects.live().filter(
        number_id__in={row.number_id for row in ended}, contact_id__in={row.contact_id for row in ended}
    )
    live = set(others.values_list("number_id", "contact_id"))
    _reopen([row for row in ended if (row.number_id, row.contact_id) not in live], now=now)


def _recently_ended(number: WhatsAppNumber, contacts: Sequence[Contact], *, now: datetime) -> list[Conversation]:
    """Return the last resolved or closed thread of each contact within the organization's reopen window."""
    organization = Organization.objects.get(pk=number.organization_id)
    hours = int((organization.settings or {}).get("reopen_window_hours", REOPEN_HOURS))
    return list(
        Conversation.objects.filter(number=number, contact__in=contacts, status__in=["resolved", "closed"])
        .annotate(over_at=Greatest(Coalesce("resolved_at", "closed_at"), Coalesce("closed_at", "resolved_at")))
        .filter(over_at__gte=now - timedelta(hours=hours))
        .order_by("contact_id", F("over_at").desc(), "pk")
        .distinct("contact_id")
    )


def _reopen(rows: Sequence[Conversation], *, now: datetime) -> dict[uuid.UUID, Conversation]:
    for row in rows:
        row.status = Conversation.Status.OPEN
        row.is_bot_active = True
        row.is_human_requested = False
        row.current_agent = None
        row.resolved_at = row.closed_at = row.queued_at = None
        row.lock_version += 1
    if rows:
        fields = ["status", "is_bot_active", "is_human_requested", "current_agent", "resolved_at", "closed_at"]
        Conversation.objects.bulk_update(rows, [*fields, "queued_at", "lock_version"])
        _note(rows, "reopened", now=now)
    return {row.contact_id: row for row in rows}


def _open(number: WhatsAppNumber, contacts: Sequence[Contact], *, now: datetime) -> dict[uuid.UUID, Conversation]:
    rows = [
        Conversation(organization_id=number.organization_id, number=number, contact=contact) for contact in contacts
    ]
    bulk.insert(Conversation, rows)
    _note(rows, "opened", now=now)
    if contacts:
        Contact.objects.filter(pk__in=[contact.pk for contact in contacts]).update(
            total_conversations=F("total_conversations") + 1
        )
    return {row.contact_id: row for row in rows}


def _note(rows: Sequence[Conversation], kind: str, *, now: datetime) -> None:
    events = [
        {"organization_id": row.organization_id, "conversation_id": row.pk, "created_at": now, "kind": kind}
        for row in rows
    ]
    bulk.insert(ConversationEvent, events)
