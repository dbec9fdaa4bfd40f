"""Matches that the provider proved, merged by a task of its own: never inside the transaction of a message.

Two workers that both hold new messages of the two contacts would otherwise wait for each other.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import OperationalError, transaction
from django.db.models import Exists, OuterRef, Q

from conversations.models import Contact, ContactMatch, ContactMerge, Conversation
from conversations.people import merging
from pytake.core.errors import DomainError
from pytake.infra import bulk, tenancy
from pytake.infra.nudge import nudge

log = structlog.get_logger(__name__)
TASK: Final = "conversations.merge_matches"
# Messages that were on their way when two contacts became one may still arrive for the one that is gone.
FOLLOWED: Final = timedelta(minutes=15)


def propose(pairs: Collection[tuple[uuid.UUID, uuid.UUID, dict[str, Any]]], *, organization_id: uuid.UUID) -> None:
    """Note contacts whose addresses came in one payload: (one, other, evidence). They are merged soon."""
    if not pairs:
        return
    rows = {
        (min(one, other), max(one, other)): {
            "organization_id": organization_id,
            "first_id": min(one, other),
            "second_id": max(one, other),
            "evidence": evidence,
        }
        for one, other, evidence in pairs
    }
    bulk.insert(ContactMatch, list(rows.values()), ignore_conflicts=True)
    nudge(TASK)


def merge_waiting(*, until: datetime, clock: Callable[[], datetime]) -> int:
    """Merge what is proven, and bring home what came late for contacts that are gone. Returns the merges."""
    with tenancy.platform_scope("find matches of contacts to merge"):
        waiting = ContactMatch.objects.filter(state=ContactMatch.State.PENDING).order_by("created_at")
        matches = list(waiting.values_list("organization_id", "pk")[:500])
        late = list(_late(clock() - FOLLOWED).values_list("organization_id", "pk"))
    done = 0
    for organization_id, pk in matches:
        if clock() >= until:
            break
        with tenancy.organization_context(organization_id):
            done += _merge(pk, now=clock())
    for organization_id, pk in late:
        with tenancy.organization_context(organization_id):
            _bring_home(pk, now=clock())
    return done


def _late(since: datetime) -> Any:
    """Return recent merges whose lost contact has a thread again."""
    undone = ContactMerge.objects.filter(undo_of=OuterRef("pk"))
    threads = Conversation.objects.filter(contact_id=OuterRef("merged_contact_id"))
    recent = ContactMerge.objects.filter(Q(created_at__gt=since), undo_of=None)
    return recent.filter(~Exists(undone), Exists(threads))


def _merge(match_id: uuid.UUID, *, now: datetime) -> bool:
    try:
        with transaction.atomic():
            row = ContactMatch.objects.select_for_update(skip_locked=True).filter(pk=match_id, state="pending").first()
            if row is None:
                return False
            keep, gone = _older_first(row)
            merging.merge(keep, gone, reason="WhatsApp", evidence=row.evidence, by=None, request=None, now=now)
            row.state = ContactMatch.State.MERGED
            row.save(update_fields=["state", "updated_at"])
    except OperationalError:
        log.info("merge.raced", match_id=str(match_id))
        return False
    except DomainError:
        # One of them is gone already: there is nothing to merge.
        ContactMatch.objects.filter(pk=match_id).update(state=ContactMatch.State.FAILED)
        return False
    return True


def _older_first(row: ContactMatch) -> tuple[uuid.UUID, uuid.UUID]:
    """Return whom to keep and who goes: who has a name that people gave stays, else the older one."""
    rows = list(Contact.objects.filter(pk__in=[row.first_id, row.second_id]).order_by("created_at", "pk"))
    rows.sort(key=lambda contact: not contact.name)
    return (rows[0].pk, rows[1].pk) if len(rows) == 2 else (row.first_id, row.second_id)


def _bring_home(merge_id: uuid.UUID, *, now: datetime) -> None:
    row = ContactMerge.objects.get(pk=merge_id)
    Contact.objects.filter(pk=row.merged_contact_id).update(deleted_at=None)
    try:
        evidence = {"follows": str(row.pk)}
        merging.merge(
            row.kept_contact_id,
            row.merged_contact_id,
            reason=row.reason,
            evidence=evidence,
            by=None,
            request=None,
            now=now,
        )
    except DomainError:
        log.info("merge.cannot_follow", merge_id=str(merge_id))
