"""What all pages of one number share: finding it, its tabs, and telling people what was refused."""

from __future__ import annotations

import uuid
from typing import Any, Final

from django import forms
from django.contrib import messages as flashes
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from conversations.health import words
from conversations.models import WhatsAppNumber
from pytake.accounts.member_request import MemberRequest
from pytake.core.errors import DomainError

TABS: Final = (
    ("health", _("Health"), "numbers.view"),
    ("number", _("Settings"), "numbers.view"),
    ("credentials", _("Credentials"), "numbers.manage"),
    ("profile", _("Business profile"), "numbers.manage"),
    ("limits", _("Limits"), "numbers.view"),
    ("connection", _("Connection"), "numbers.manage"),
)
RISK_CLASSES: Final = {"low": "is-ok", "medium": "is-warn", "high": "is-bad"}


def found(request: MemberRequest, pk: uuid.UUID) -> WhatsAppNumber:
    """Return a number that the person may see; raises Http404."""
    number = WhatsAppNumber.objects.visible_to(request.user).alive().filter(pk=pk).first()
    if number is None:
        raise Http404
    return number


def official(request: MemberRequest, pk: uuid.UUID) -> WhatsAppNumber:
    """Return a number of the Cloud API, which has credentials and a profile; raises Http404."""
    number = found(request, pk)
    if number.is_qr:
        raise Http404
    return number


def page(
    request: MemberRequest, number: WhatsAppNumber, tab: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render a tab of a number."""
    whole = {
        "number": number,
        "tab": tab,
        "tabs": [(name, label) for name, label, code in TABS if request.user.can(code) and _has(number, name)],
        "can_manage": request.user.can("numbers.manage"),
        "risk_class": RISK_CLASSES[number.risk_level],
        "reason": state_reason(number),
        **context,
    }
    response = render(request, f"numbers/{'settings' if tab == 'number' else tab}.html", whole, status=status)
    # Pages with credentials are not kept by browsers.
    response["Cache-Control"] = "no-store"
    return response


def _has(number: WhatsAppNumber, tab: str) -> bool:
    return not (number.is_qr and tab in {"credentials", "profile"})


def counted(amount: int, *, is_part: bool = False) -> str:
    """Return a count as people read it; a plus says that there was more."""
    return number_format(amount, force_grouping=True) + ("+" if is_part else "")


def state_reason(number: WhatsAppNumber) -> str:
    """Return why a number is not connected, in words."""
    if number.status_reason == "moved":
        return str(words.MOVED)
    return number.status_reason


def refused(request: MemberRequest, exc: DomainError, form: forms.BaseForm | None = None) -> None:
    """Show a refusal at its fields, or as a message where there is no such field."""
    shown = False
    for name, lines in exc.fields.items():
        if form is not None and name in form.fields:
            for line in lines:
                form.add_error(name, str(line))
            shown = True
    if shown:
        return
    texts: list[str] = [str(text) for messages in exc.fields.values() for text in messages]
    said = texts[0] if texts else str(exc.message)
    if form is not None:
        form.add_error(None, said)
    else:
        flashes.error(request, said)
