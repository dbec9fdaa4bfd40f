"""Importing and exporting on pages: upload, map, preview, progress, report; the list as a file."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from django.contrib import messages as flashes
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from conversations.models import ContactImport, ContactImportRow
from conversations.people import asked, exporting, fields, importing, planning, sheets
from conversations.people.forms import ImportForm, UploadForm
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest
from pytake.core.errors import DomainError

LISTED_MAX = 20


@requires("contacts.create")
def imports(request: MemberRequest) -> HttpResponse:
    """Take a file; list what was imported before."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            job = importing.upload(file, name=file.name or "", by=request.user, request=request)
        except DomainError as exc:
            form.add_error("file", str(exc.message))
        else:
            return redirect("inbox:import", pk=job.pk)
    earlier = (
        ContactImport.objects.get_queryset()
        .visible_to(request.user)
        .select_related("created_by")
        .order_by("-created_at", "-pk")
    )
    context = {"form": form, "imports": list(earlier[:LISTED_MAX])}
    return render(request, "contacts/imports.html", context, status=422 if form.errors else 200)


def _job(request: MemberRequest, pk: uuid.UUID) -> ContactImport:
    job = ContactImport.objects.get_queryset().visible_to(request.user).filter(pk=pk).first()
    if job is None:
        raise Http404
    return job


@requires("contacts.create")
def one(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Show an import as far as it is: mapping and preview, progress, or the report."""
    job = _job(request, pk)
    if job.state == ContactImport.State.DRAFT:
        return _prepare(request, job)
    if request.method == "POST":
        return redirect("inbox:import", pk=job.pk)
    template = "contacts/import.html#progress" if request.htmx else "contacts/import.html"
    return render(request, template, _report(job))


def _report(job: ContactImport) -> dict[str, Any]:
    shown = importing.refused(job, most=20)
    finished = job.finished_at
    return {
        "job": job,
        "is_running": job.state == ContactImport.State.RUNNING,
        "refused": [(number, planning.PROBLEMS.get(problem, problem), values) for number, problem, values in shown],
        "can_undo": job.state in {"done", "cancelled"}
        and finished is not None
        and finished > timezone.now() - importing.KEPT
        and job.rows_created > 0,
    }


def _prepare(request: MemberRequest, job: ContactImport) -> HttpResponse:
    """Map columns; look at the preview; start."""
    form = ImportForm(request.POST or None, initial=job.options)
    problems: list[str] = []
    if request.method == "POST" and form.is_valid():
        try:
            importing.map_columns(job, mapping=_mapping(request, job), options=form.options())
            if request.POST.get("step") == "start":
                importing.start(job, by=request.user, request=request, now=timezone.now())
                return redirect("inbox:import", pk=job.pk)
        except DomainError as exc:
            for name, messages in (exc.fields or {"mapping": [exc.message]}).items():
                if name in form.fields:
                    form.add_error(name, [str(message) for message in messages])
                else:
                    problems += [str(message) for message in messages]
        else:
            return redirect("inbox:import", pk=job.pk)
    context = {**_preview(job), "job": job, "form": form, "problems": problems}
    return render(request, "contacts/import_map.html", context, status=422 if form.errors or problems else 200)


def _mapping(request: MemberRequest, job: ContactImport) -> dict[str, str]:
    chosen = {str(index): request.POST.get(f"column_{index}", "") for index in range(len(job.headers))}
    return {index: target for index, target in chosen.items() if target}


def _preview(job: ContactImport) -> dict[str, Any]:
    found = importing.preview(job)
    targets = [
        *planning.TARGETS.items(),
        *((f"{planning.CUSTOM}{row.key}", row.label) for row in fields.defined()),
    ]
    samples = [values for _number, values in found["rows"]]
    columns = [
        {
            "index": index,
            "header": header or _("Column %(number)d") % {"number": index + 1},
            "target": job.mapping.get(str(index), ""),
            "samples": [values[index] for values in samples[:3] if index < len(values) and values[index]],
        }
        for index, header in enumerate(job.headers)
    ]
    outcomes = dict(ContactImportRow.Outcome.choices)
    plans = {plan.number: plan for plan in found["plans"]}
    rows = [(number, values, *_said(plans.get(number), outcomes)) for number, values in found["rows"]]
    return {
        "targets": targets,
        "columns": columns,
        "rows": rows,
        "totals": [(name, label, found["totals"].get(name, 0)) for name, label in outcomes.items()],
        "looked_at": found["looked_at"],
        "is_part": found["looked_at"] < job.rows_total,
    }


def _said(plan: planning.Planned | None, outcomes: dict[str, Any]) -> tuple[str, str, str]:
    if plan is None:
        return "", "", ""
    return plan.outcome, str(outcomes.get(plan.outcome, "")), str(planning.PROBLEMS.get(plan.problem, ""))


@requires("contacts.create")
@require_POST
def cancel(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Stop an import, or drop one that was never started."""
    return _done(request, pk, lambda job: importing.cancel(job, by=request.user, request=request, now=timezone.now()))


@requires("contacts.delete")
@require_POST
def undo(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Take away what an import made and nobody has used."""

    def act(job: ContactImport) -> None:
        removed = importing.undo(job, by=request.user, request=request, now=timezone.now())
        said = ngettext("%(count)d contact was removed", "%(count)d contacts were removed", removed)
        flashes.success(request, said % {"count": removed})

    return _done(request, pk, act)


def _done(request: MemberRequest, pk: uuid.UUID, act: Any) -> HttpResponse:
    job = _job(request, pk)
    try:
        act(job)
    except DomainError as exc:
        flashes.error(request, str(exc.message))
    return redirect("inbox:import", pk=job.pk)


@requires("contacts.create")
@require_GET
def refused(request: MemberRequest, pk: uuid.UUID) -> StreamingHttpResponse:
    """Give the refused rows back as a file, with the reason beside each: correct it and upload it again."""
    job = _job(request, pk)
    rows = importing.refused(job)
    headers = [header or _("Column %(number)d") % {"number": index + 1} for index, header in enumerate(job.headers)]
    said = {code: str(text) for code, text in planning.PROBLEMS.items()}

    def lines() -> Iterator[list[str]]:
        yield [*headers, _("Row"), _("Problem")]
        for number, problem, values in rows:
            yield [*values, str(number), said.get(problem, problem)]

    return _file(sheets.csv_parts(list(lines())), "csv", "recusadas")


@requires("contacts.export")
@require_POST
def export(request: MemberRequest) -> HttpResponse | StreamingHttpResponse:
    """Give the list, as it is filtered, as a file. It is audited."""
    form = request.POST.get("format", "csv")
    if form not in exporting.FORMATS:
        raise Http404
    wanted = asked.wanted(request.POST)
    try:
        parts = exporting.parts(wanted=wanted, form=form, by=request.user)
    except DomainError as exc:
        flashes.error(request, str(exc.message))
        return redirect("inbox:contacts")
    exporting.note(wanted=wanted, form=form, by=request.user, request=request)
    return _file(parts, form, "contatos")


def _file(parts: Iterator[bytes], form: str, name: str) -> StreamingHttpResponse:
    kind, _writer = exporting.FORMATS[form]
    filename = f"{name}-{timezone.localdate():%Y-%m-%d}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{filename}"', "X-Content-Type-Options": "nosniff"}
    return StreamingHttpResponse(parts, content_type=kind, headers=headers)
