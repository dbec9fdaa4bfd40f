"""Two contacts become one, and two again when somebody undoes it within 30 days.

Everything that points to a contact is moved with one statement a table, found through the models' keys, so that
tables of other apps come along. Contacts are locked in the order of their keys: two merges never wait for each other.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import OperationalError, connection, models, transaction
from django.utils.functional import Promise
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from conversations.consent import ledger
from conversations.models import Contact, ContactMatch, ContactMerge, ContactTag, Conversation, Message
from conversations.models.threads import LIVE
from pytake.accounts import audit
from pytake.accounts.models import User
from pytake.core.errors import ConflictError, NotFoundError

log = structlog.get_logger(__name__)
UNDO_DAYS: Final = 30
RACES_MAX: Final = 3
FIELDS: Final[Mapping[str, str | Promise]] = {
    "name": _("Name"),
    "email": _("E-mail"),
    "company": _("Company"),
    "document": _("Document"),
    "language": _("Language"),
    "lifecycle_stage": _("Stage"),
    "notes": _("Notes"),
}
# Taken along whatever people choose: what WhatsApp says, and marks that either contact has.
_EITHER: Final = ("is_vip", "is_blocked")
_CONSENT: Final = ("opt_in", "accepts_bot", "marketing_stopped", "opted_in_at", "opted_out_at")
_FILLED: Final = ("profile_name", "username", "blocked_at", "blocked_reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A field of the preview: both values, and whose wins unless somebody chooses otherwise."""

    name: str
    label: str | Promise
    keep: str
    merge: str
    winner: str

    @property
    def is_choice(self) -> bool:
        """Return whether there is something to choose."""
        return bool(self.keep and self.merge and self.keep != self.merge)


def preview(keep: Contact, gone: Contact) -> list[Line]:
    """Return the fields that either contact has."""
    lines = []
    for name, label in FIELDS.items():
        mine, other = str(getattr(keep, name) or ""), str(getattr(gone, name) or "")
        if mine or other:
            lines.append(Line(name=name, label=label, keep=mine, merge=other, winner="keep" if mine else "merge"))
    return lines


def merge_now(keep_id: uuid.UUID, gone_id: uuid.UUID, **how: Any) -> ContactMerge:
    """Merge outside of a transaction; once more when messages of the two arrived at that very moment."""
    for _attempt in range(RACES_MAX):
        try:
            return merge(keep_id, gone_id, **how)
        except OperationalError:
            log.info("merge.raced", contact_id=str(keep_id))
    raise ConflictError(_("The two contacts are busy. Try again in a moment."))


@transaction.atomic
def merge(
    keep_id: uuid.UUID,
    gone_id: uuid.UUID,
    *,
    winners: Mapping[str, str] | None = None,
    reason: str = "",
    evidence: Mapping[str, Any] | None = None,
    by: User | None,
    request: Any,
    now: datetime,
) -> ContactMerge:
    """Make one contact of two; the second is gone and its addresses, threads, tags and consent are the first's.

    `winners` says by field whether "keep" or "merge" wins; else the kept contact's value, where it has one.
    Raises NotFoundError, or ConflictError for a contact with itself.
    """
    if keep_id == gone_id:
        raise ConflictError(_("Choose two different contacts."))
    keep, gone = _locked(keep_id, gone_id)
    changes = _united(keep, gone, winners or {})
    before = {name: _plain(getattr(keep, name)) for name in changes}
    for name, value in changes.items():
        setattr(keep, name, value)
    keep.save(update_fields=[*changes, "updated_at"])
    after = {name: _plain(value) for name, value in changes.items()}
    consent = {name: _plain(getattr(keep, name)) for name in _CONSENT}
    moved = {
        "consent": consent,
        "before": before,
        "after": after,
        "tags": _share_tags(keep, gone),
        **_move(gone.pk, keep.pk, now=now),
    }
    Contact.objects.filter(pk=gone.pk).update(deleted_at=now, updated_at=now)
    _recount([keep.pk])
    ledger.derive([keep.pk])
    row = ContactMerge.objects.create(
        organization_id=keep.organization_id,
        created_at=now,
        kept_contact=keep,
        merged_contact_id=gone.pk,
        reason=reason,
        evidence=dict(evidence or {}),
        moved=moved,
        performed_by=by,
    )
    changes_said = {"merged": str(gone.pk), "reason": reason}
    audit.record(action="contact.merged", entity=keep, by=by, changes=changes_said, request=request)
    return row


def _locked(*ids: uuid.UUID, alive: bool = True) -> list[Contact]:
    """Lock contacts in the order of their keys. New rows that point to them wait for us."""
    rows = Contact.objects.filter(pk__in=ids).order_by("pk").select_for_update()
    found = {row.pk: row for row in rows if row.deleted_at is None or not alive}
    if len(found) < len(set(ids)):
        raise NotFoundError(_("There is no such contact."))
    return [found[pk] for pk in ids]


def _united(keep: Contact, gone: Contact, winners: Mapping[str, str]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name in FIELDS:
        mine, other = getattr(keep, name), getattr(gone, name)
        if other and other != mine and (winners.get(name) == "merge" or (not mine and winners.get(name) != "keep")):
            changes[name] = other
    for name in _EITHER:
        if getattr(gone, name) and not getattr(keep, name):
            changes[name] = True
    for name in _FILLED:
        if getattr(gone, name) and not getattr(keep, name):
            changes[name] = getattr(gone, name)
    attributes = {**gone.attributes, **keep.attributes}
    if attributes != keep.attributes:
        changes["attributes"] = attributes
    return changes


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _share_tags(keep: Contact, gone: Contact) -> list[str]:
    """Give the kept contact the other's tags; return those that it did not have. The other keeps its rows."""
    mine = set(ContactTag.objects.filter(contact=keep).values_list("tag_id", flat=True))
    fresh = [row for row in ContactTag.objects.filter(contact=gone) if row.tag_id not in mine]
    ContactTag.objects.bulk_create(
        ContactTag(organization_id=keep.organization_id, contact=keep, tag_id=row.tag_id, added_by_id=row.added_by_id)
        for row in fresh
    )
    return [str(row.tag_id) for row in fresh]


def links() -> list[tuple[type[models.Model], str]]:
    """Return what points to contacts, (model, column), and moves: all but tags, messages and merges themselves.

    Messages move with their threads.
    """
    stay = (ContactTag, ContactMerge, ContactMatch, Message)
    found = [
        (relation.related_model, relation.field.column)
        for relation in Contact._meta.get_fields(include_hidden=True)
        if isinstance(relation, models.ManyToOneRel) and relation.related_model not in stay
    ]
    return sorted(found, key=lambda pair: pair[0]._meta.label)


def _move(source: uuid.UUID, target: uuid.UUID, *, now: datetime) -> dict[str, Any]:
    """Point everything of one contact to the other. Returns what moved."""
    import_string(settings.CONTACTS_MERGED)(source, now=now)
    closed = _close_second_threads(source, target, now=now)
    rows: dict[str, list[str]] = {}
    for model, column in links():
        ids = _repoint(model, column, source, target)
        if ids:
            rows[model._meta.label] = ids
    threads = rows.get(Conversation._meta.label, [])
    _repoint_messages(threads, target)
    return {"closed": closed, "rows": rows}


def _repoint(model: type[models.Model], column: str, source: uuid.UUID, target: uuid.UUID) -> list[str]:
    quote = connection.ops.quote_name
    # One primary address is enough.
    extra = ", is_primary = false" if model._meta.label == "conversations.ContactIdentity" else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {quote(model._meta.db_table)} SET {quote(column)} = %s{extra} "
            f"WHERE {quote(column)} = %s RETURNING id",
            [target, source],
        )
        return [str(pk) for (pk,) in cursor.fetchall()]


def _repoint_messages(threads: list[str], target: uuid.UUID) -> None:
    Message.objects.filter(conversation_id__in=threads).update(contact_id=target)


def _close_second_threads(source: uuid.UUID, target: uuid.UUID, *, now: datetime) -> list[list[str]]:
    """Of two live threads with one number close the one that leaves; return [thread, former state]."""
    mine = Conversation.objects.filter(contact_id=target, status__in=LIVE).values("number_id")
    double = Conversation.objects.filter(contact_id=source, status__in=LIVE, number_id__in=mine).select_for_update()
    closed = [[str(row.pk), row.status] for row in double]
    Conversation.objects.filter(pk__in=[pk for pk, _status in closed]).update(
        status=Conversation.Status.CLOSED, closed_at=now, close_reason="merged", updated_at=now
    )
    return closed


_RECOUNT: Final = """
WITH thread AS (
    SELECT id, contact_id FROM conversations_conversation WHERE contact_id = ANY(%(ids)s)
), counted AS (
    SELECT thread.contact_id,
        count(DISTINCT thread.id) AS threads,
        count(message.id) FILTER (WHERE message.direction = 'inbound') AS received,
        count(message.id) FILTER (WHERE message.direction = 'outbound' AND NOT message.is_internal_note
                                  AND message.status IN ('sent', 'delivered', 'read')) AS sent,
        max(message.whatsapp_timestamp) FILTER (WHERE message.direction = 'inbound') AS heard_at,
        max(message.sent_at) FILTER (WHERE NOT message.is_internal_note) AS told_at
    FROM thread LEFT JOIN conversations_message message ON message.conversation_id = thread.id
    GROUP BY thread.contact_id
)
UPDATE conversations_contact contact SET
    total_conversations = coalesce(counted.threads, 0),
    total_messages_received = coalesce(counted.received, 0),
    total_messages_sent = coalesce(counted.sent, 0),
    last_message_received_at = counted.heard_at,
    last_message_sent_at = counted.told_at,
    last_message_at = greatest(counted.heard_at, counted.told_at)
FROM unnest(%(ids)s::uuid[]) AS wanted (id) LEFT JOIN counted ON counted.contact_id = wanted.id
WHERE contact.id = wanted.id
"""


def _recount(ids: list[uuid.UUID]) -> None:
    """Count what contacts have had, from the messages themselves."""
    with connection.cursor() as cursor:
        cursor.execute(_RECOUNT, {"ids": ids})


def may_undo(row: ContactMerge, *, now: datetime) -> bool:
    """Return whether a merge can still be undone; needs `undone_by` loaded for no query."""
    return row.undo_of_id is None and row.created_at > now - timedelta(days=UNDO_DAYS) and not hasattr(row, "undone_by")


@transaction.atomic
def undo(row: ContactMerge, *, by: User, request: Any, now: datetime) -> ContactMerge:
    """Make two contacts of one again: what came from the second goes back, edits made since stay with the first.

    Raises ConflictError after 30 days, a second time, or when the kept contact has itself been merged away.
    """
    if not may_undo(row, now=now):
        raise ConflictError(_("This merge cannot be undone any more."))
    keep, back = _locked(row.kept_contact_id, row.merged_contact_id, alive=False)
    if keep.deleted_at is not None or ContactMerge.objects.filter(undo_of=row).exists():
        raise ConflictError(_("This merge cannot be undone any more."))
    _restore_fields(keep, row.moved)
    Contact.objects.filter(pk=back.pk).update(deleted_at=None, updated_at=now)
    ContactTag.objects.filter(contact=keep, tag_id__in=row.moved.get("tags", [])).delete()
    _move_back(row.moved, keep.pk, back.pk)
    _recount([keep.pk, back.pk])
    ledger.derive([keep.pk, back.pk])
    undone = ContactMerge.objects.create(
        organization_id=keep.organization_id,
        created_at=now,
        kept_contact=keep,
        merged_contact_id=back.pk,
        reason=row.reason,
        performed_by=by,
        undo_of=row,
    )
    changes = {"separated": str(back.pk)}
    audit.record(action="contact.merge_undone", entity=keep, by=by, changes=changes, request=request)
    return undone


def _restore_fields(keep: Contact, moved: Mapping[str, Any]) -> None:
    """Give fields their former values, unless somebody has edited them since."""
    restored = [name for name, value in moved["after"].items() if _plain(getattr(keep, name)) == value]
    for name in restored:
        setattr(keep, name, moved["before"][name])
    # The ledger says more, once its events are back where they belong.
    for name, value in moved["consent"].items():
        setattr(keep, name, value)
    keep.save(update_fields=[*restored, *moved["consent"], "updated_at"])


def _move_back(moved: Mapping[str, Any], source: uuid.UUID, target: uuid.UUID) -> None:
    rows: dict[str, list[str]] = moved["rows"]
    for model, column in links():
        ids = rows.get(model._meta.label, [])
        if ids:
            quote = connection.ops.quote_name
            with connection.cursor() as cursor:
                cursor.execute(
                    f"UPDATE {quote(model._meta.db_table)} SET {quote(column)} = %s "
                    f"WHERE {quote(column)} = %s AND id::text = ANY(%s)",
                    [target, source, ids],
                )
    _repoint_messages(rows.get(Conversation._meta.label, []), target)
    for pk, status in moved["closed"]:
        Conversation.objects.filter(pk=pk, status=Conversation.Status.CLOSED, close_reason="merged").update(
            status=status, closed_at=None, close_reason=""
        )
    _one_primary(target)


def _one_primary(contact_id: uuid.UUID) -> None:
    """Make the oldest address of a contact its primary one again."""
    rows = Contact.objects.get(pk=contact_id).identities.order_by("created_at", "pk")
    if (first := rows.first()) is not None:
        first.is_primary = True
        first.save(update_fields=["is_primary", "updated_at"])
