"""Trying a flow in a pretended chat. One address: GET shows, POST plays a turn."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages as flashes
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_http_methods
from django.views.decorators.vary import vary_on_headers

from flows import programs, trial, trial_store
from flows.engine.program import GraphInvalidError, Program, compile_graph
from flows.models import Flow, FlowVersion
from flows.pages import flow_page, values, words
from flows.trial import Trial, World
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest

DRAFT = "draft"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The flow on trial: the draft or a version, compiled if it can run."""

    flow: Flow
    source: str
    graph: Any
    program: Program | None

    def program_of(self, program_id: str) -> Program | None:
        """Return the program on trial, or that of a flow it jumped to."""
        if self.program is not None and program_id == self.program.id:
            return self.program
        try:
            return programs.get(uuid.UUID(program_id))
        except ValueError:
            return None

    def world(self, now: datetime) -> World:
        """Return the surroundings of a turn."""
        organization = self.flow.organization
        return World(
            now=now,
            zone=ZoneInfo(organization.timezone),
            language=organization.language,
            globals=self.flow.chatbot.global_variables or {},
            load_program=programs.published,
            get_program=self.program_of,
        )


@requires("chatbots.view", "chatbots.test")
@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def try_flow(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Show the trial of the draft or of `?source=<version>`; play what is posted."""
    flow = flow_page.find(request.user, pk)
    stage = _stage(flow, (request.POST if request.method == "POST" else request.GET).get("source", ""))
    present = trial_store.read(request.user, flow.pk)
    if present is not None and present.source != stage.source:
        present = None
    if request.method == "POST":
        try:
            present = _play(request, stage, present)
        except trial_store.TrialLostError:
            return _lost(request, stage)
        if not request.htmx:
            return redirect(f"{reverse('flows:try', kwargs={'pk': flow.pk})}?source={stage.source}")
    template = "flows/try.html#stage" if request.htmx else "flows/try.html"
    return render(request, template, _context(stage, present))


def _stage(flow: Flow, source: str) -> Stage:
    """Compile what is to be tried; an unknown version is 404."""
    version: FlowVersion | None = None
    if source and source != DRAFT:
        version = flow_page.version_of(flow, source)
        if version is None:
            raise Http404
    graph = version.graph if version else flow.draft
    program_id = str(version.pk) if version else f"{DRAFT}:{flow.pk}"
    try:
        program = compile_graph(graph, program_id=program_id)
    except GraphInvalidError:
        program = None
    return Stage(flow=flow, source=str(version.number) if version else DRAFT, graph=graph, program=program)


def _play(request: MemberRequest, stage: Stage, present: Trial | None) -> Trial | None:
    """Play one turn and keep what came of it."""
    do = request.POST.get("do", "say")
    if do == "restart":
        trial_store.drop(request.user, stage.flow.pk)
        return None
    after = _next(request, stage, present, do)
    if after is not None and after is not present:
        trial_store.keep(request.user, stage.flow.pk, after)
    return after


def _next(request: MemberRequest, stage: Stage, present: Trial | None, do: str) -> Trial | None:
    text = request.POST.get("text", "").replace("\x00", "")[: trial.TEXT_MAX].strip()
    world = stage.world(timezone.now())
    if stage.program is None:
        return present
    if present is None:
        return trial.start(
            stage.program, source=stage.source, draft_version=stage.flow.draft_version, world=world, text=text or "oi"
        )
    running = stage.program_of(present.state.program_id)
    if running is None or present.is_over:
        return present
    if do == "skip":
        return trial.skip(running, present, world=world)
    if do == "tap":
        reply_id = request.POST.get("reply_id", "").replace("\x00", "")
        return trial.tap(running, present, reply_id, text, kind=request.POST.get("kind", ""), world=world)
    return trial.write(running, present, text, world=world) if text else present


def _lost(request: MemberRequest, stage: Stage) -> HttpResponse:
    text = gettext("The test cannot be kept right now. Start it again in a moment.")
    if request.htmx:
        response = HttpResponse(status=503)
        response["HX-Trigger"] = json.dumps({"toast": {"text": text, "level": "error"}})
        response["HX-Reswap"] = "none"
        return response
    flashes.error(request, text)
    return redirect("flows:flow", pk=stage.flow.pk)


def _context(stage: Stage, present: Trial | None) -> dict[str, Any]:
    here = present is not None and stage.program is not None and present.state.program_id == stage.program.id
    running = stage.program_of(present.state.program_id) if present else None
    node = running.nodes.get(present.state.node_id) if running and present else None
    return {
        "flow": stage.flow,
        "source": stage.source,
        "sheet": flow_page.sheet(stage.flow, stage.graph),
        "runs": stage.program is not None,
        "trial": present,
        "lines": [_line(line) for line in present.lines] if present else [],
        "over": present is not None and present.is_over,
        "current": present.state.node_id if present and here else "",
        "passed": set(present.state.path) if present and here else set(),
        "where": (node.label or node.id) if node else "",
        "elsewhere": present is not None and not here,
        "changed": present is not None and stage.source == DRAFT and present.draft_version != stage.flow.draft_version,
        "variables": values.shown(present.state.variables) if present else [],
        "due_at": datetime.fromisoformat(present.timer["due_at"]) if present and present.timer else None,
        "sleeping": present is not None and present.state.status == "sleeping",
        "person": trial.PERSON["name"],
        "versions": list(
            FlowVersion.objects.filter(flow=stage.flow).order_by("-number").values_list("number", flat=True)[:50]
        ),
        "chat_language": stage.flow.organization.language or get_language() or settings.LANGUAGE_CODE,
    }


def _line(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line of the chat for the template."""
    if line["from"] == "note":
        return {"from": "note", "text": words.note(line), "is_bad": line["code"] == "warning"}
    return line
