"""How a template's status, quality and category change, whoever says so; each change is an event of its history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from conversations.models import WhatsAppTemplate, WhatsAppTemplateEvent

_S = WhatsAppTemplate.Status
_E = WhatsAppTemplateEvent
# The provider's words; what is not here is kept raw and counts as disabled.
STATUS_OF: Final = {
    "APPROVED": _S.APPROVED,
    "REINSTATED": _S.APPROVED,
    "UNARCHIVED": _S.APPROVED,
    # Low quality, pausing is near; it can still be sent.
    "FLAGGED": _S.APPROVED,
    "PENDING": _S.PENDING,
    "IN_APPEAL": _S.PENDING,
    "REJECTED": _S.REJECTED,
    "PAUSED": _S.PAUSED,
    "DISABLED": _S.DISABLED,
    "PENDING_DELETION": _S.DELETED,
    "DELETED": _S.DELETED,
}
# What people are told of.
BAD: Final = frozenset({_S.REJECTED, _S.PAUSED, _S.DISABLED})
FIELDS: Final = (
    "meta_template_id", "category", "next_category", "category_changes_at", "parameter_format", "components",
    "body_text", "header_type", "status", "status_raw", "status_at", "rejected_reason", "approved_at", "rejected_at",
    "paused_until", "quality_score", "quality_at", "last_synced_at", "deleted_at", "updated_at",
)  # fmt: skip
NO_REASON: Final = frozenset({"", "NONE", "None", "null"})


def event(
    template: WhatsAppTemplate,
    kind: str,
    *,
    old: str,
    new: str,
    source: str,
    at: datetime,
    reason: str = "",
    actor: str = "",
    key: str | None = None,
) -> WhatsAppTemplateEvent:
    """Return an unsaved line of the history; those that people must hear of wait until they were told."""
    waits = kind == _E.Kind.STATUS and new in BAD and source != _E.Source.PERSON
    return WhatsAppTemplateEvent(
        organization_id=template.organization_id,
        template=template,
        kind=kind,
        source=source,
        old=old[:40],
        new=new[:40],
        reason=reason[:500],
        actor_label=actor[:150],
        occurred_at=at,
        told_at=None if waits else at,
        dedupe_key=key,
    )


def move(
    template: WhatsAppTemplate,
    raw: str,
    *,
    at: datetime,
    source: str,
    reason: str = "",
    paused_until: datetime | None = None,
    key: str | None = None,
    actor: str = "",
) -> list[WhatsAppTemplateEvent]:
    """Give a template the provider's status. Does not save; returns what goes into the history."""
    reason = "" if reason in NO_REASON else reason[:255]
    new, old = STATUS_OF.get(raw, _S.DISABLED), template.status
    changed = (new, raw, reason) != (old, template.status_raw, template.rejected_reason)
    template.status, template.status_raw, template.rejected_reason = new, raw[:40], reason
    template.paused_until = paused_until if new == _S.PAUSED else None
    if new == _S.APPROVED and old != _S.APPROVED:
        template.approved_at = at
    if new == _S.REJECTED and old != _S.REJECTED:
        template.rejected_at = at
    template.deleted_at = at if new == _S.DELETED else None
    if not changed:
        return []
    return [
        event(template, _E.Kind.STATUS, old=old, new=new, source=source, at=at, reason=reason, key=key, actor=actor)
    ]


def judge(
    template: WhatsAppTemplate, score: str, *, at: datetime, source: str, key: str | None = None
) -> list[WhatsAppTemplateEvent]:
    """Give a template another quality."""
    score = score if score in WhatsAppTemplate.Quality.values else WhatsAppTemplate.Quality.UNKNOWN
    old, template.quality_score = template.quality_score, score
    if old == score:
        return []
    return [event(template, _E.Kind.QUALITY, old=old, new=score, source=source, at=at, key=key)]


def recategorise(
    template: WhatsAppTemplate, category: str, *, at: datetime, source: str, key: str | None = None
) -> list[WhatsAppTemplateEvent]:
    """Move a template to another category; an announced move is fulfilled by it."""
    old = template.category
    if category not in WhatsAppTemplate.Category.values or category == old:
        return []
    template.category, template.next_category, template.category_changes_at = category, "", None
    return [event(template, _E.Kind.CATEGORY, old=old, new=category, source=source, at=at, key=key)]


def rewrite(
    template: WhatsAppTemplate, components: list[dict[str, Any]], *, at: datetime, source: str, key: str | None = None
) -> list[WhatsAppTemplateEvent]:
    """Give a template another content."""
    if components == template.components:
        return []
    is_first = not template.components
    template.set_components(components)
    return [] if is_first else [event(template, _E.Kind.CONTENT, old="", new="", source=source, at=at, key=key)]


def save(templates: Sequence[WhatsAppTemplate], events: Sequence[WhatsAppTemplateEvent], *, now: datetime) -> None:
    """Write changed templates and their history, two statements."""
    for template in templates:
        template.updated_at = now
    if templates:
        WhatsAppTemplate.objects.bulk_update(templates, FIELDS)
    if events:
        WhatsAppTemplateEvent.objects.bulk_create(events, ignore_conflicts=True)


def instant(value: Any, *, otherwise: datetime) -> datetime:
    """Return an instant from the provider's Unix seconds."""
    try:
        return datetime.fromtimestamp(float(value), tz=UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return otherwise
