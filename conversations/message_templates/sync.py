"""Reading the templates of a business account: page by page, each written at once; what is gone is marked.

The row of the account is the queue and the lease. A run writes down its cursor with every page, so that whoever
comes next goes on where it stopped; what the run has not seen when it ends was deleted at the provider.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.db.models import F, Q

from conversations.gateway import templates as gateway
from conversations.gateway.templates import Page, TemplateApiError
from conversations.message_templates import accounts, notices, states
from conversations.models import TemplateSync, WhatsAppTemplate, WhatsAppTemplateEvent
from notifications import events
from pytake.infra import tenancy
from pytake.infra.nudge import nudge

log = structlog.get_logger(__name__)
TASK: Final = "conversations.sync_templates"
EVERY: Final = timedelta(hours=1)
LEASE: Final = timedelta(minutes=2)
FIRST_WAIT: Final = timedelta(minutes=1)
ROWS_MAX: Final = 100_000
_SOURCE: Final = WhatsAppTemplateEvent.Source.SYNC


@dataclass(frozen=True, slots=True)
class Claim:
    """An account that this worker reads, until `lease`."""

    pk: uuid.UUID
    organization_id: uuid.UUID
    lease: datetime


def request(organization_id: uuid.UUID, account_id: str, *, now: datetime) -> TemplateSync:
    """Have an account read as soon as possible; one that is being read is left alone."""
    row, made = TemplateSync.objects.get_or_create(
        organization_id=organization_id, account_id=account_id, defaults={"due_at": now}
    )
    if not made:
        TemplateSync.objects.filter(pk=row.pk, run_started_at=None, due_at__gt=now).update(due_at=now)
    nudge(TASK)
    return row


_EXPECT: Final = """
INSERT INTO conversations_templatesync (id, created_at, updated_at, organization_id, account_id, due_at, cursor,
    attempts, created, updated, removed, seen, error_code, error_detail)
SELECT gen_random_uuid(), %(now)s, %(now)s, organization_id, whatsapp_business_account_id, %(now)s, '',
    0, 0, 0, 0, 0, '', ''
FROM conversations_whatsappnumber
WHERE connection_type = 'official' AND is_active AND deleted_at IS NULL AND whatsapp_business_account_id <> ''
GROUP BY organization_id, whatsapp_business_account_id
ON CONFLICT (organization_id, account_id) DO NOTHING
"""
_CLAIM: Final = """
UPDATE conversations_templatesync SET due_at = %(lease)s WHERE id = (
    SELECT id FROM conversations_templatesync sync WHERE due_at <= %(now)s AND EXISTS (
        SELECT FROM conversations_whatsappnumber number WHERE number.organization_id = sync.organization_id
            AND number.whatsapp_business_account_id = sync.account_id AND number.is_active AND number.deleted_at IS NULL
    ) ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id, organization_id
"""


def run_due(*, until: datetime, clock: Callable[[], datetime]) -> int:
    """Read accounts that are due until none is left or the time is over. Returns how many pages were read."""
    with tenancy.platform_scope("find accounts whose templates are read"), connection.cursor() as cursor:
        cursor.execute(_EXPECT, {"now": clock()})
    pages = 0
    while clock() < until:
        claim = _claim(clock())
        if claim is None:
            break
        with tenancy.organization_context(claim.organization_id):
            pages += run(claim, until=until, clock=clock)
    return pages


def _claim(now: datetime) -> Claim | None:
    lease = now + LEASE
    with tenancy.platform_scope("claim an account whose templates are read"), connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": now, "lease": lease})
        row = cursor.fetchone()
    return Claim(row[0], row[1], lease) if row else None


def run_now(row: TemplateSync, *, until: datetime, clock: Callable[[], datetime]) -> TemplateSync:
    """Read an account at once as far as time allows, unless somebody else does; the rest is left to workers."""
    lease = clock() + LEASE
    with transaction.atomic():
        taken = TemplateSync.objects.filter(pk=row.pk).filter(Q(run_started_at=None) | Q(due_at__lte=clock()))
        mine = taken.update(due_at=lease)
    if mine:
        run(Claim(row.pk, row.organization_id, lease), until=until, clock=clock)
    row.refresh_from_db()
    return row


def run(claim: Claim, *, until: datetime, clock: Callable[[], datetime]) -> int:
    """Read pages of a claimed account until the end, the time or an error. Returns how many."""
    row = TemplateSync.objects.get(pk=claim.pk)
    if row.run_started_at is None:
        row.run_started_at = clock()
        row.cursor, row.created, row.updated, row.removed, row.seen = "", 0, 0, 0, 0
    pages = 0
    while True:
        try:
            page = gateway.list_page(accounts.access(row.account_id, turn=row.attempts), after=row.cursor)
        except TemplateApiError as exc:
            _fail(row, claim, exc, now=clock())
            return pages
        pages += 1
        is_last = not page.after
        now = clock()
        held = _take(row, claim, page, now=now)
        if held is None or is_last:
            return pages
        claim = held
        if now >= until:
            _hand_on(row, claim, now=now)
            return pages


def _take(row: TemplateSync, claim: Claim, page: Page, *, now: datetime) -> Claim | None:
    """Write a page and how far we are, or the end of the run; None if another worker has the account meanwhile."""
    with transaction.atomic():
        lease = now + LEASE
        if not TemplateSync.objects.filter(pk=row.pk, due_at=claim.lease).update(due_at=lease):
            return None
        created, updated = take_page(row.organization_id, row.account_id, page.rows, now=now)
        row.created, row.updated, row.seen = row.created + created, row.updated + updated, row.seen + len(page.rows)
        row.cursor, row.due_at = page.after, lease
        row.attempts, row.error_code, row.error_detail = 0, "", ""
        if not page.after or row.seen >= ROWS_MAX:
            _finish(row, now=now)
        row.save()
    return Claim(claim.pk, claim.organization_id, lease)


def _hand_on(row: TemplateSync, claim: Claim, *, now: datetime) -> None:
    TemplateSync.objects.filter(pk=row.pk, due_at=claim.lease).update(due_at=now)
    nudge(TASK)


def _finish(row: TemplateSync, *, now: datetime) -> None:
    row.removed = _mark_removed(row, now=now)
    row.run_started_at, row.cursor, row.finished_at, row.due_at = None, "", now, now + EVERY
    events.emit(
        organization_id=row.organization_id,
        room=f"org:{row.organization_id}",
        event_type="template:synced",
        now=now,
        data={"created": row.created, "updated": row.updated, "deleted": row.removed},
    )


def _mark_removed(row: TemplateSync, *, now: datetime) -> int:
    """Mark what the provider has no more: known to it, and not seen in this run."""
    gone = list(
        WhatsAppTemplate.objects.alive()
        .filter(account_id=row.account_id)
        .exclude(meta_template_id="")
        .filter(Q(last_synced_at=None) | Q(last_synced_at__lt=row.run_started_at))
        .select_for_update()
    )
    happened: list[WhatsAppTemplateEvent] = []
    for template in gone:
        happened += states.move(template, "DELETED", at=now, source=_SOURCE)
    states.save(gone, happened, now=now)
    return len(gone)


def _fail(row: TemplateSync, claim: Claim, error: TemplateApiError, *, now: datetime) -> None:
    """Write down why; the run goes on later at its cursor, or from the beginning if the cursor is not taken."""
    row.attempts = min(row.attempts + 1, 30)
    wait = min(FIRST_WAIT * 2 ** (row.attempts - 1), EVERY)
    if error.kind == "limited":
        wait = timedelta(seconds=error.wait_s)
    elif error.kind in {"token", "gone"}:
        wait = EVERY
    values: dict[str, Any] = {
        "due_at": now + wait,
        "attempts": row.attempts,
        "error_code": error.kind,
        "error_detail": error.said or error.detail,
    }
    if error.kind in {"token", "gone", "cursor"}:
        values |= {"cursor": "", "run_started_at": None}
    else:
        values |= {"cursor": row.cursor, "run_started_at": row.run_started_at}
    log.warning("templates.sync_failed", account_id=row.account_id, kind=error.kind, code=error.code)
    TemplateSync.objects.filter(pk=row.pk, due_at=claim.lease).update(**values, updated_at=now)


def take_page(
    organization_id: uuid.UUID, account_id: str, rows: Sequence[dict[str, Any]], *, now: datetime
) -> tuple[int, int]:
    """Write what the provider says of some templates; returns how many are new and how many changed."""
    given = {(str(row.get("name")), str(row.get("language"))): row for row in rows if row.get("name")}
    known = {
        (row.name, row.language): row
        for row in WhatsAppTemplate.objects.alive()
        .filter(account_id=account_id, name__in={name for name, _ in given})
        .select_for_update()
    }
    fresh: list[WhatsAppTemplate] = []
    changed: list[WhatsAppTemplate] = []
    happened: list[WhatsAppTemplateEvent] = []
    for key, row in given.items():
        template = known.get(key)
        if template is None:
            fresh.append(_new(organization_id, account_id, row, now=now))
            continue
        before = _face(template)
        happened += _update(template, row, now=now)
        if _face(template) != before:
            changed.append(template)
    WhatsAppTemplate.objects.bulk_create(fresh, ignore_conflicts=True)
    states.save(changed, happened, now=now)
    same = [template.pk for key, template in known.items() if key in given]
    WhatsAppTemplate.objects.filter(pk__in=same).update(last_synced_at=now, updated_at=F("updated_at"))
    notices.to_pages(happened, now=now)
    return len(fresh), len(changed)


def _face(template: WhatsAppTemplate) -> tuple[Any, ...]:
    return tuple(getattr(template, name) for name in states.FIELDS if name not in {"last_synced_at", "updated_at"})


def _new(organization_id: uuid.UUID, account_id: str, row: dict[str, Any], *, now: datetime) -> WhatsAppTemplate:
    template = WhatsAppTemplate(
        organization_id=organization_id,
        account_id=account_id,
        name=str(row["name"])[:512],
        language=str(row.get("language"))[:12],
        created_at=now,
    )
    _update(template, row, now=now)
    template.last_synced_at = now
    return template


def _update(template: WhatsAppTemplate, row: dict[str, Any], *, now: datetime) -> list[WhatsAppTemplateEvent]:
    """Bring a template in line with the provider's row. Does not save."""
    components = row.get("components")
    quality = row.get("quality_score")
    parameter_format = str(row.get("parameter_format") or "POSITIONAL")
    if parameter_format in WhatsAppTemplate.ParameterFormat.values:
        template.parameter_format = parameter_format
    template.meta_template_id = str(row.get("id") or template.meta_template_id)[:32]
    happened = states.rewrite(
        template, components if isinstance(components, list) else template.components, at=now, source=_SOURCE
    )
    category = str(row.get("category") or "")
    if not template.category:
        template.category = category if category in WhatsAppTemplate.Category.values else "UTILITY"
    happened += states.recategorise(template, category, at=now, source=_SOURCE)
    reason = str(row.get("rejected_reason") or "")
    if str(row.get("status")) != template.status_raw:
        happened += states.move(template, str(row.get("status") or ""), at=now, source=_SOURCE, reason=reason)
    if isinstance(quality, dict):
        happened += states.judge(template, str(quality.get("score") or "UNKNOWN"), at=now, source=_SOURCE)
    return happened
