"""The page of a flow, and the flow as a file."""

from __future__ import annotations

import json
import uuid

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from flows import exchange, publishing
from flows.models import Flow, FlowVersion
from flows.pages import flow_page
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest


@requires("chatbots.view")
@require_GET
def flow(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Show the draft or a version (`?version=3`), drawn, as text, or the list of versions (`?tab=`)."""
    row = flow_page.find(request.user, pk)
    context = flow_page.context(row, request.user, tab=request.GET.get("tab", ""), version=_asked_for(request, row))
    return render(request, "flows/flow.html", context)


@requires("chatbots.view")
@require_GET
def export(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Give the flow as a file; the draft, or a version."""
    row = flow_page.find(request.user, pk)
    version = _asked_for(request, row)
    graph = version.graph if version else row.draft or publishing.EMPTY_GRAPH
    body = exchange.export(row, flow_page.ordered(graph), now=timezone.now())
    name = f"{slugify(row.name) or 'flow'}{f'-v{version.number}' if version else ''}.json"
    return HttpResponse(
        json.dumps(body, indent=1, ensure_ascii=False) + "\n",
        content_type="application/json; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _asked_for(request: MemberRequest, row: Flow) -> FlowVersion | None:
    """Return the version that the address names; none means the draft, an unknown one is 404."""
    number = request.GET.get("version", "")
    if not number:
        return None
    version = flow_page.version_of(row, number)
    if version is None:
        raise Http404
    return version
