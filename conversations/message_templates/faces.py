"""How templates look: the words, icons and colours of a row, of a page, of the state of reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.message_templates import drafts, parts, wording
from conversations.models import TemplateSync, WhatsAppTemplate, WhatsAppTemplateEvent

_E = WhatsAppTemplateEvent
_S = WhatsAppTemplate.Status
# Accounts are read hourly: one that is due sooner after the last run was asked for by somebody.
_SOON: Final = timedelta(minutes=30)
BUTTON_WORDS: Final[dict[str, tuple[str, str | Promise]]] = {
    "QUICK_REPLY": ("corner-up-left", gettext_lazy("Quick reply")),
    "URL": ("external-link", gettext_lazy("Link")),
    "PHONE_NUMBER": ("phone", gettext_lazy("Call")),
    "COPY_CODE": ("copy", gettext_lazy("Copy code")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A state as a chip."""

    icon: str
    colour: str
    label: str | Promise


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How far reading from WhatsApp has come, over all accounts."""

    is_running: bool = False
    at: datetime | None = None
    result: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """A line of the history."""

    at: datetime
    icon: str
    text: str
    reason: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """What the page of a template shows of it."""

    look: Look
    quality: Look
    shown: parts.Shown
    plain: parts.Shown
    slots: list[parts.Slot]
    advice: str
    reason: str
    language: str | Promise
    history: list[Happening]


def look(row: WhatsAppTemplate) -> Look:
    """Return the state of a template."""
    if row.status == _S.APPROVED and not row.is_enabled:
        return Look(icon="circle-x", colour="", label=_("Switched off"))
    icon, colour = wording.STATUS_LOOKS[_S(row.status)]
    if row.status_raw == "FLAGGED":
        return Look(icon="flag", colour="is-warn", label=_("Approved, flagged"))
    return Look(icon=icon, colour=colour, label=row.get_status_display())


def quality(row: WhatsAppTemplate) -> Look:
    """Return the quality of a template."""
    colour = wording.QUALITY_LOOKS.get(row.quality_score, "")
    return Look(icon="star", colour=colour, label=row.get_quality_score_display())


def row_of(row: WhatsAppTemplate) -> dict[str, Any]:
    """Return what the list shows of a template."""
    return {
        "template": row,
        "look": look(row),
        "quality": quality(row) if row.quality_score != "UNKNOWN" else None,
        "language": wording.LANGUAGES.get(row.language, row.language),
    }


def face(row: WhatsAppTemplate, events: Sequence[WhatsAppTemplateEvent]) -> Face:
    """Return what the page of a template shows."""
    return Face(
        look=look(row),
        quality=quality(row),
        shown=parts.shown(row.components, parts.examples(row.components)),
        plain=parts.shown(row.components, {}),
        slots=parts.slots(row.components),
        advice=advice(row),
        reason=wording.reason(row.rejected_reason) if row.rejected_reason else "",
        language=wording.LANGUAGES.get(row.language, row.language),
        history=[_happening(event) for event in events],
    )


def advice(row: WhatsAppTemplate) -> str:
    """Return what the state means and what to do; empty when all is well."""
    if row.status_raw in wording.RAW and row.status != _S.DELETED:
        return str(wording.RAW[row.status_raw])
    sentences: dict[str, str] = {
        _S.DRAFT: _("Nobody can use it yet: submit it, and WhatsApp reviews it within minutes to a day."),
        _S.PENDING: _("WhatsApp is reviewing it. It can be used as soon as it is approved; you need not wait here."),
        _S.REJECTED: _("WhatsApp refused it. Edit the text and submit it again."),
        _S.PAUSED: _("It cannot be sent now. WhatsApp ends the first pause after 3 hours, the second after 6 hours."),
        _S.DISABLED: _("It cannot be sent any more. Write another template with a better text."),
        _S.DELETED: _("It was deleted. Its name can be used again 30 days after that."),
    }
    if row.status == _S.APPROVED and not row.is_enabled:
        return _("WhatsApp approved it, but your organization switched it off.")
    return sentences.get(row.status, "")


_ICONS: Final = {
    _E.Kind.STATUS: "info", _E.Kind.QUALITY: "star", _E.Kind.CATEGORY: "tag", _E.Kind.CONTENT: "pencil",
    _E.Kind.ENABLED: "check",
}  # fmt: skip


def _happening(event: WhatsAppTemplateEvent) -> Happening:
    known: dict[str, Mapping[str, Any]] = {
        _E.Kind.STATUS: dict(_S.choices),
        _E.Kind.QUALITY: dict(WhatsAppTemplate.Quality.choices),
        _E.Kind.CATEGORY: dict(WhatsAppTemplate.Category.choices),
        _E.Kind.ENABLED: {"on": _("Switched on"), "off": _("Switched off")},
    }
    new = str(known.get(event.kind, {}).get(event.new, event.new))
    icon = wording.STATUS_LOOKS[_S(event.new)][0] if event.kind == _E.Kind.STATUS else _ICONS[_E.Kind(event.kind)]
    return Happening(
        at=event.occurred_at,
        icon=icon,
        text=_("New content") if event.kind == _E.Kind.CONTENT else new,
        reason=wording.reason(event.reason) if event.reason else "",
        source=event.actor_label or str(event.get_source_display()),
    )


def sync_line(rows: Sequence[TemplateSync]) -> Line:
    """Return the state of reading: running, failed, or what the last run found."""
    if not rows:
        return Line()
    failed = next((row for row in rows if row.error_code), None)
    waits = [row for row in rows if not row.error_code and (row.run_started_at or row.finished_at is None)]
    fresh = [row for row in rows if row.finished_at and row.due_at < row.finished_at + _SOON and not row.error_code]
    done = [row.finished_at for row in rows if row.finished_at]
    sums = {name: sum(getattr(row, name) for row in rows) for name in ("created", "updated", "removed")}
    result = _("%(created)s new, %(updated)s changed, %(removed)s removed") % sums
    return Line(
        is_running=bool(waits or fresh),
        at=min(done) if done else None,
        result=result if done and any(sums.values()) else "",
        problem=wording.failure_of(failed.error_code) if failed else "",
    )


def button_rows(sheet: drafts.Sheet, errors: Mapping[str, Sequence[object]]) -> list[dict[str, Any]]:
    """Return the buttons of the form with their fields, labels and problems."""
    found: list[dict[str, Any]] = []
    for index, row in enumerate(sheet.buttons):
        icon, label = BUTTON_WORDS.get(row["type"], ("circle", row["type"]))
        fields = {name: f"button-{index}-{name}" for name in drafts.BUTTON_FIELDS}
        wrong = {name: list(errors.get(key, ())) for name, key in fields.items()}
        has_variable = "{{" in row.get("url", "")
        found.append(
            {"index": index, "icon": icon, "label": label, "row": row, "wrong": wrong, "has_variable": has_variable}
        )
    return found
