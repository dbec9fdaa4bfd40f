"""The list of templates: found, filtered, a page at a time; what needs attention; how far reading has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.core import signing
from django.db.models import Count, Q

from conversations.message_templates.states import BAD
from conversations.models import TemplateSync, WhatsAppTemplate
from conversations.models.templates import WhatsAppTemplateQuerySet
from pytake.accounts.models import User

PAGE: Final = 50
_SALT: Final = "pytake.templates"
FILTERS: Final = ("status", "category", "language", "quality")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some templates and where the next ones begin."""

    rows: list[WhatsAppTemplate]
    next_cursor: str


@dataclass(frozen=True, slots=True)
class Sought:
    """What the address asks for."""

    text: str
    status: str = ""
    category: str = ""
    language: str = ""
    quality: str = ""

    @property
    def is_filtered(self) -> bool:
        """Return whether anything is left out."""
        return any((self.text, self.status, self.category, self.language, self.quality))


def sought(query: Mapping[str, str]) -> Sought:
    """Read the address."""
    values = {name: query.get(name, "")[:16] for name in FILTERS}
    return Sought(text=query.get("q", "").replace("\x00", "").strip()[:80], **values)


def visible(user: User, wanted: Sought) -> WhatsAppTemplateQuerySet:
    """Return the templates that fit; deleted ones only when they are asked for."""
    rows = WhatsAppTemplate.objects.visible_to(user)
    if wanted.status == WhatsAppTemplate.Status.DELETED:
        rows = rows.filter(status=WhatsAppTemplate.Status.DELETED)
    else:
        rows = rows.alive()
        if wanted.status == "attention":
            rows = rows.filter(attention())
        elif wanted.status:
            rows = rows.filter(status=wanted.status)
    for name, column in (("category", "category"), ("language", "language"), ("quality", "quality_score")):
        if value := getattr(wanted, name):
            rows = rows.filter(**{column: value})
    if wanted.text:
        rows = rows.filter(Q(name__icontains=wanted.text.replace(" ", "_")) | Q(body_text__icontains=wanted.text))
    return rows


def attention() -> Q:
    """Return the condition of templates that somebody should look at."""
    return Q(status__in=BAD) | Q(quality_score="RED") | Q(status_raw="FLAGGED") | ~Q(next_category="")


def page(user: User, wanted: Sought, *, cursor: str = "") -> Page:
    """Return a page by name and language."""
    rows = visible(user, wanted)
    if cursor and (place := _place(cursor)):
        name, language, pk = place
        after = Q(name__gt=name) | Q(name=name, language__gt=language) | Q(name=name, language=language, pk__gt=pk)
        rows = rows.filter(after)
    found = list(rows.defer("components").order_by("name", "language", "pk")[: PAGE + 1])
    last = found[PAGE - 1] if len(found) > PAGE else None
    mark = signing.dumps([last.name, last.language, str(last.pk)], salt=_SALT) if last else ""
    return Page(rows=found[:PAGE], next_cursor=mark)


def _place(cursor: str) -> tuple[str, str, str] | None:
    try:
        name, language, pk = signing.loads(cursor, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return str(name), str(language), str(pk)


def figures(user: User) -> dict[str, int]:
    """Return how many there are of each state, and how many need attention."""
    rows = WhatsAppTemplate.objects.visible_to(user).alive()
    counts: dict[str, Any] = rows.aggregate(
        all=Count("pk"),
        attention=Count("pk", filter=attention()),
        **{state: Count("pk", filter=Q(status=state)) for state in WhatsAppTemplate.Status.values},
    )
    return counts


def languages(user: User) -> list[str]:
    """Return the languages that there are."""
    rows = WhatsAppTemplate.objects.visible_to(user).alive()
    return list(rows.order_by("language").values_list("language", flat=True).distinct())


def syncs(user: User) -> list[TemplateSync]:
    """Return how far reading has come, of each account."""
    return list(TemplateSync.objects.get_queryset().visible_to(user).order_by("account_id"))
