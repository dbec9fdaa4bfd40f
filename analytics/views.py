"""The home page."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.utils import timezone
from django.views.decorators.http import require_GET, require_safe
from django.views.decorators.vary import vary_on_headers

from analytics import today
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest


@login_not_required
@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Lead browsers that ask without being told, as for the description of the API, to the icon."""
    return redirect(static("logo.svg"))


@requires("conversations.view")
@require_GET
@vary_on_headers("HX-Request")
def home(request: MemberRequest) -> HttpResponse:
    """Show today's numbers and what needs attention; both refresh as one fragment."""
    now, user = timezone.now(), request.user
    steps = today.first_steps()
    context = {
        "steps": steps,
        "ready": all(steps.values()),
        "threads": today.threads(user),
        "volume": today.messages(now=now),
        "hours": today.hours(now=now),
        "waiting": today.waiting(user),
        "failed": today.failed(user, now=now),
        "numbers": today.ailing_numbers(),
        "dead": today.dead_items(),
        "flows": today.failing_flows(now=now),
        "simulator_url": settings.SIMULATOR_URL,
        "is_staff": user.is_staff,
        "can_register": user.can("numbers.manage"),
    }
    context["calm"] = not any(context[name] for name in ("waiting", "failed", "numbers", "dead", "flows"))
    return render(request, "home/home.html#day" if request.htmx else "home/home.html", context)
