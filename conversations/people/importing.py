"""Importing contacts: rows wait in the database and are taken a slice at a time, each slice in one transaction.

A worker that dies rolls its slice back; the tick takes up what is left. Nothing is lost and nothing comes twice.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import IO, Any, Final

import structlog
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from conversations.consent import ledger
from conversations.models import (
    ConsentEvent,
    Contact,
    ContactIdentity,
    ContactImport,
    ContactImportRow,
)
from conversations.people import fields, owner, planning, sheets, tags
from conversations.people.planning import Planned
from pytake.accounts import audit
from pytake.accounts.models import Organization, User
from pytake.core.errors import ConflictError, DomainError
from pytake.infra import bulk, tenancy
from pytake.infra.ids import new_id
from pytake.infra.nudge import nudge

log = structlog.get_logger(__name__)
TASK: Final = "conversations.import_contacts"
SLICE: Final = 1_000
PREVIEW: Final = 5_000
SHOWN: Final = 8
RACES_MAX: Final = 5
KEPT: Final = timedelta(days=7)
MODES: Final = ("fill", "overwrite", "skip")
BASES: Final = ("consent", "contract")
_O, _S = ContactImportRow.Outcome, ContactImport.State


def upload(file: IO[bytes], *, name: str, by: User, request: Any) -> ContactImport:
    """Read a file into rows that wait for people to say what is in them. Raises SheetError."""
    sheet = sheets.read(file, name=name)
    mapping = planning.guess(sheet.headers, sheet.rows, fields.defined())
    job = ContactImport(
        organization_id=owner.of_new_rows(),
        created_by=by,
        filename=name[-200:],
        reading=sheet.reading,
        headers=sheet.headers,
        mapping=mapping,
        options={"existing": "fill"},
        rows_total=len(sheet.rows),
    )
    with transaction.atomic():
        job.save(force_insert=True)
        for start in range(0, len(sheet.rows), 10_000):
            part = sheet.rows[start : start + 10_000]
            bulk.insert(
                ContactImportRow,
                [
                    {"organization_id": job.organization_id, "job_id": job.pk, "row_number": number, "values": values}
                    for number, values in enumerate(part, start + 1)
                ],
            )
        audit.record(action="contact_import.uploaded", entity=job, by=by, changes={"file": name}, request=request)
    return job


def map_columns(job: ContactImport, *, mapping: dict[str, str], options: dict[str, Any]) -> None:
    """Say which column is what, and how the import goes; only before it starts."""
    _check(mapping, len(job.headers))
    changed = ContactImport.objects.filter(pk=job.pk, state=_S.DRAFT).update(
        mapping=mapping, options={**job.options, **options}
    )
    if not changed:
        raise _moved_on()
    job.mapping, job.options = mapping, {**job.options, **options}


def _check(mapping: dict[str, str], width: int) -> None:
    known = {*planning.TARGETS, *(f"{planning.CUSTOM}{row.key}" for row in fields.defined())}
    targets = list(mapping.values())
    if any(not index.isdigit() or int(index) >= width for index in mapping) or not known.issuperset(targets):
        raise DomainError(_("Check the fields."), fields={"mapping": [_("There is no such column or field.")]})
    if len(set(targets)) < len(targets):
        raise DomainError(_("Check the fields."), fields={"mapping": [_("Each field can come from one column only.")]})
    if "phone" not in targets:
        raise DomainError(_("Check the fields."), fields={"mapping": [_("Say which column has the phone.")]})


def preview(job: ContactImport) -> dict[str, Any]:
    """Return what the first rows will do, and the totals over the first 5,000."""
    rows = list(job.rows.order_by("row_number").values_list("row_number", "values")[:PREVIEW])
    if "phone" not in job.mapping.values():
        return {"rows": rows[:SHOWN], "plans": [], "totals": {}, "looked_at": 0}
    plans = _planned(job, rows)
    totals: dict[str, int] = {}
    for plan in plans:
        totals[plan.outcome] = totals.get(plan.outcome, 0) + 1
    return {"rows": rows[:SHOWN], "plans": plans[:SHOWN], "totals": totals, "looked_at": len(rows)}


def start(job: ContactImport, *, by: User, request: Any, now: datetime) -> None:
    """Begin. Needs a legal basis and where it comes from: consent is recorded for everybody who is new."""
    options = job.options
    _check(job.mapping, len(job.headers))
    problems: dict[str, list[object]] = {}
    if options.get("legal_basis") not in BASES:
        problems["legal_basis"] = [_("Say on what basis these people may be written to.")]
    if not str(options.get("evidence") or "").strip():
        problems["evidence"] = [_("Say where the list comes from. It is kept as evidence.")]
    if problems:
        raise DomainError(_("Check the fields."), fields=problems)
    with transaction.atomic():
        begun = ContactImport.objects.filter(pk=job.pk, state=_S.DRAFT).update(state=_S.RUNNING, started_at=now)
        if not begun:
            raise _moved_on()
        changes = {"file": job.filename, "rows": job.rows_total, "options": options}
        audit.record(action="contact_import.started", entity=job, by=by, changes=changes, request=request)
        nudge(TASK)
    job.state = _S.RUNNING


def cancel(job: ContactImport, *, by: User, request: Any, now: datetime) -> None:
    """Stop after the present slice; what is imported stays."""
    with transaction.atomic():
        stopped = ContactImport.objects.filter(pk=job.pk, state__in=[_S.DRAFT, _S.RUNNING]).update(
            state=_S.CANCELLED, finished_at=now
        )
        if not stopped:
            raise _moved_on()
        audit.record(action="contact_import.cancelled", entity=job, by=by, request=request)


def _moved_on() -> ConflictError:
    return ConflictError(_("This import has moved on. Reload the page."))


def import_waiting(*, until: datetime, clock: Callable[[], datetime]) -> int:
    """Import slices of all that runs, in turns, until nothing waits or the time is over. Returns the slices."""
    total = 0
    while clock() < until:
        with tenancy.platform_scope("find imports to run"):
            running = list(
                ContactImport.objects.filter(state=_S.RUNNING)
                .order_by("started_at")
                .values_list("organization_id", "pk")
            )
        done = sum(_safely(*pair, clock=clock) for pair in running)
        if not done:
            break
        total += done
    return total


def _safely(organization_id: uuid.UUID, job_id: uuid.UUID, *, clock: Callable[[], datetime]) -> bool:
    """Import a slice; once more when somebody wrote to us meanwhile and made the same contact."""
    with tenancy.organization_context(organization_id):
        for _attempt in range(RACES_MAX):
            try:
                return _slice(job_id, now=clock())
            except (IntegrityError, OperationalError):
                log.info("import.raced", import_id=str(job_id))
    return False


@transaction.atomic
def _slice(job_id: uuid.UUID, *, now: datetime) -> bool:
    jobs = ContactImport.objects.select_for_update(skip_locked=True, of=("self",)).filter(pk=job_id, state=_S.RUNNING)
    job = jobs.first()
    if job is None:
        return False
    waiting = job.rows.filter(outcome="").order_by("row_number").values_list("row_number", "values")
    rows = list(waiting[:SLICE])
    if not rows:
        job.state, job.finished_at = _S.DONE, now
        job.save(update_fields=["state", "finished_at", "updated_at"])
        audit.record(action="contact_import.done", entity=job, by=job.created_by, changes=_figures(job))
        return False
    plans = _planned(job, rows, lock=True)
    made = _write(job, plans, now=now)
    _note(job, plans, made)
    return True


def _figures(job: ContactImport) -> dict[str, int]:
    names = ("created", "updated", "unchanged", "refused")
    return {name: getattr(job, f"rows_{name}") for name in names}


def _planned(job: ContactImport, rows: Sequence[tuple[int, list[str]]], *, lock: bool = False) -> list[Planned]:
    reader = planning.Reader(job, fields.defined())
    read = [reader.read(number, values) for number, values in rows]
    keys = [plan.address.key for plan in read if plan.address is not None]
    held = dict(ContactIdentity.objects.filter(canonical_key__in=keys).values_list("canonical_key", "contact_id"))
    people = Contact.objects.filter(pk__in=set(held.values())).order_by("pk")
    by_id = {row.pk: row for row in (people.select_for_update(no_key=True) if lock else people)}
    taken = set(job.rows.filter(contact_id__in=by_id).exclude(outcome="").values_list("contact_id", flat=True))
    known = {key: by_id[pk] for key, pk in held.items()}
    mode = job.options.get("existing", "fill")
    return planning.settle(read, known, taken=taken, mode=mode, room=_room(job))


def _room(job: ContactImport) -> int | None:
    """Return how many contacts the plan still allows; None without a limit."""
    limit = Organization.objects.select_related("plan").get(pk=job.organization_id).limit("max_contacts")
    return None if limit < 0 else max(0, limit - Contact.objects.filter(deleted_at=None).count())


def _write(job: ContactImport, plans: Sequence[Planned], *, now: datetime) -> dict[int, uuid.UUID]:
    """Write contacts, addresses, tags and consent. Returns the contact of each row, by its number."""
    mode = job.options.get("existing", "fill")
    fresh = [plan for plan in plans if plan.outcome == _O.CREATED and plan.contact_id is None]
    ids = {plan.number: new_id() for plan in fresh}
    bulk.insert(Contact, [_contact(job, plan, ids[plan.number]) for plan in fresh])
    bulk.insert(ContactIdentity, [_identity(job, plan, ids[plan.number], now=now) for plan in fresh])
    known = [plan for plan in plans if plan.contact_id is not None]
    back = [plan for plan in known if plan.outcome == _O.CREATED]
    _update([plan for plan in known if plan.outcome == _O.UPDATED], overwrite=mode == "overwrite", now=now)
    _update(back, overwrite=True, now=now)
    ids |= {plan.number: plan.contact_id for plan in known if plan.contact_id is not None}
    _put_tags(job, [plan for plan in plans if plan.outcome in {_O.CREATED, _O.UPDATED}], ids)
    ledger.record([_fact(job, plan, ids[plan.number], now=now) for plan in fresh], now=now)
    return ids


def _contact(job: ContactImport, plan: Planned, pk: uuid.UUID) -> dict[str, Any]:
    names = ("name", "email", "company", "document", "notes")
    return {
        "id": pk,
        "organization_id": job.organization_id,
        **{name: plan.data.get(name, "") for name in names},
        "is_vip": plan.data.get("is_vip", False),
        "attributes": {key: value for key, value in plan.attributes.items() if value is not None},
        "source": "import",
    }


def _identity(job: ContactImport, plan: Planned, contact_id: uuid.UUID, *, now: datetime) -> dict[str, Any]:
    address = plan.address
    assert address is not None, "rows without an address are refused"
    return {
        "id": new_id(),
        "organization_id": job.organization_id,
        "contact_id": contact_id,
        "kind": address.kind,
        "value": address.value,
        "canonical_key": address.key,
        "e164": address.value if address.kind == "phone" else "",
        "is_primary": True,
        "source": "import",
        "first_seen_at": now,
    }


_UPDATE: Final = """
UPDATE conversations_contact contact SET
    name = CASE WHEN said.name <> '' AND (%(overwrite)s OR contact.name = '') THEN said.name ELSE contact.name END,
    email = CASE WHEN said.email <> '' AND (%(overwrite)s OR contact.email = '') THEN said.email ELSE contact.email END,
    company = CASE WHEN said.company <> '' AND (%(overwrite)s OR contact.company = '')
                   THEN said.company ELSE contact.company END,
    document = CASE WHEN said.document <> '' AND (%(overwrite)s OR contact.document = '')
                    THEN said.document ELSE contact.document END,
    notes = CASE WHEN said.notes <> '' AND (%(overwrite)s OR contact.notes = '') THEN said.notes ELSE contact.notes END,
    is_vip = CASE WHEN %(overwrite)s THEN coalesce(said.is_vip, contact.is_vip)
                  ELSE contact.is_vip OR coalesce(said.is_vip, false) END,
    attributes = CASE WHEN %(overwrite)s THEN contact.attributes || said.attributes
                      ELSE said.attributes || contact.attributes END,
    deleted_at = NULL, updated_at = %(now)s
FROM json_to_recordset(%(rows)s::json)
    AS said (id uuid, name text, email text, company text, document text, notes text, is_vip boolean, attributes jsonb)
WHERE contact.id = said.id
"""


def _update(plans: Sequence[Planned], *, overwrite: bool, now: datetime) -> None:
    if not plans:
        return
    names = ("name", "email", "company", "document", "notes")
    rows = [
        {
            "id": str(plan.contact_id),
            **{name: plan.data.get(name, "") for name in names},
            "is_vip": plan.data.get("is_vip"),
            "attributes": {key: value for key, value in plan.attributes.items() if value is not None},
        }
        for plan in plans
    ]
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, {"rows": json.dumps(rows), "overwrite": overwrite, "now": now})


def _put_tags(job: ContactImport, plans: Sequence[Planned], ids: dict[int, uuid.UUID]) -> None:
    for_all = planning.tags_of(str(job.options.get("tags") or ""))
    wanted = {(ids[plan.number], name) for plan in plans for name in (*plan.tags, *for_all)}
    if not wanted:
        return
    known = tags.named({name for _contact_id, name in wanted}, make=True)
    tags.attach({(contact_id, known[name.lower()].pk) for contact_id, name in wanted}, by=job.created_by_id)


def _fact(job: ContactImport, plan: Planned, contact_id: uuid.UUID, *, now: datetime) -> ledger.Fact:
    """Return what is recorded of somebody new: promotions need consent, a contract allows service messages only."""
    basis = job.options["legal_basis"]
    agreed = basis == "consent"
    return ledger.Fact(
        contact_id=contact_id,
        purpose=ConsentEvent.Purpose.MARKETING,
        action=ConsentEvent.Action.OPT_IN if agreed else ConsentEvent.Action.OPT_OUT,
        source=ConsentEvent.Source.IMPORT,
        at=now,
        key=f"import:{job.pk.hex}:{plan.number}",
        by=job.created_by_id,
        legal_basis=basis,
        evidence={
            "import_id": str(job.pk),
            "file": job.filename,
            "row": plan.number,
            "reason": job.options["evidence"],
        },
    )


_NOTE: Final = """
UPDATE conversations_contactimportrow row SET
    outcome = said.outcome, problem = said.problem, contact_id = said.contact_id
FROM json_to_recordset(%(rows)s::json) AS said (number int, outcome text, problem text, contact_id uuid)
WHERE row.job_id = %(job)s AND row.row_number = said.number
"""


def _note(job: ContactImport, plans: Sequence[Planned], ids: dict[int, uuid.UUID]) -> None:
    """Write down what became of the rows."""
    rows = [
        {
            "number": plan.number,
            "outcome": str(plan.outcome),
            "problem": plan.problem,
            "contact_id": str(ids[plan.number]) if plan.number in ids else None,
        }
        for plan in plans
    ]
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, {"rows": json.dumps(rows), "job": job.pk})
    counts = {name: sum(plan.outcome == name for plan in plans) for name in _O.values}
    ContactImport.objects.filter(pk=job.pk).update(
        **{f"rows_{name}": F(f"rows_{name}") + count for name, count in counts.items()}
    )


_UNDO: Final = """
UPDATE conversations_contact contact SET deleted_at = %(now)s, updated_at = %(now)s
WHERE contact.deleted_at IS NULL AND contact.updated_at <= %(finished)s
  AND contact.id IN (
      SELECT contact_id FROM conversations_contactimportrow WHERE job_id = %(job)s AND outcome = 'created')
  AND NOT EXISTS (SELECT FROM conversations_conversation thread WHERE thread.contact_id = contact.id)
  AND NOT EXISTS (
      SELECT FROM conversations_consentevent event
      WHERE event.contact_id = contact.id AND event.created_at > %(finished)s)
  AND NOT EXISTS (SELECT FROM conversations_contactmerge merge WHERE merge.kept_contact_id = contact.id)
"""


def undo(job: ContactImport, *, by: User, request: Any, now: datetime) -> int:
    """Delete the contacts that the import made and that nobody has used or edited since. Returns how many."""
    with transaction.atomic():
        undone = ContactImport.objects.filter(pk=job.pk, state__in=[_S.DONE, _S.CANCELLED], started_at__isnull=False)
        if job.finished_at is None or job.finished_at < now - KEPT or not undone.update(state=_S.UNDONE):
            raise ConflictError(_("This import cannot be undone any more."))
        with connection.cursor() as cursor:
            cursor.execute(_UNDO, {"now": now, "finished": job.finished_at, "job": job.pk})
            removed = int(cursor.rowcount)
        ContactImport.objects.filter(pk=job.pk).update(rows_removed=removed)
        audit.record(action="contact_import.undone", entity=job, by=by, changes={"removed": removed}, request=request)
    return removed


def refused(job: ContactImport, *, most: int | None = None) -> list[tuple[int, str, list[str]]]:
    """Return the refused rows: number, problem, values."""
    rows = job.rows.filter(outcome=_O.REFUSED).order_by("row_number").values_list("row_number", "problem", "values")
    return list(rows[:most] if most else rows)


def forget(*, now: datetime) -> None:
    """Delete the rows of files that are old: they hold people's data, and the report has served."""
    with tenancy.platform_scope("rows of old imports of all organizations are deleted together"):
        old = ContactImport.objects.filter(updated_at__lt=now - KEPT).exclude(state=_S.RUNNING)
        ContactImportRow.objects.filter(job__in=old).delete()
