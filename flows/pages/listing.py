"""The list of flows: state, findings, numbers, last change; the same number of queries for any number of rows."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Prefetch, Q

from flows import publishing
from flows.engine.check import blocking
from flows.models import ChatbotNumberLink, Flow
from pytake.accounts.models import User
from pytake.infra import marks

PAGE: Final = 50
CACHED: Final = 2000

_counted: dict[tuple[str, publishing.Known, frozenset[str]], tuple[int, int]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A flow as the list shows it."""

    flow: Flow
    state: str
    errors: int
    warnings: int
    numbers: list[str]
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Rows and where the next page begins (empty at the end)."""

    rows: list[Row]
    next_cursor: str


def page(user: User, *, search: str = "", cursor: str = "") -> Page:
    """Return the flows that `user` may see, the last changed first."""
    flows = Flow.objects.visible_to(user).alive().filter(chatbot__deleted_at=None)
    if search:
        flows = flows.filter(Q(name__icontains=search) | Q(chatbot__name__icontains=search))
    if (point := _point(cursor)) is not None:
        at, pk = point
        flows = flows.filter(Q(updated_at__lt=at) | Q(updated_at=at, pk__lt=pk))
    links = ChatbotNumberLink.objects.filter(number__deleted_at=None).select_related("number").order_by("linked_at")
    found = list(
        flows.select_related("chatbot", "published_version", "draft_updated_by")
        .defer("published_version__graph", "published_version__lint_report")
        .prefetch_related(Prefetch("chatbot__links", queryset=links))
        .order_by("-updated_at", "-pk")[: PAGE + 1]
    )
    known = publishing.known_names()
    rows = [_row(flow, known) for flow in found[:PAGE]]
    last = found[PAGE - 1] if len(found) > PAGE else None
    return Page(rows=rows, next_cursor=f"{last.updated_at.isoformat()}~{last.pk}" if last else "")


def _row(flow: Flow, known: publishing.Known) -> Row:
    errors, warnings = _counts(flow, known)
    return Row(
        flow=flow,
        state=state_of(flow),
        errors=errors,
        warnings=warnings,
        numbers=[link.number.display_name or link.number.phone_number for link in flow.chatbot.links.all()],
        changed_at=max(filter(None, [flow.draft_updated_at, _published_at(flow), flow.created_at])),
    )


def _published_at(flow: Flow) -> datetime | None:
    return flow.published_version.published_at if flow.published_version else None


def state_of(flow: Flow) -> str:
    """Return published, changed (the draft differs from the published version), draft, or empty."""
    if flow.published_version is None:
        return "draft" if flow.draft else "empty"
    same = publishing.hash_of(flow.draft) == flow.published_version.graph_hash
    return "published" if same else "changed"


def _counts(flow: Flow, known: publishing.Known) -> tuple[int, int]:
    """Return how many errors and warnings the draft has; remembered by its content."""
    if not flow.draft:
        return 0, 0
    key = (publishing.hash_of(flow.draft), known, frozenset(flow.chatbot.global_variables or {}))
    if key not in _counted:
        if len(_counted) >= CACHED:
            _counted.clear()
        found: list[Any] = publishing.findings(flow, flow.draft, known=known)
        _counted[key] = (len(blocking(found)), sum(finding.level == "warning" for finding in found))
    return _counted[key]


def _point(text: str) -> tuple[datetime, uuid.UUID] | None:
    at, separator, key = text.replace(" ", "+").partition("~")
    if not separator:
        return None
    try:
        return marks.instant(at), uuid.UUID(key)
    except ValueError:
        return None
