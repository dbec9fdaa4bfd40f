"""Pages of a number's health and limits."""

from __future__ import annotations

import uuid

import redis
from django.contrib import messages as flashes
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from conversations.health import brake, figures, report, sending_state, words
from conversations.models import WhatsAppNumber
from conversations.numbers_pages import frame
from conversations.numbers_pages.forms import LimitsForm, ReleaseForm
from conversations.official import limits, registration
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest
from pytake.core.errors import DomainError

WINDOWS = {"second": _("Per second"), "minute": _("Per minute"), "hour": _("Per hour"), "day": _("Per day")}


@requires("numbers.view")
@require_GET
def health(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Show how a number fares; the page takes its parts from here when it refreshes."""
    return _health(request, frame.found(request, pk), ReleaseForm())


def _health(request: MemberRequest, number: WhatsAppNumber, form: ReleaseForm, *, status: int = 200) -> HttpResponse:
    now = timezone.now()
    found = report.of(number, now=now)
    context = {
        "report": found,
        "risk_class": frame.RISK_CLASSES[found.standing.risk.level],
        "risk_name": WhatsAppNumber.Risk(found.standing.risk.level).label,
        "reasons": [(frame.RISK_CLASSES[level], text) for level, text in found.reasons],
        "quality": words.quality(number.quality_rating),
        "tier": words.tier(number.messaging_limit_tier),
        "windows": [(WINDOWS[window.name], window) for window in found.windows],
        "templates": [(words.template(name), count) for name, count in found.standing.templates.items()],
        "sent": frame.counted(found.standing.volume.sent, is_part=found.standing.volume.is_part),
        "queue_waiting": frame.counted(
            min(found.queue.waiting, figures.QUEUE_MAX), is_part=found.queue.waiting > figures.QUEUE_MAX
        ),
        "form": form,
    }
    return frame.page(request, number, "health", context, status=status)


@requires("numbers.manage")
@require_POST
def release(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Let automatic sends go on."""
    number = frame.found(request, pk)
    form = ReleaseForm(request.POST)
    if not form.is_valid():
        return _health(request, number, form, status=422)
    try:
        brake.release(number, reason=form.cleaned_data["reason"].strip(), by=request.user, now=timezone.now())
    except DomainError as exc:
        frame.refused(request, exc)
    else:
        flashes.success(request, gettext("Automations and campaigns go on."))
    return redirect("numbers:health", pk=pk)


@requires("numbers.view")
def limits_tab(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Show the limits and what is taken; save the form when it is posted."""
    number, status = frame.found(request, pk), 200
    form = LimitsForm(instance=number)
    if request.method == "POST":
        if not request.user.can("numbers.manage"):
            raise PermissionDenied
        form = LimitsForm(request.POST, instance=frame.found(request, pk))
        if form.is_valid():
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            registration.edit(number, changes, by=request.user, now=timezone.now())
            flashes.success(request, gettext("Limits saved"))
            return redirect(request.path)
        status = 422
    now = timezone.now()
    used, limit = sending_state.portfolio(number, now=now)
    context = {
        "form": form,
        "windows": [(WINDOWS[window.name], window) for window in sending_state.windows(number, now=now)],
        "portfolio_used": used,
        "portfolio_limit": limit,
        "tier": words.tier(number.messaging_limit_tier),
    }
    return frame.page(request, number, "limits", context, status=status)


@requires("numbers.manage")
@require_POST
def reset_limits(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Forget what has been counted."""
    try:
        limits.reset(frame.found(request, pk), by=request.user, now=timezone.now())
    except redis.RedisError:
        flashes.error(request, gettext("The counters cannot be reached at the moment."))
    else:
        flashes.success(request, gettext("Counters cleared"))
    return redirect("numbers:limits", pk=pk)
