"""What people do with a draft: save, check, import, publish, restore."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages as flashes
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST

from flows import publishing
from flows.exchange import Imported
from flows.models import Flow
from flows.pages import flow_page
from flows.pages.forms import DraftForm, ImportForm, PublishForm, RestoreForm
from pytake.accounts import audit
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest
from pytake.core.errors import UnprocessableError


@requires("chatbots.edit")
@require_POST
def save(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Save the editor's text as the draft, unless somebody else saved meanwhile."""
    row = flow_page.find(request.user, pk)
    form = DraftForm(request.POST)
    if not form.is_valid():
        return _page(request, row, status=422, tab="json", form=form)
    try:
        saved = publishing.save_draft(
            row, form.cleaned_data["graph"], by=request.user, now=timezone.now(), version=form.revision
        )
    except publishing.StaleDraftError:
        return _conflict(request, pk, form=form)
    _say_saved(request, saved)
    return redirect(_address(saved, "json"))


@requires("chatbots.edit")
@require_POST
def check(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Check the editor's text without saving it."""
    row = flow_page.find(request.user, pk)
    form = DraftForm(request.POST)
    sheet = flow_page.sheet(row, form.cleaned_data["graph"]) if form.is_valid() else None
    if not request.htmx:
        extra = {"checked": sheet} if sheet else {}
        return _page(request, row, status=200 if sheet else 422, tab="json", form=form, **extra)
    return render(request, "flows/checked.html", {"form": form, "checked": sheet, "flow": row})


@requires("chatbots.edit")
@require_POST
def bring(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Import a file into the draft, or as a new flow of the same chatbot."""
    row = flow_page.find(request.user, pk)
    form = ImportForm(request.POST, request.FILES, prefix="import")
    if not form.is_valid():
        return _page(request, row, status=422, tab="json", import_form=form)
    imported: Imported = form.cleaned_data["imported"]
    try:
        if form.cleaned_data["as_new"]:
            saved = _import_as_new(request, row, imported)
        else:
            saved = _import_into(request, row, imported, revision=form.cleaned_data["draft_version"])
    except publishing.StaleDraftError:
        return _conflict(request, pk)
    if imported.missing:
        named = ", ".join(imported.missing)
        flashes.warning(request, gettext("These flows do not exist here: %(names)s") % {"names": named})
    _say_saved(request, saved)
    return redirect(_address(saved, "drawing"))


def _import_into(request: MemberRequest, row: Flow, imported: Imported, *, revision: int) -> Flow:
    with transaction.atomic():
        saved = publishing.save_draft(row, imported.graph, by=request.user, now=timezone.now(), version=revision)
        _record_import(request, saved, imported)
    return saved


def _import_as_new(request: MemberRequest, row: Flow, imported: Imported) -> Flow:
    if not request.user.can("chatbots.create"):
        raise PermissionDenied
    with transaction.atomic():
        fresh = Flow.objects.create(
            organization_id=row.organization_id,
            chatbot=row.chatbot,
            name=(imported.name.replace("\x00", "") or gettext("Imported flow"))[:120],
        )
        saved = publishing.save_draft(fresh, imported.graph, by=request.user, now=timezone.now())
        _record_import(request, saved, imported)
    return saved


def _record_import(request: MemberRequest, saved: Flow, imported: Imported) -> None:
    changes = {"name": imported.name, "draft_version": saved.draft_version}
    audit.record(action="flow.imported", entity=saved, by=request.user, changes=changes, request=request)


@requires("chatbots.publish")
@require_POST
def publish(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Make the draft the next version; refused while it has errors, or if it is not the one looked at."""
    row = flow_page.find(request.user, pk)
    form = PublishForm(request.POST)
    if not form.is_valid():
        return _page(request, row, status=422, tab="drawing", publish_form=form)
    try:
        with transaction.atomic():
            latest = Flow.objects.select_for_update().get(pk=row.pk)
            if latest.draft_version != form.cleaned_data["draft_version"]:
                return _conflict(request, pk, tab="drawing")
            version = publishing.publish(
                latest, by=request.user, now=timezone.now(), note=form.cleaned_data["note"].strip()
            )
    except UnprocessableError:
        return _page(request, row, status=422, tab="drawing", refused=True)
    flashes.success(request, gettext("Version %(number)s is published") % {"number": version.number})
    return redirect(_address(row, "versions"))


@requires("chatbots.edit")
@require_POST
def restore(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Copy a version into the draft."""
    row = flow_page.find(request.user, pk)
    form = RestoreForm(request.POST)
    version = flow_page.version_of(row, form.cleaned_data["number"]) if form.is_valid() else None
    if version is None:
        raise Http404
    try:
        saved = publishing.restore(
            row,
            version,
            by=request.user,
            now=timezone.now(),
            draft_version=form.cleaned_data["draft_version"],
            request=request,
        )
    except publishing.StaleDraftError:
        return _conflict(request, pk, tab="versions")
    flashes.success(request, gettext("Version %(number)s is the draft now") % {"number": version.number})
    return redirect(_address(saved, "drawing"))


def _address(row: Flow, tab: str) -> str:
    address = reverse("flows:flow", kwargs={"pk": row.pk})
    return address if tab == "drawing" else f"{address}?tab={tab}"


def _page(request: MemberRequest, row: Flow, *, status: int, tab: str, **more: Any) -> HttpResponse:
    context = flow_page.context(row, request.user, tab=tab, **more)
    return render(request, "flows/flow.html", context, status=status)


def _conflict(request: MemberRequest, pk: uuid.UUID, *, tab: str = "json", **more: Any) -> HttpResponse:
    """Show the page with the newer draft and say who saved it; the author's text stays in the editor."""
    row = flow_page.find(request.user, pk)
    return _page(request, row, status=409, tab=tab, conflict=True, **more)


def _say_saved(request: MemberRequest, row: Flow) -> None:
    errors = sum(finding.level == "error" for finding in publishing.findings(row, row.draft))
    if not errors:
        flashes.success(request, gettext("Draft saved"))
        return
    text = ngettext("Draft saved; it has %(count)s error", "Draft saved; it has %(count)s errors", errors)
    flashes.success(request, text % {"count": errors})
