"""Contact pages: the list, and one person with data and conversations."""

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
from conversations.models import Contact, Conversation
from conversations.people import contacts
from conversations.people.forms import ConsentForm, ContactForm
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest


@requires("contacts.view")
@require_GET
@vary_on_headers("HX-Request")
def contact_list(request: MemberRequest) -> HttpResponse:
    """List contacts, or only the rows when a fragment is asked for."""
    search = request.GET.get("q", "").replace("\x00", "").strip()[:80]
    page = contacts.page(request.user, search=search, cursor=request.GET.get("cursor", ""))
    context = {
        "search": search,
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
    return render(request, "contacts/list.html#rows" if request.htmx else "contacts/list.html", context)


@requires("contacts.view")
def contact_detail(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Show a contact; save the form when it is posted."""
    contact = Contact.objects.visible_to(request.user).alive().filter(pk=pk).first()
    if contact is None:
        raise Http404
    status = 200
    form = ContactForm(instance=contact)
    if request.method == "POST":
        if not request.user.can("contacts.edit"):
            raise PermissionDenied
        form = ContactForm(request.POST, instance=contact)
        if form.is_valid():
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            contacts.save(contact, changes=changes, by=request.user, request=request)
            flashes.success(request, gettext("Contact saved"))
            return redirect(request.path)
        status = 422
    return render(request, "contacts/detail.html", _detail(request, contact, form), status=status)


@requires("contacts.edit")
@require_POST
def record_consent(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Write down what the customer told a person about receiving messages."""
    contact = Contact.objects.visible_to(request.user).alive().filter(pk=pk).first()
    if contact is None:
        raise Http404
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


def _detail(
    request: MemberRequest, contact: Contact, form: ContactForm, consent_form: ConsentForm | None = None
) -> dict[str, Any]:
    identities = list(people.identities_of(contact))
    rows = Conversation.objects.visible_to(request.user).filter(contact=contact)
    return {
        "contact": contact,
        "title": people.title_from(contact, identities, request.user),
        "identities": [(row.get_kind_display(), people.shown(row, request.user)) for row in identities],
        "tags": list(contact.tags.filter(deleted_at=None).order_by("name")),
        "conversations": list(
            rows.select_related("number", "current_agent", "department").order_by("-last_message_at", "-pk")[:50]
        ),
        "form": form,
        "consent_form": consent_form or ConsentForm(),
        "consents": by_people.history(contact),
        "can_edit": request.user.can("contacts.edit"),
    }
