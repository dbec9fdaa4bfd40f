"""What the provider tells of templates: status, quality, category, content. Older news never undoes newer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q

from conversations import payloads
from conversations.inbound_items import Entry
from conversations.message_templates import notices, states, sync
from conversations.models import WhatsAppTemplate, WhatsAppTemplateEvent
from pytake.infra import metrics

_SOURCE: Final = WhatsAppTemplateEvent.Source.WEBHOOK
# What was read from the provider counts as newer than a notice that is older than this before the reading.
_SLACK: Final = timedelta(minutes=1)
_PAUSES: Final = {"FIRST_PAUSE": timedelta(hours=3), "SECOND_PAUSE": timedelta(hours=6)}
Happened = list[WhatsAppTemplateEvent]


def apply(entries: Sequence[Entry], *, now: datetime) -> list[Entry]:
    """Apply notices in their order; return those about templates that we do not know (yet)."""
    if not entries:
        return []
    known = _known(entries)
    repeated = _repeated(entries)
    odd: list[Entry] = []
    touched: dict[Any, WhatsAppTemplate] = {}
    happened: Happened = []
    for entry in entries:
        template = _match(entry, known)
        if template is None:
            odd.append(entry)
            continue
        if entry.item.key in repeated:
            continue
        repeated.add(entry.item.key)
        happened += _apply(template, entry, now=now)
        touched[template.pk] = template
    states.save(list(touched.values()), happened, now=now)
    notices.to_pages(happened, now=now)
    metrics.ITEMS.labels("template", "applied").inc(len(entries) - len(odd))
    for account in {(entry.number.organization_id, entry.item.account_id) for entry in odd if entry.number}:
        sync.request(*account, now=now)
    return odd


def _value(entry: Entry) -> Mapping[str, Any]:
    value: Mapping[str, Any] = entry.item.payload["value"]
    return value


def _id(entry: Entry) -> str:
    return str(_value(entry).get("message_template_id") or "")


def _name(entry: Entry) -> tuple[str, str, str]:
    value = _value(entry)
    names = str(value.get("message_template_name") or ""), str(value.get("message_template_language") or "")
    return entry.item.account_id, *names


def _known(entries: Sequence[Entry]) -> list[WhatsAppTemplate]:
    """Return the templates that are meant, locked in a fixed order."""
    meant = Q(meta_template_id__in={_id(entry) for entry in entries} - {""})
    meant |= Q(name__in={_name(entry)[1] for entry in entries} - {""})
    return list(WhatsAppTemplate.objects.alive().filter(meant).select_for_update().order_by("pk"))


def _match(entry: Entry, known: Sequence[WhatsAppTemplate]) -> WhatsAppTemplate | None:
    """Return the template of a notice: by its id, else by account, name and language."""
    of_account = [row for row in known if row.account_id == entry.item.account_id]
    by_id = next((row for row in of_account if row.meta_template_id and row.meta_template_id == _id(entry)), None)
    return by_id or next((row for row in of_account if (row.account_id, row.name, row.language) == _name(entry)), None)


def _repeated(entries: Sequence[Entry]) -> set[str]:
    """Return the keys of notices that have left something in the history before."""
    keys = [entry.item.key for entry in entries]
    found = WhatsAppTemplateEvent.objects.filter(dedupe_key__in=keys).values_list("dedupe_key", flat=True)
    return {str(key) for key in found}


def _apply(template: WhatsAppTemplate, entry: Entry, *, now: datetime) -> Happened:
    at = min(payloads.timestamp(entry.item.payload.get("time"), otherwise=now), now)
    return _READERS[str(entry.item.payload["field"])](template, _value(entry), at, entry.item.key)


def _is_old(template: WhatsAppTemplate, newest: datetime | None, at: datetime) -> bool:
    read = template.last_synced_at
    return bool((newest and at < newest) or (read and at < read - _SLACK))


def _status(template: WhatsAppTemplate, value: Mapping[str, Any], at: datetime, key: str) -> Happened:
    raw = str(value.get("event") or "").upper()
    if not raw or _is_old(template, template.status_at, at):
        return []
    template.status_at = at
    template.meta_template_id = str(value.get("message_template_id") or template.meta_template_id)[:32]
    details = _object(value, "rejection_info"), _object(value, "other_info")
    reason = str(value.get("reason") or "")
    if reason in states.NO_REASON:
        reason = str(details[0].get("reason") or details[1].get("title") or "")
    pause = _PAUSES.get(str(details[1].get("title")))
    happened = states.move(
        template,
        raw,
        at=at,
        source=_SOURCE,
        reason=reason,
        paused_until=at + pause if pause and raw == "PAUSED" else None,
        key=key,
    )
    recommended = str(details[0].get("recommendation") or "")
    for row in happened:
        row.reason = f"{row.reason}: {recommended}"[:500] if recommended else row.reason
    return happened


def _quality(template: WhatsAppTemplate, value: Mapping[str, Any], at: datetime, key: str) -> Happened:
    if _is_old(template, template.quality_at, at):
        return []
    template.quality_at = at
    return states.judge(template, str(value.get("new_quality_score") or "UNKNOWN"), at=at, source=_SOURCE, key=key)


def _category(template: WhatsAppTemplate, value: Mapping[str, Any], at: datetime, key: str) -> Happened:
    """Apply a move that is completed; note one that is only announced (`new_category` is the present one then)."""
    correct = str(value.get("correct_category") or "")
    if correct in WhatsAppTemplate.Category.values and correct != template.category:
        template.next_category = correct
        template.category_changes_at = payloads.timestamp(value.get("category_update_timestamp"), otherwise=at)
        kind = WhatsAppTemplateEvent.Kind.CATEGORY
        row = states.event(
            template, kind, old=template.category, new=correct, source=_SOURCE, at=at, key=key, reason="announced"
        )
        return [row]
    return states.recategorise(template, str(value.get("new_category") or ""), at=at, source=_SOURCE, key=key)


def _components(template: WhatsAppTemplate, value: Mapping[str, Any], at: datetime, key: str) -> Happened:
    """Replace the texts that the notice names; examples and other details come with the next reading."""
    texts = {
        "BODY": value.get("message_template_element"),
        "HEADER": value.get("message_template_title"),
        "FOOTER": value.get("message_template_footer"),
    }
    parts = [dict(part) for part in template.components]
    for part in parts:
        text = texts.get(str(part.get("type", "")).upper())
        if isinstance(text, str) and "text" in part:
            part["text"] = text
    happened = states.rewrite(template, parts, at=at, source=_SOURCE, key=key)
    sync.request(template.organization_id, template.account_id, now=at)
    return happened


def _object(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


_READERS: Final[dict[str, Callable[[WhatsAppTemplate, Mapping[str, Any], datetime, str], Happened]]] = {
    "message_template_status_update": _status,
    "message_template_quality_update": _quality,
    "message_template_components_update": _components,
    "template_category_update": _category,
}
