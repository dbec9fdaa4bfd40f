"""Template tags of all pages (`{% load ui %}`): icons, navigation, theme, times."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from django import template
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

register = template.Library()

THEMES: Final = ("light", "dark")


class Place(NamedTuple):
    """An entry of the side navigation; shown to holders of the permission."""

    label: str | Promise
    icon: str
    url_name: str
    permission: str


PLACES: Final = (
    Place(_("Home"), "house", "analytics:home", "conversations.view"),
    Place(_("Inbox"), "inbox", "inbox:inbox", "conversations.view"),
    Place(_("Contacts"), "users", "inbox:contacts", "contacts.view"),
    Place(_("Templates"), "message-square-text", "message_templates:list", "templates.view"),
    Place(_("Flows"), "workflow", "flows:list", "chatbots.view"),
    Place(_("Numbers"), "smartphone", "numbers:list", "numbers.view"),
    Place(_("Admin"), "settings", "admin:index", ""),
)


@register.simple_tag
def icon(name: str, css_class: str = "icon") -> SafeString:
    """Draw an icon of the sprite. It is decoration: the word beside it, or an aria-label, names it."""
    return format_html(
        '<svg class="{}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        css_class,
        static("icons.svg"),
        name,
    )


@register.simple_tag(takes_context=True)
def theme(context: dict[str, Any]) -> str:
    """Return the theme that the person chose in this browser; empty follows the system."""
    request = context.get("request")
    chosen = request.COOKIES.get("theme", "") if request else ""
    return chosen if chosen in THEMES else ""


@register.simple_tag(takes_context=True)
def navigation(context: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the places that the signed-in person may go to, the present one marked."""
    request = context["request"]
    entries = []
    for place in PLACES:
        if not _may_enter(request.user, place):
            continue
        try:
            url = reverse(place.url_name)
        except NoReverseMatch:
            continue
        here = request.path == url if url == "/" else request.path.startswith(url)
        entries.append({"label": place.label, "icon": place.icon, "url": url, "here": here})
    return _only_longest(entries)


def _may_enter(user: Any, place: Place) -> bool:
    return bool(user.can(place.permission) if place.permission else user.is_staff)


def _only_longest(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of places inside one another (/inbox/, /inbox/contacts/) mark the innermost only."""
    here = max((entry for entry in entries if entry["here"]), key=lambda entry: len(entry["url"]), default=None)
    return [{**entry, "here": entry is here} for entry in entries]


@register.filter
def initials(name: object) -> str:
    """Return one or two letters for an avatar; `#` for phone numbers."""
    words = [word for word in str(name).split() if word[0].isalpha()]
    if not words:
        return "#"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


@register.filter
def exact(instant: datetime | None) -> str:
    """Return the instant in full with its zone, for titles."""
    if instant is None:
        return ""
    local = timezone.localtime(instant)
    return f"{date_format(local, 'DATETIME_FORMAT')} ({timezone.get_current_timezone_name()})"


@register.simple_tag
def moment(instant: datetime | None) -> SafeString | str:
    """Show the time of today's instants, the day of others; the exact instant on hover."""
    if instant is None:
        return ""
    local = timezone.localtime(instant)
    today = timezone.localdate()
    if local.date() == today:
        shown = date_format(local, "TIME_FORMAT")
    elif local.year == today.year:
        shown = date_format(local, "MONTH_DAY_FORMAT")
    else:
        shown = date_format(local, "SHORT_DATE_FORMAT")
    return format_html('<time datetime="{}" title="{}">{}</time>', instant.isoformat(), exact(instant), shown)


def span(seconds: float) -> str:
    """Return a duration as people read it at a glance: 40 s, 5 min, 2 h 10, 3 d."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        hours, minutes = divmod(whole // 60, 60)
        return f"{hours} h {minutes:02d}" if minutes else f"{hours} h"
    return f"{whole // 86400} d"


@register.simple_tag
def elapsed(since: datetime | None) -> SafeString | str:
    """Show how long ago something began; `clock.js` keeps it right."""
    if since is None:
        return ""
    return format_html(
        '<time datetime="{}" title="{}" data-elapsed>{}</time>',
        since.isoformat(),
        exact(since),
        span((timezone.now() - since).total_seconds()),
    )


@register.simple_tag
def remaining(until: datetime | None) -> SafeString | str:
    """Show how long until something ends; `clock.js` keeps it right."""
    if until is None:
        return ""
    return format_html(
        '<time datetime="{}" title="{}" data-remaining>{}</time>',
        until.isoformat(),
        exact(until),
        span((until - timezone.now()).total_seconds()),
    )
