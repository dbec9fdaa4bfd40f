"""The connect wizard: a new number, its code, its state, and the way out."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib import messages as flashes
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from conversations.models import QrLink, WhatsAppNumber
from conversations.qr import links, pacing, pictures
from conversations.qr.forms import NewNumberForm, PhoneForm
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest
from pytake.accounts.models import Organization
from pytake.core import phones
from pytake.core.errors import DomainError
from pytake.infra import tenancy

# How often the page asks again, in seconds, by state; 0: not at all.
_EVERY: Final = {"code": 2, "waiting": 2, "connected": 20}
_NO_CODE: Final = timedelta(seconds=60)
_S = WhatsAppNumber.Status


@requires("numbers.manage")
@require_http_methods(["GET", "POST"])
def new(request: MemberRequest) -> HttpResponse:
    """Ask how the number is called, make it, and go on to its code."""
    form = NewNumberForm(request.POST or None)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                number = links.create(_organization(), by=request.user, now=timezone.now(), **form.cleaned_data)
            except DomainError as exc:
                form.add_error(None, str(exc))
            else:
                links.begin(number, by=request.user, now=timezone.now())
                return redirect("inbox:qr-connect", pk=number.pk)
        status = 422
    return render(request, "qr/new.html", {"form": form}, status=status)


@requires("numbers.view")
@require_GET
@never_cache
def connect(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Show the number's link: a code to scan, or how it stands."""
    return render(request, "qr/connect.html", _context(request, _number(pk), PhoneForm()))


@requires("numbers.view")
@require_GET
@never_cache
def state(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Give the part of the page that changes by itself."""
    number = _number(pk)
    links.check(number, now=timezone.now(), timeout_s=3.0)
    context = _context(request, number, PhoneForm())
    if context["state"] != request.GET.get("was", context["state"]):
        # The rest of the page changes too; while the state is the same, only this part does, and no open form closes.
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "qr/connect.html#link", context)


@requires("numbers.manage")
@require_POST
def begin(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask for a (new) code, or for a pairing code when a phone is given."""
    number = _number(pk)
    form = PhoneForm(request.POST)
    wants_pairing = "phone" in request.POST
    if wants_pairing and not form.is_valid():
        return render(request, "qr/connect.html", _context(request, number, form), status=422)
    phone = form.cleaned_data["phone"] if wants_pairing else ""
    links.begin(number, phone=phone, by=request.user, now=timezone.now())
    return redirect("inbox:qr-connect", pk=number.pk)


@requires("numbers.manage")
@require_POST
def disconnect(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Log the phone out; what waits to be sent waits on."""
    number = _number(pk)
    if links.disconnect(number, by=request.user, now=timezone.now()):
        flashes.success(request, _("Number disconnected."))
    else:
        text = _("Disconnected here, but the server did not answer: remove the device on the phone as well.")
        flashes.error(request, text)
    return redirect("inbox:qr-connect", pk=number.pk)


def _organization() -> Organization:
    """Return the organization acted for; operators who act for none are turned away."""
    key = tenancy.current_organization_id()
    if key is None:
        raise PermissionDenied
    return Organization.objects.get(pk=key)


def _number(pk: uuid.UUID) -> WhatsAppNumber:
    """Return the number; 404 for those of others, and for official ones, which have no code."""
    kind = WhatsAppNumber.ConnectionType.QRCODE
    number = WhatsAppNumber.objects.alive().filter(pk=pk, connection_type=kind).first()
    if number is None:
        raise Http404
    return number


def _context(request: MemberRequest, number: WhatsAppNumber, form: PhoneForm) -> dict[str, Any]:
    now = timezone.now()
    link = links.link_of(number)
    shown = _state(number, link, now)
    may_manage = request.user.can("numbers.manage")
    since = link.linked_since
    return {
        "number": number,
        "phone": phones.format_phone(number.phone_number),
        "link": link,
        "state": shown,
        "every": _EVERY.get(shown, 0),
        "may_manage": may_manage,
        "picture": pictures.draw(link.code) if shown == "code" and may_manage else None,
        "pairing": f"{link.pairing_code[:4]}-{link.pairing_code[4:]}" if link.pairing_code else "",
        "form": form,
        "allowance": pacing.allowance(now - since) if since else pacing.FIRST_DAY,
        "warm": pacing.WARM,
    }


def _state(number: WhatsAppNumber, link: QrLink, now: datetime) -> str:
    """Return code, waiting, late, connected, off or error."""
    if number.status == _S.CONNECTED:
        return "connected"
    if number.status == _S.ERROR or (number.status != _S.CONNECTING and link.problem):
        return "error"
    if number.status != _S.CONNECTING:
        return "off"
    if link.code and link.code_at and now - link.code_at < links.CODE_LIFE:
        return "code"
    return "late" if link.asked_at is None or now - link.asked_at > _NO_CODE else "waiting"
