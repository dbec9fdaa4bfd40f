"""Contact pages: the list, a new contact, and one person with data, addresses, consent and conversations."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages as flashes
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from conversations.consent import by_people
from conversations.inbox import people
from conversations.models import Contact, ContactMerge, Conversation
from conversations.people import addresses, asked, contacts, editing, fields, merging, tags
from conversations.people.forms import AddressForm, ConsentForm, ContactForm, NewContactForm, ReasonForm
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest
from pytake.core.errors import DomainError


@requires("contacts.view")
@require_GET
@vary_on_headers("HX-Request")
def contact_list(request: MemberRequest) -> HttpResponse:
    """List contacts, or only the rows when a fragment is asked for."""
    wanted = asked.wanted(request.GET)
    page = contacts.page(request.user, wanted=wanted, cursor=request.GET.get("cursor", ""))
    context: dict[str, Any] = {
        "search": wanted.search,
        "query": asked.query_of(request.GET),
        "next_cursor": page.next_cursor,
        "rows": [
            {
                "contact": row,
                "title": people.title(row, request.user),
                "phone": people.address(row, request.user),
                "tags": [tag for tag in row.tags.all() if tag.deleted_at is None],
            }
            for row in page.rows
        ],
    }
    if request.htmx:
        return render(request, "contacts/list.html#rows", context)
    return render(request, "contacts/list.html", {**context, **_surroundings(request, wanted)})


def _surroundings(request: MemberRequest, wanted: contacts.Wanted) -> dict[str, Any]:
    """Return tabs, tags and buttons around the rows."""
    view = request.GET.get("view", "")
    names = {
        "": gettext("All contacts"),
        "vip": "VIP",
        "blocked": gettext("Blocked people"),
        "no_promotions": gettext("No promotions"),
    }
    return {
        "view": view,
        "tabs": [(asked.query_of(request.GET, view=key), label, key == view) for key, label in names.items()],
        "tags": list(tags.alive().order_by("name")[:200]),
        "chosen_tag": str(wanted.tag or ""),
        "is_filtered": wanted != contacts.Wanted(),
        "can_create": request.user.can("contacts.create"),
        "can_edit": request.user.can("contacts.edit"),
        "can_export": request.user.can("contacts.export"),
    }


@requires("contacts.create")
def contact_new(request: MemberRequest) -> HttpResponse:
    """Create a contact."""
    form = NewContactForm(request.POST or None)
    existing = None
    if request.method == "POST" and form.is_valid():
        try:
            contact = editing.create(
                given=[addresses.read_or_refuse(form.cleaned_data["phone"])],
                data=form.changes(),
                attributes=form.attributes(),
                tag_names=form.tag_names(),
                by=request.user,
                request=request,
                now=timezone.now(),
            )
        except DomainError as exc:
            existing = exc.extra.get("contact_id")
            for name, messages in (exc.fields or {"phone": [exc.message]}).items():
                form.add_error(name if name in form.fields else None, [str(message) for message in messages])
        else:
            flashes.success(request, gettext("Contact created"))
            return redirect("inbox:contact", pk=contact.pk)
    status = 422 if form.errors else 200
    return render(request, "contacts/new.html", {"form": form, "existing": existing}, status=status)


@requires("contacts.view")
def contact_detail(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Show a contact; save the form when it is posted."""
    contact = Contact.objects.visible_to(request.user).alive().filter(pk=pk).first()
    if contact is None:
        return _moved(pk)
    status = 200
    form = ContactForm(instance=contact)
    if request.method == "POST":
        if not request.user.can("contacts.edit"):
            raise PermissionDenied
        form = ContactForm(request.POST, instance=contact)
        if form.is_valid():
            _save(request, contact, form)
            flashes.success(request, gettext("Contact saved"))
            return redirect(request.path)
        status = 422
    return render(request, "contacts/detail.html", _detail(request, contact, form), status=status)


def _moved(pk: uuid.UUID) -> HttpResponse:
    """Lead from a contact that was merged to the one that it is part of."""
    merge = ContactMerge.objects.filter(merged_contact_id=pk, undo_of=None).order_by("-created_at").first()
    if merge is None:
        raise Http404
    return redirect("inbox:contact", pk=merge.kept_contact_id)


def _save(request: MemberRequest, contact: Contact, form: ContactForm) -> None:
    by: dict[str, Any] = {"by": request.user, "request": request}
    editing.change(contact, data=form.changes(), attributes=form.attributes(), **by)
    if "tags" in form.changed_data and "tags" in form.data:
        tags.put(contact, tags.found(form.tag_names(), make=True), mode="replace", **by)


@requires("contacts.edit")
@require_POST
def record_consent(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Write down what the customer told a person about receiving messages."""
    contact = _of(request, pk)
    form = ConsentForm(request.POST)
    if not form.is_valid():
        context = _detail(request, contact, ContactForm(instance=contact), form)
        return render(request, "contacts/detail.html", context, status=422)
    said = form.cleaned_data
    by_people.record(
        contact,
        choice=said["choice"],
        reason=said["reason"],
        by=request.user,
        request=request,
        now=timezone.now(),
    )
    flashes.success(request, gettext("Consent recorded"))
    return redirect("inbox:contact", pk=contact.pk)


def _of(request: MemberRequest, pk: uuid.UUID) -> Contact:
    contact = Contact.objects.visible_to(request.user).alive().filter(pk=pk).first()
    if contact is None:
        raise Http404
    return contact


def _detail(
    request: MemberRequest, contact: Contact, form: ContactForm, consent_form: ConsentForm | None = None
) -> dict[str, Any]:
    identities = list(people.identities_of(contact))
    rows = Conversation.objects.visible_to(request.user).filter(contact=contact)
    custom = fields.defined()
    known = {field.key for field in custom}
    merges = ContactMerge.objects.filter(kept_contact=contact, undo_of=None).select_related("performed_by", "undone_by")
    return {
        "contact": contact,
        "title": people.title_from(contact, identities, request.user),
        "identities": [(row, people.shown(row, request.user)) for row in identities],
        "tags": list(contact.tags.filter(deleted_at=None).order_by("name")),
        "conversations": list(
            rows.select_related("number", "current_agent", "department").order_by("-last_message_at", "-pk")[:50]
        ),
        "form": form,
        "address_form": AddressForm(),
        "reason_form": ReasonForm(auto_id="block_%s"),
        "consent_form": consent_form or ConsentForm(),
        "consents": by_people.history(contact),
        "can_edit": request.user.can("contacts.edit"),
        "can_delete": request.user.can("contacts.delete"),
        "can_undo": request.user.can("organization.manage"),
        "custom": [(field.label, fields.shown(field, contact.attributes.get(field.key))) for field in custom],
        "attributes": {key: value for key, value in contact.attributes.items() if key not in known},
        "merges": [(row, merging.may_undo(row, now=timezone.now())) for row in merges.order_by("-created_at")[:20]],
    }
