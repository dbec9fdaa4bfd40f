"""Writing the ledger of consent; what contacts show is derived from it, never set by itself."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from conversations.consent import rules
from conversations.models import ConsentEvent, Contact
from notifications import events
from pytake.infra import bulk, tenancy

_P, _A = ConsentEvent.Purpose, ConsentEvent.Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that happened to a contact's consent; `key` names it, so that it is recorded once."""

    contact_id: uuid.UUID
    purpose: str
    action: str
    source: str
    at: datetime
    key: str | None = None
    number_id: uuid.UUID | None = None
    by: uuid.UUID | None = None
    wording: str = ""
    legal_basis: str = "consent"
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class State:
    """What a contact accepts."""

    promotions: bool
    bot: bool


def lock(contact_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, State]:
    """Lock contacts in a fixed order and return what they accept now."""
    rows = Contact.objects.filter(pk__in=contact_ids).order_by("pk").select_for_update(no_key=True)
    return {pk: State(opt_in, bot) for pk, opt_in, bot in rows.values_list("pk", "opt_in", "accepts_bot")}


@transaction.atomic
def record(facts: Sequence[Fact], *, now: datetime) -> None:
    """Append facts, derive the contacts' state, and stop what people no longer want. A few statements in all."""
    if not facts:
        return
    ids = sorted({fact.contact_id for fact in facts})
    before = lock(ids)
    bulk.insert(ConsentEvent, [_row(fact, now=now) for fact in facts], ignore_conflicts=True)
    with connection.cursor() as cursor:
        cursor.execute(_DERIVE, {"ids": ids, "organization": tenancy.current_organization_id()})
    after = lock(ids)
    silenced = [pk for pk in ids if before[pk].bot and not after[pk].bot]
    if silenced:
        import_string(settings.CONTACTS_OPTED_OUT)(silenced, now=now)
    if any(before[pk] != after[pk] for pk in ids):
        _cancel(ids, now=now)


@transaction.atomic
def silence(contact_ids: Sequence[uuid.UUID], *, now: datetime) -> None:
    """Contacts were blocked: bots fall silent, and what waits to be sent by machines is not sent."""
    ids = sorted(contact_ids)
    lock(ids)
    import_string(settings.CONTACTS_OPTED_OUT)(ids, now=now)
    _cancel(ids, now=now)


@transaction.atomic
def derive(contact_ids: Sequence[uuid.UUID]) -> None:
    """Derive what contacts accept from the ledger once more, after events changed hands."""
    with connection.cursor() as cursor:
        cursor.execute(_DERIVE, {"ids": sorted(contact_ids), "organization": tenancy.current_organization_id()})


def _row(fact: Fact, *, now: datetime) -> dict[str, Any]:
    return {
        "organization_id": tenancy.current_organization_id(),
        "created_at": now,
        "contact_id": fact.contact_id,
        "number_id": fact.number_id,
        "purpose": str(fact.purpose),
        "action": str(fact.action),
        "source": str(fact.source),
        "legal_basis": fact.legal_basis,
        "wording_version": fact.wording,
        "evidence": fact.evidence,
        "actor_user_id": fact.by,
        "occurred_at": fact.at,
        "dedupe_key": fact.key,
    }


# The newest event of (contact, purpose, number or all) is the state; without any, people accept what they are sent.
_DERIVE: Final = """
WITH newest AS (
    SELECT DISTINCT ON (contact_id, purpose, number_id) contact_id, purpose, number_id, action, occurred_at
    FROM conversations_consentevent
    WHERE organization_id = %(organization)s AND contact_id = ANY(%(ids)s)
    ORDER BY contact_id, purpose, number_id, occurred_at DESC, id DESC
), state AS (
    SELECT contact_id,
        coalesce(bool_or(action IN ('opt_out', 'expire')) FILTER (WHERE purpose = 'marketing' AND number_id IS NULL),
                 false) AS no_promotions,
        coalesce(bool_or(action IN ('opt_out', 'expire')) FILTER (WHERE purpose = 'utility' AND number_id IS NULL),
                 false) AS no_bot,
        max(occurred_at) FILTER (WHERE purpose = 'marketing' AND number_id IS NULL AND action = 'opt_in') AS in_at,
        max(occurred_at) FILTER (WHERE purpose = 'marketing' AND number_id IS NULL AND action = 'opt_out') AS out_at,
        coalesce(jsonb_object_agg(number_id::text, occurred_at)
                 FILTER (WHERE purpose = 'marketing' AND number_id IS NOT NULL AND action IN ('stop', 'opt_out')),
                 '{}') AS stopped
    FROM newest GROUP BY contact_id
)
UPDATE conversations_contact contact SET
    opt_in = NOT state.no_promotions, accepts_bot = NOT state.no_bot, marketing_stopped = state.stopped,
    opted_in_at = coalesce(state.in_at, contact.opted_in_at),
    opted_out_at = coalesce(state.out_at, contact.opted_out_at)
FROM state WHERE contact.id = state.contact_id
"""

# Rows that a sender is just taking are left to it: it asks again.
_CANCEL: Final = f"""
WITH unwanted AS (
    SELECT message.id, {rules.REFUSAL_SQL} AS reason
    FROM conversations_message message JOIN conversations_contact contact ON contact.id = message.contact_id
    WHERE message.contact_id = ANY(%(ids)s) AND message.dispatch_state = 'queued'
    FOR UPDATE OF message SKIP LOCKED
)
UPDATE conversations_message message SET
    dispatch_state = 'cancelled', status = 'failed', failed_at = %(now)s, error_code = unwanted.reason,
    not_before = NULL
FROM unwanted WHERE message.id = unwanted.id AND unwanted.reason <> ''
RETURNING message.organization_id, message.conversation_id, message.id
"""


def _cancel(contact_ids: list[uuid.UUID], *, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_CANCEL, {"ids": contact_ids, "now": now})
        rows = cursor.fetchall()
    events.emit_many(
        [
            events.EventDraft(
                organization_id=organization_id,
                room=f"conversation:{conversation_id}",
                event_type="message:status",
                now=now,
                data={"conversation_id": str(conversation_id), "message_id": str(pk), "status": "failed"},
            )
            for organization_id, conversation_id, pk in rows
        ]
    )
