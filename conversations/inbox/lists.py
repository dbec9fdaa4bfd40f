"""The conversation list: views, order, keyset pages, figures. Queries only; nothing about HTTP."""

from __future__ import annotations

import json
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.db.models import Count, DateTimeField, F, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from conversations.inbox import people
from conversations.models import Contact, Conversation
from conversations.people import contacts
from pytake.accounts.models import User
from pytake.infra import marks

PAGE: Final = 40
PAGE_MAX: Final = 200
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
_S = Conversation.Status
_ENDED: Final = (_S.RESOLVED, _S.CLOSED)
_WITH_PEOPLE: Final = (_S.QUEUED, _S.ACTIVE, _S.PENDING)
# An open thread that no bot answers waits for people as well.
_FOR_PEOPLE: Final = Q(status__in=_WITH_PEOPLE) | Q(status=_S.OPEN, is_bot_active=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view of the list; `waiting` orders by who waits longest, else newest activity first."""

    key: str
    label: str | Promise
    empty: str | Promise
    waiting: bool = True


VIEWS: Final = (
    View(
        key="people",
        label=_("To answer"),
        empty=_("Nobody waits for you. New conversations show up here by themselves."),
    ),
    View(key="mine", label=_("Mine"), empty=_("You have no conversation. Take one from “To answer”.")),
    View(key="unassigned", label=_("Unassigned"), empty=_("Every conversation that needs a person has one.")),
    View(key="queue", label=_("Queue"), empty=_("The queues are empty.")),
    View(key="bot", label=_("With the bot"), waiting=False, empty=_("The bot is not talking with anybody.")),
    View(
        key="all",
        label=_("All"),
        waiting=False,
        empty=_("No conversation yet. The first message of a customer opens one."),
    ),
    View(
        key="closed",
        label=pgettext_lazy("conversations", "Ended"),
        waiting=False,
        empty=_("No conversation has ended yet."),
    ),
)
BY_KEY: Final = {view.key: view for view in VIEWS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Rows of a list and where the next page begins (empty at the end)."""

    rows: list[Conversation]
    next_cursor: str


def figures(user: User) -> dict[str, int]:
    """Return how many threads are in the views that people work through (one query)."""
    rows = Conversation.objects.visible_to(user).filter(_FOR_PEOPLE)
    return rows.aggregate(
        people=Count("pk"),
        mine=Count("pk", filter=Q(current_agent=user)),
        unassigned=Count("pk", filter=Q(current_agent=None)),
        queue=Count("pk", filter=Q(status=_S.QUEUED)),
    )


def page(user: User, *, view: View, search: str = "", cursor: str = "", size: int = PAGE) -> Page:
    """Return a page of a view. A search looks through all threads, unless a narrower view is chosen."""
    rows = _of_view(Conversation.objects.visible_to(user), view, user, searching=bool(search))
    if search:
        rows = rows.filter(contact__in=contacts.found(Contact.objects.alive(), search, by=user))
    rows = _by_waiting(rows, cursor) if view.waiting and not search else _by_activity(rows, cursor)
    found = list(
        rows.select_related("contact", "number", "current_agent", "department", "queue").prefetch_related(
            people.PRIMARY_IDENTITY
        )[: size + 1]
    )
    more = len(found) > size
    waiting = view.waiting and not search
    return Page(rows=found[:size], next_cursor=_cursor(found[size - 1], waiting=waiting) if more else "")


def _of_view(rows: QuerySet[Conversation], view: View, user: User, *, searching: bool) -> QuerySet[Conversation]:
    match view.key:
        case "mine":
            return rows.filter(current_agent=user, status__in=[_S.ACTIVE, _S.PENDING])
        case "unassigned":
            return rows.filter(_FOR_PEOPLE, current_agent=None)
        case "queue":
            return rows.filter(status=_S.QUEUED)
        case "bot":
            return rows.filter(status=_S.OPEN, is_bot_active=True)
        case "closed":
            return rows.filter(status__in=[*_ENDED, _S.ARCHIVED])
        case "people" if not searching:
            return rows.filter(_FOR_PEOPLE)
        case _:
            return rows.exclude(status=_S.ARCHIVED)


def _by_waiting(rows: QuerySet[Conversation], cursor: str) -> QuerySet[Conversation]:
    never = Value(_NEVER, output_field=DateTimeField())
    rows = rows.annotate(
        waits=Coalesce("waiting_since", never), active_at=Coalesce("last_message_at", "created_at")
    ).order_by("waits", "-active_at", "-pk")
    if (point := _point(cursor, 2)) is None:
        return rows
    (waits, active_at), pk = point
    return rows.filter(
        Q(waits__gt=waits) | Q(waits=waits, active_at__lt=active_at) | Q(waits=waits, active_at=active_at, pk__lt=pk)
    )


def _by_activity(rows: QuerySet[Conversation], cursor: str) -> QuerySet[Conversation]:
    # Plain column order, so that the index (organization, -last_message_at) serves it.
    rows = rows.filter(last_message_at__isnull=False).order_by("-last_message_at", "-pk")
    if (point := _point(cursor, 1)) is None:
        return rows
    (active_at,), pk = point
    return rows.filter(Q(last_message_at__lt=active_at) | Q(last_message_at=active_at, pk__lt=pk))


def _cursor(row: Any, *, waiting: bool) -> str:
    instants = [row.waits, row.active_at] if waiting else [row.last_message_at]
    raw = json.dumps([*(instant.isoformat() for instant in instants), str(row.pk)], separators=(",", ":"))
    return urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _point(cursor: str, instants: int) -> tuple[list[datetime], uuid.UUID] | None:
    """Read a cursor; one that is not ours begins at the top."""
    try:
        *texts, key = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if len(texts) != instants:
            return None
        return [marks.instant(text) for text in texts], uuid.UUID(str(key))
    except (ValueError, TypeError, RecursionError):
        return None


def recent_of_contact(conversation: Conversation, user: User, *, limit: int = 5) -> list[Conversation]:
    """Return the contact's other threads, newest first."""
    rows = Conversation.objects.visible_to(user).filter(contact_id=conversation.contact_id).exclude(pk=conversation.pk)
    return list(rows.select_related("number").order_by(F("last_message_at").desc(nulls_last=True))[:limit])
