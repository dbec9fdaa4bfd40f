"""Pages of message templates: the list, writing one, and one with its preview, history and uses."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages as flashes
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from conversations.message_templates import accounts, drafts, editing, lists, sync, usage, wording
from conversations.message_templates.editing import DuplicateError, InvalidTemplateError
from conversations.message_templates.faces import button_rows, face, row_of, sync_line
from conversations.message_templates.rules import BODY_MAX, BUTTONS, BUTTONS_MAX, FOOTER_MAX, HEADER_MAX, LABEL_MAX
from conversations.message_templates.states import BAD
from conversations.models import WhatsAppTemplate, WhatsAppTemplateEvent
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest
from pytake.accounts.models import Organization
from pytake.core.errors import ConflictError, DomainError

HISTORY: Final = 30
Category = WhatsAppTemplate.Category
JUST_NOW: Final = timedelta(minutes=1)


@requires("templates.view")
@require_GET
@vary_on_headers("HX-Request")
def template_list(request: MemberRequest) -> HttpResponse:
    """List templates, or only the rows when a fragment is asked for."""
    wanted = lists.sought(request.GET.dict())
    page = lists.page(request.user, wanted, cursor=request.GET.get("cursor", ""))
    query = {"q": wanted.text, **{name: getattr(wanted, name) for name in lists.FILTERS}}
    base = urlencode({key: value for key, value in query.items() if value})
    context: dict[str, Any] = {
        "rows": [row_of(row) for row in page.rows],
        "next_page": f"?{base}&cursor={page.next_cursor}" if page.next_cursor else "",
        "wanted": wanted,
    }
    if not request.htmx:
        context |= _list_head(request, wanted)
    return render(request, "message_templates/list.html" + ("#rows" if request.htmx else ""), context)


def _list_head(request: MemberRequest, wanted: lists.Sought) -> dict[str, Any]:
    figures = lists.figures(request.user)
    states = [("", gettext("All"), figures["all"]), ("attention", gettext("Need attention"), figures["attention"])]
    states += [(key, str(label), figures[key]) for key, label in WhatsAppTemplate.Status.choices if figures[key]]
    keep = {name: getattr(wanted, name) for name in ("category", "language", "quality")} | {"q": wanted.text}
    return {
        "tabs": [
            {
                "label": label,
                "count": count,
                "here": wanted.status == key,
                "url": "?" + urlencode({k: v for k, v in {**keep, "status": key}.items() if v}),
            }
            for key, label, count in states
        ],
        "has_any": bool(figures["all"]) or wanted.is_filtered,
        "categories": WhatsAppTemplate.Category.choices,
        "qualities": WhatsAppTemplate.Quality.choices,
        "languages": [(code, wording.LANGUAGES.get(code, code)) for code in lists.languages(request.user)],
        "accounts": accounts.official_numbers() != [],
        "sync": sync_line(lists.syncs(request.user)),
        "can_manage": request.user.can("templates.manage"),
    }


@requires("templates.view")
def read_again(request: MemberRequest) -> HttpResponse:
    """Have all accounts read at once (POST); show how far it has come."""
    if request.method == "POST":
        if not request.user.can("templates.manage"):
            return HttpResponse(status=403)
        organization = _organization()
        for account_id in accounts.labels(accounts.official_numbers()):
            sync.request(organization.pk, account_id, now=timezone.now())
        if not request.htmx:
            flashes.success(request, gettext("The templates are being read from WhatsApp"))
            return redirect("message_templates:list")
    line = sync_line(lists.syncs(request.user))
    context = {"sync": line, "can_manage": request.user.can("templates.manage"), "accounts": True}
    response = render(request, "message_templates/list.html#sync", context)
    if request.method == "GET" and not line.is_running:
        response["HX-Trigger"] = "templates:read"
    return response


@requires()
@require_GET
def told(request: MemberRequest) -> HttpResponse:
    """Say what just happened to a template, if it was bad (asked by open pages that were told)."""
    rows = WhatsAppTemplateEvent.objects.filter(
        kind=WhatsAppTemplateEvent.Kind.STATUS, new__in=BAD, occurred_at__gt=timezone.now() - JUST_NOW
    )
    event = rows.select_related("template").order_by("-id").first()
    response = HttpResponse(status=204)
    if event is not None and request.user.can("templates.view") and event.source != WhatsAppTemplateEvent.Source.PERSON:
        said = wording.headline(event.template.name, event.new)
        response["HX-Trigger"] = json.dumps({"toast": {"text": said, "level": "error"}})
    return response


@requires("templates.manage")
def create(request: MemberRequest) -> HttpResponse:
    """Write a template: kept as a draft, or submitted."""
    choices = accounts.labels(accounts.official_numbers())
    if not choices:
        return render(request, "message_templates/edit.html", {"accounts": {}})
    if request.method != "POST":
        return _form(request, drafts.blank(next(iter(choices))), choices=choices)
    sheet = _changed(request, drafts.read(request.POST.dict()))
    if "do" not in request.POST:
        return _form(request, sheet, choices=choices)
    now = timezone.now()
    if sheet["account"] not in choices:
        return _form(request, sheet, choices=choices, errors={"account": [gettext("Choose an account.")]}, status=422)
    try:
        if request.POST["do"] == "submit":
            editing.check(drafts.draft(sheet))
        row = editing.write(_organization(), sheet["account"], drafts.draft(sheet), by=request.user, now=now)
    except (InvalidTemplateError, DuplicateError) as error:
        return _refused(request, sheet, error, choices=choices)
    return _submit(request, row) if request.POST["do"] == "submit" else _kept(request, row)


@requires("templates.manage")
def edit(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Change a template: a draft here, another one at WhatsApp."""
    row = _template(request, pk)
    choices = {row.account_id: accounts.labels(accounts.official_numbers()).get(row.account_id, row.account_id)}
    draft = editing.draft_of(row)
    if row.status not in editing.EDITABLE or row.deleted_at or not drafts.is_expressible(draft):
        flashes.error(request, gettext("This template cannot be edited here. Edit it in WhatsApp Manager."))
        return redirect("message_templates:detail", pk=pk)
    if request.method != "POST":
        return _form(request, drafts.of(draft, account=row.account_id), row=row, choices=choices)
    sheet = _changed(request, drafts.read(request.POST.dict()))
    if row.meta_template_id:  # what WhatsApp does not let us change
        fixed = {"name": row.name, "language": row.language, "parameter_format": row.parameter_format}
        sheet.values |= fixed | ({"category": row.category} if row.status == "APPROVED" else {})
    if "do" not in request.POST:
        return _form(request, sheet, row=row, choices=choices)
    submits = request.POST["do"] == "submit"
    try:
        if submits:
            editing.check(drafts.draft(sheet))
        editing.change(row, drafts.draft(sheet), by=request.user, now=timezone.now())
    except (InvalidTemplateError, ConflictError) as error:
        return _refused(request, sheet, error, row=row, choices=choices)
    except DomainError as error:
        return _refused(request, sheet, error, row=row, choices=choices, status=502)
    if row.meta_template_id:
        flashes.success(request, gettext("Sent to WhatsApp for review"))
        return redirect("message_templates:detail", pk=pk)
    return _submit(request, row) if submits else _kept(request, row)


@requires("templates.manage")
@require_POST
def preview(request: MemberRequest) -> HttpResponse:
    """Show the message as it will be read, and ask for examples of the variables that are new."""
    sheet = drafts.read(request.POST.dict())
    asked = drafts.asked(sheet, {})
    context = {
        "shown": drafts.shown(sheet),
        "asked": asked,
        # Replacing the fields would take away what is being typed into them: only when others are needed.
        "renew": {f"{row.key}" for row in asked} != set(sheet.examples),
        "sheet": sheet,
    }
    return render(request, "message_templates/edit.html#live", context)


@requires("templates.view")
@require_GET
def detail(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Show a template: is it well, if not why, where is it used, what happened."""
    return _detail(request, _template(request, pk))


def _detail(request: MemberRequest, row: WhatsAppTemplate, *, status: int = 200, error: str = "") -> HttpResponse:
    uses = usage.of(row)
    events = list(row.events.order_by("-occurred_at", "-id")[:HISTORY])
    context = {
        "row": row,
        "face": face(row, events),
        "uses": uses,
        "affected": usage.affected(row, uses),
        "waiting": usage.waiting(row) if not row.is_usable else 0,
        "numbers": accounts.official_numbers(row.account_id),
        "can_manage": request.user.can("templates.manage"),
        "can_edit": row.status in editing.EDITABLE
        and not row.deleted_at
        and drafts.is_expressible(editing.draft_of(row)),
        "error": error,
    }
    return render(request, "message_templates/detail.html", context, status=status)


@requires("templates.manage")
@require_POST
def submit(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Hand a draft to WhatsApp."""
    return _submit(request, _template(request, pk))


@requires("templates.manage")
@require_POST
def switch(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Let people use a template, or not."""
    row, on = _template(request, pk), request.POST.get("on") == "1"
    editing.enable(row, on=on, by=request.user, now=timezone.now())
    flashes.success(request, gettext("The template may be used") if on else gettext("The template is switched off"))
    return redirect("message_templates:detail", pk=pk)


@requires("templates.manage")
@require_POST
def release(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """End a pause."""
    row = _template(request, pk)
    try:
        editing.release(row, by=request.user, now=timezone.now())
    except DomainError as error:
        return _detail(request, row, status=error.status, error=str(error.message))
    flashes.success(request, gettext("The template is released. Give WhatsApp five minutes before sending much."))
    return redirect("message_templates:detail", pk=pk)


@requires("templates.manage")
@require_POST
def delete(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Delete a template once its name was typed: that cannot be undone."""
    row = _template(request, pk)
    if row.meta_template_id and request.POST.get("name", "").strip() != row.name:
        said = gettext("Nothing was deleted: type the name of the template exactly.")
        return _detail(request, row, status=422, error=said)
    try:
        editing.delete(row, by=request.user, now=timezone.now())
    except DomainError as error:
        return _detail(request, row, status=error.status, error=str(error.message))
    flashes.success(request, gettext("Template deleted"))
    return redirect("message_templates:list")


def _template(request: MemberRequest, pk: uuid.UUID) -> WhatsAppTemplate:
    row = WhatsAppTemplate.objects.visible_to(request.user).filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


def _organization() -> Organization:
    found = Organization.objects.of_context()
    if found is None:
        raise Http404
    return found


def _kept(request: MemberRequest, row: WhatsAppTemplate) -> HttpResponse:
    flashes.success(request, gettext("Draft saved"))
    return redirect("message_templates:detail", pk=row.pk)


def _submit(request: MemberRequest, row: WhatsAppTemplate) -> HttpResponse:
    """Submit a draft that is saved, whatever comes of it."""
    try:
        editing.submit(row, by=request.user, now=timezone.now())
    except InvalidTemplateError as error:
        choices = {row.account_id: accounts.labels(accounts.official_numbers()).get(row.account_id, row.account_id)}
        sheet = drafts.of(editing.draft_of(row), account=row.account_id)
        return _refused(request, sheet, error, row=row, choices=choices)
    except DomainError as error:
        said = gettext("Your text is kept as a draft.")
        return _detail(request, row, status=error.status, error=f"{error.message} {said}")
    flashes.success(request, gettext("Sent to WhatsApp for review"))
    return redirect("message_templates:detail", pk=row.pk)


def _changed(request: MemberRequest, sheet: drafts.Sheet) -> drafts.Sheet:
    """Add or take away a button, if that was asked for."""
    added, removed = request.POST.get("add", ""), request.POST.get("remove", "")
    if added in BUTTONS and len(sheet.buttons) < BUTTONS_MAX:
        sheet.buttons.append(dict.fromkeys(drafts.BUTTON_FIELDS, "") | {"type": added})
    if removed.isdecimal() and int(removed) < len(sheet.buttons):
        del sheet.buttons[int(removed)]
    return sheet


def _refused(
    request: MemberRequest,
    sheet: drafts.Sheet,
    error: DomainError,
    *,
    choices: dict[str, str],
    row: WhatsAppTemplate | None = None,
    status: int = 422,
) -> HttpResponse:
    errors = drafts.errors_by_field(error.fields)
    return _form(request, sheet, row=row, choices=choices, errors=errors, said=str(error.message), status=status)


def _form(
    request: MemberRequest,
    sheet: drafts.Sheet,
    *,
    choices: dict[str, str],
    row: WhatsAppTemplate | None = None,
    errors: dict[str, list[object]] | None = None,
    said: str = "",
    status: int = 200,
) -> HttpResponse:
    errors = errors or {}
    named = {f"button-{index}-{name}" for index in range(BUTTONS_MAX) for name in drafts.BUTTON_FIELDS}
    known = named | {"account", "name", "language", "category", "header_text", "body", "footer", "buttons"}
    context = {
        "row": row,
        "sheet": sheet,
        "errors": errors,
        "other_errors": [
            t for name, texts in errors.items() if name not in known and "example-" not in name for t in texts
        ],
        "said": said,
        "accounts": choices,
        "languages": wording.LANGUAGES.items(),
        "categories": [
            (key, WhatsAppTemplate.Category(key).label, wording.CATEGORY_HELP[key]) for key in drafts.CATEGORIES
        ],
        "formats": WhatsAppTemplate.ParameterFormat.choices,
        "asked": drafts.asked(sheet, errors),
        "buttons": button_rows(sheet, errors),
        "shown": drafts.shown(sheet),
        "limits": {"body": BODY_MAX, "header": HEADER_MAX, "footer": FOOTER_MAX, "label": LABEL_MAX},
        "fixed": bool(row and row.meta_template_id),
        "category_fixed": bool(row and row.meta_template_id and row.status == "APPROVED"),
        "action": reverse("message_templates:edit", args=[row.pk]) if row else reverse("message_templates:new"),
    }
    return render(request, "message_templates/edit.html", context, status=status)
