"""What buttons on a contact's page do: one address, a verb each."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.contrib import messages as flashes
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from conversations.models import Contact, ContactIdentity
from conversations.people import addresses, editing
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest
from pytake.core.errors import DomainError

Deed = Callable[[MemberRequest, Contact], str]


def _by(request: MemberRequest) -> dict[str, Any]:
    return {"by": request.user, "request": request}


def _block(request: MemberRequest, contact: Contact) -> str:
    reason = request.POST.get("reason", "").replace("\x00", "")[:255]
    editing.block(contact, reason=reason, now=timezone.now(), **_by(request))
    return _("Contact blocked: nothing automatic is sent any more")


def _unblock(request: MemberRequest, contact: Contact) -> str:
    editing.unblock(contact, now=timezone.now(), **_by(request))
    return _("Contact unblocked")


def _delete(request: MemberRequest, contact: Contact) -> str:
    editing.delete(contact, now=timezone.now(), **_by(request))
    return _("Contact deleted")


def _restore(request: MemberRequest, contact: Contact) -> str:
    editing.restore(contact, now=timezone.now(), **_by(request))
    return _("Contact restored")


def _add_address(request: MemberRequest, contact: Contact) -> str:
    text = request.POST.get("value", "").replace("\x00", "")[:160]
    addresses.add(contact, addresses.read_or_refuse(text), now=timezone.now(), **_by(request))
    return _("Address added")


def _remove_address(request: MemberRequest, contact: Contact) -> str:
    try:
        pk = uuid.UUID(request.POST.get("identity", ""))
    except ValueError as exc:
        raise Http404 from exc
    row = ContactIdentity.objects.filter(contact=contact, pk=pk).first()
    if row is None:
        raise Http404
    addresses.remove(row, **_by(request))
    return _("Address removed")


DEEDS: Final[Mapping[str, tuple[Deed, str]]] = {
    "block": (_block, "contacts.edit"),
    "unblock": (_unblock, "contacts.edit"),
    "delete": (_delete, "contacts.delete"),
    "restore": (_restore, "contacts.delete"),
    "add-address": (_add_address, "contacts.edit"),
    "remove-address": (_remove_address, "contacts.edit"),
}


@requires("contacts.view")
@require_POST
def contact_do(request: MemberRequest, pk: uuid.UUID, deed: str) -> HttpResponse:
    """Do it, say so, and go back to the page; what cannot be done says why."""
    if deed not in DEEDS:
        raise Http404
    verb, permission = DEEDS[deed]
    contact = Contact.objects.visible_to(request.user).filter(pk=pk).first()
    if contact is None or (contact.deleted_at is not None) != (deed == "restore"):
        raise Http404
    if not request.user.can(permission):
        raise PermissionDenied
    try:
        said = verb(request, contact)
    except DomainError as exc:
        flashes.error(request, _explained(exc))
    else:
        flashes.success(request, said)
    if deed == "delete":
        return redirect("inbox:contact-gone", pk=contact.pk)
    return redirect("inbox:contact", pk=contact.pk)


def _explained(exc: DomainError) -> str:
    """Return why it was refused; for an address of somebody else, with the way to merge the two."""
    first = next((str(messages[0]) for messages in exc.fields.values() if messages), str(exc.message))
    return format_html("{}", first)
