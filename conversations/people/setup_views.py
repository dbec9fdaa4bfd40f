"""Tags and custom fields on one page."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages as flashes
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from conversations.models import CustomField, Tag
from conversations.people import fields, tags
from conversations.people.forms import FieldForm, TagForm
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest
from pytake.core.errors import DomainError


@requires("contacts.view")
def setup(request: MemberRequest) -> HttpResponse:
    """Show tags and custom fields; add one of either."""
    posted = request.POST.get("what", "")
    tag_form = TagForm(request.POST if posted == "tag" else None)
    field_form = FieldForm(request.POST if posted == "field" else None)
    form: Any = {"tag": tag_form, "field": field_form}.get(posted)
    if form is not None and _added(request, posted, form):
        return redirect("inbox:contact-setup")
    context = {
        "tags": list(tags.counted(tags.alive().visible_to(request.user)).order_by("name")),
        "fields": fields.defined(),
        "tag_form": tag_form,
        "field_form": field_form,
        "can_edit": request.user.can("contacts.edit"),
        "can_define": request.user.can("organization.manage"),
    }
    return render(request, "contacts/setup.html", context, status=422 if form is not None else 200)


def _added(request: MemberRequest, what: str, form: Any) -> bool:
    if not request.user.can("contacts.edit" if what == "tag" else "organization.manage"):
        raise PermissionDenied
    if not form.is_valid():
        return False
    by: dict[str, Any] = {"by": request.user, "request": request}
    try:
        if what == "tag":
            tags.create(**form.cleaned_data, **by)
        else:
            fields.define(**form.cleaned_data, **by)
    except DomainError as exc:
        form.add_error(None, str(exc.message))
        return False
    flashes.success(request, _("Tag added") if what == "tag" else _("Field added"))
    return True


@requires("contacts.edit")
@require_POST
def tag(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Rename, recolour or delete a tag."""
    row = Tag.objects.get_queryset().visible_to(request.user).filter(pk=pk, deleted_at=None).first()
    if row is None:
        raise Http404
    by: dict[str, Any] = {"by": request.user, "request": request}
    form = TagForm(request.POST)
    try:
        if "delete" in request.POST:
            tags.delete(row, now=timezone.now(), **by)
            flashes.success(request, _("Tag deleted"))
        elif form.is_valid():
            tags.change(row, changes=form.cleaned_data, **by)
            flashes.success(request, _("Tag saved"))
        else:
            flashes.error(request, _("A tag needs a name."))
    except DomainError as exc:
        flashes.error(request, str(exc.message))
    return redirect("inbox:contact-setup")


@requires("organization.manage")
@require_POST
def field(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Rename a custom field, change its choices, or take it away."""
    row = CustomField.objects.get_queryset().visible_to(request.user).filter(pk=pk, deleted_at=None).first()
    if row is None:
        raise Http404
    by: dict[str, Any] = {"by": request.user, "request": request}
    if "delete" in request.POST:
        fields.remove(row.pk, now=timezone.now(), **by)
        flashes.success(request, _("Field removed; the contacts keep its values"))
        return redirect("inbox:contact-setup")
    form = FieldForm({**request.POST.dict(), "kind": row.kind})
    if form.is_valid():
        said = form.cleaned_data
        fields.change(row, label=said["label"], choices=said["choices"], **by)
        flashes.success(request, _("Field saved"))
    else:
        flashes.error(request, "; ".join(str(message) for messages in form.errors.values() for message in messages))
    return redirect("inbox:contact-setup")
