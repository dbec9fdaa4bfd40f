"""The list of flows, and installing the example."""

from __future__ import annotations

from django.contrib import messages as flashes
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from flows import gallery
from flows.models import Flow
from flows.pages import listing
from pytake.accounts import audit
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest
from pytake.core.errors import DomainError

EXAMPLE = "appointment_booking"


@requires("chatbots.view")
@require_GET
@vary_on_headers("HX-Request")
def flow_list(request: MemberRequest) -> HttpResponse:
    """List the flows, or only the rows when a fragment is asked for."""
    search = request.GET.get("q", "").replace("\x00", "").strip()[:80]
    page = listing.page(request.user, search=search, cursor=request.GET.get("cursor", "")[:120])
    context = {
        "search": search,
        "rows": page.rows,
        "next_cursor": page.next_cursor,
        "can_create": request.user.can("chatbots.create") and request.user.organization_id is not None,
    }
    return render(request, "flows/list.html#rows" if request.htmx else "flows/list.html", context)


@requires("chatbots.create", "chatbots.publish")
@require_POST
def install(request: MemberRequest) -> HttpResponse:
    """Install the booking example as a chatbot with a published flow."""
    organization = request.user.organization
    if organization is None:
        raise Http404
    try:
        with transaction.atomic():
            bot = gallery.install(organization, EXAMPLE, by=request.user, now=timezone.now())
            audit.record(
                action="flow.installed", entity=bot, by=request.user, changes={"example": EXAMPLE}, request=request
            )
    except DomainError as exc:
        flashes.error(request, str(exc.message))
        return redirect("flows:list")
    flow = Flow.objects.get(chatbot=bot)
    flashes.success(request, gettext("The example is installed. Try it, then link its chatbot to a number."))
    return redirect("flows:flow", pk=flow.pk)
