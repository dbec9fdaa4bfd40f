"""Merging two contacts on pages: choose, compare, merge, undo."""

from __future__ import annotations

import uuid

from django.contrib import messages as flashes
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from conversations.inbox import people
from conversations.models import Contact, ContactMerge
from conversations.people import contacts, merging
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest
from pytake.core.errors import DomainError

FOUND_MAX = 10


@requires("contacts.edit")
def merge(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Find the other contact, compare both, merge them."""
    keep = _contact(request, pk)
    other = _other(request, keep)
    if request.method == "POST" and other is not None:
        winners = {name: request.POST.get(f"winner_{name}", "") for name in merging.FIELDS}
        try:
            merging.merge_now(
                keep.pk,
                other.pk,
                winners=winners,
                reason=request.POST.get("reason", "").replace("\x00", "")[:255],
                by=request.user,
                request=request,
                now=timezone.now(),
            )
        except DomainError as exc:
            flashes.error(request, str(exc.message))
        else:
            flashes.success(request, _("The two contacts are one"))
        return redirect("inbox:contact", pk=keep.pk)
    search = request.GET.get("q", "").replace("\x00", "").strip()[:80]
    context = {
        "keep": keep,
        "keep_title": people.title(keep, request.user),
        "keep_addresses": _addresses(keep, request),
        "search": search,
        "found": _found(request, keep, search) if search and other is None else [],
        "other": other,
        "other_title": people.title(other, request.user) if other else "",
        "other_addresses": _addresses(other, request) if other else [],
        "lines": merging.preview(keep, other) if other else [],
    }
    return render(request, "contacts/merge.html", context)


def _contact(request: MemberRequest, pk: uuid.UUID) -> Contact:
    row = Contact.objects.visible_to(request.user).alive().filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


def _other(request: MemberRequest, keep: Contact) -> Contact | None:
    given = request.POST.get("other") or request.GET.get("other")
    if not given:
        return None
    try:
        found = _contact(request, uuid.UUID(given))
    except ValueError as exc:
        raise Http404 from exc
    return found if found.pk != keep.pk else None


def _found(request: MemberRequest, keep: Contact, search: str) -> list[dict[str, object]]:
    rows = contacts.chosen(request.user, contacts.Wanted(search=search)).exclude(pk=keep.pk)
    return [
        {"contact": row, "title": people.title(row, request.user), "phone": people.address(row, request.user)}
        for row in rows.prefetch_related("identities").order_by("-pk")[:FOUND_MAX]
    ]


def _addresses(contact: Contact, request: MemberRequest) -> list[str]:
    return [people.shown(row, request.user) for row in people.identities_of(contact)]


@requires("organization.manage")
@require_POST
def undo(request: MemberRequest, pk: uuid.UUID, merge_id: uuid.UUID) -> HttpResponse:
    """Make two contacts of one again."""
    keep = _contact(request, pk)
    row = ContactMerge.objects.filter(kept_contact=keep, pk=merge_id, undo_of=None).first()
    if row is None:
        raise Http404
    try:
        merging.undo(row, by=request.user, request=request, now=timezone.now())
    except DomainError as exc:
        flashes.error(request, str(exc.message))
    else:
        flashes.success(request, _("The two contacts are separate again"))
    return redirect("inbox:contact", pk=keep.pk)


@requires("contacts.view")
@require_GET
def gone(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Say that a contact is deleted, and offer to bring it back."""
    contact = Contact.objects.visible_to(request.user).filter(pk=pk, deleted_at__isnull=False).first()
    if contact is None:
        raise Http404
    context = {
        "contact": contact,
        "title": people.title(contact, request.user),
        "can_restore": request.user.can("contacts.delete"),
    }
    return render(request, "contacts/gone.html", context)
