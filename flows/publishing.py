"""Drafts and versions: saving, checking, publishing, restoring. A published version never changes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from conversations.models import Department
from flows import routing
from flows.engine.check import blocking, check
from flows.engine.fields import Finding
from flows.engine.nodes.moves import Handoff, Jump
from flows.engine.program import SCHEMA, parse
from flows.models import Flow, FlowVersion
from pytake.accounts import audit
from pytake.accounts.models import User
from pytake.core.errors import ConflictError, UnprocessableError
from pytake.core.templating import Template

EMPTY_GRAPH: dict[str, Any] = {
    "schema": SCHEMA,
    "variables": [],
    "settings": {},
    "nodes": [{"id": "start", "type": "start", "label": "", "position": {"x": 0, "y": 0}, "data": {}}],
    "edges": [],
    "viewport": {"x": 0, "y": 0, "zoom": 1},
}


class StaleDraftError(ConflictError):
    """Somebody else saved the draft meanwhile."""

    code = "STALE_VERSION"


@dataclass(frozen=True, slots=True)
class Known:
    """What nodes may name: departments (by slug, name, key; folded) and published flows (by key)."""

    departments: frozenset[str]
    flows: frozenset[str]


def known_names() -> Known:
    """Return what exists in the context's organization (two queries)."""
    departments = Department.objects.filter(deleted_at=None, is_active=True)
    flows = Flow.objects.alive().filter(published_version__isnull=False).values_list("pk", flat=True)
    return Known(
        departments=frozenset(text.casefold() for row in departments for text in (row.slug, row.name, str(row.pk))),
        flows=frozenset(str(pk) for pk in flows),
    )


def findings(flow: Flow, graph: Any, *, known: Known | None = None) -> list[Finding]:
    """Return everything that is wrong or doubtful in a graph, names of rows included.

    Give `known` when many flows are checked; it is read otherwise.
    """
    variables = frozenset((flow.chatbot.global_variables or {}).keys())
    return [*check(graph, known=variables), *_references(graph, known or known_names())]


def _references(graph: Any, known: Known) -> list[Finding]:
    """Check departments and flows that nodes name."""
    found: list[Finding] = []
    for node in parse(graph).nodes.values():
        if isinstance(node, Handoff) and _is_unknown(node.department, known.departments):
            found.append(_missing(node.id, "unknown_department", f"there is no department {node.department.source!r}"))
        if isinstance(node, Jump) and node.target == "flow" and node.flow_id not in known.flows:
            found.append(_missing(node.id, "unknown_flow", "the flow of the jump is not published"))
    return found


def _is_unknown(name: Template, known: frozenset[str]) -> bool:
    """Return whether a fixed name is none of those known; names from variables are not."""
    return bool(name.source) and name.is_constant and name.source.strip().casefold() not in known


def _missing(node_id: str, code: str, message: str) -> Finding:
    return Finding(level="error", code=code, message=message, node_id=node_id, fix="Choose another one.")


@transaction.atomic
def save_draft(flow: Flow, graph: Any, *, by: User, now: datetime, version: int | None = None) -> Flow:
    """Store the draft; `version` is the one the author began with, a stale one is refused. Sessions are untouched."""
    row = Flow.objects.select_for_update(of=("self",)).select_related("draft_updated_by").get(pk=flow.pk)
    if version is not None and version != row.draft_version:
        raise StaleDraftError(
            _("%(name)s saved this flow meanwhile.") % {"name": row.draft_updated_by or "?"},
            extra={"draft_version": row.draft_version},
        )
    row.draft, row.draft_version = graph, row.draft_version + 1
    row.draft_updated_at, row.draft_updated_by = now, by
    row.save(update_fields=["draft", "draft_version", "draft_updated_at", "draft_updated_by", "updated_at"])
    return row


def hash_of(graph: Any) -> str:
    """Return the fingerprint by which graphs are compared."""
    return hashlib.sha256(json.dumps(graph, sort_keys=True).encode()).hexdigest()


@transaction.atomic
def publish(flow: Flow, *, by: User, now: datetime, note: str = "") -> FlowVersion:
    """Make the draft the next version; refused with all findings while there are errors."""
    row = Flow.objects.select_for_update(of=("self",)).select_related("chatbot").get(pk=flow.pk)
    report = findings(row, row.draft)
    errors = blocking(report)
    if errors:
        raise UnprocessableError(
            _("The flow has errors and cannot be published."),
            code="FLOW_INVALID",
            extra={"findings": [finding.to_json() for finding in report]},
        )
    version = FlowVersion(
        organization_id=row.organization_id,
        created_at=now,
        flow=row,
        number=row.version + 1,
        graph=row.draft,
        graph_hash=hash_of(row.draft),
        schema_version=SCHEMA,
        note=note[:255],
        published_by=by,
        published_at=now,
        lint_report=[finding.to_json() for finding in report],
    )
    version.save(force_insert=True)
    Flow.objects.filter(pk=row.pk).update(published_version=version, version=F("version") + 1)
    audit.record(action="flow.published", entity=row, by=by, changes={"version": version.number, "note": note})
    transaction.on_commit(routing.forget)
    return version


@transaction.atomic
def restore(
    flow: Flow, version: FlowVersion, *, by: User, now: datetime, draft_version: int | None = None, request: Any = None
) -> Flow:
    """Copy a version into the draft."""
    row = save_draft(flow, version.graph, by=by, now=now, version=draft_version)
    audit.record(action="flow.restored", entity=row, by=by, changes={"version": version.number}, request=request)
    return row
