"""Account pages of our own; sign-in, passwords and second factors are django-allauth's."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from pytake.accounts import audit, people
from pytake.accounts.forms import ProfileForm, SwitchForm
from pytake.accounts.middleware import ACTING_NAME, ACTING_ORGANIZATION
from pytake.accounts.models import Organization, RefreshToken, User


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "LoginRequiredMiddleware let members in only"
    return request.user


@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Show and change the own profile."""
    user = _person(request)
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=user.pk))
    if request.method == "POST" and form.is_valid():
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        people.edit(user, changes, by=user, now=timezone.now(), request=request)
        messages.success(request, _("Saved."))
        response = redirect("accounts:profile")
        if "language" in changes:
            # The choice of this browser would hide the one just made.
            response.delete_cookie(settings.LANGUAGE_COOKIE_NAME)
        return response
    now = timezone.now()
    sessions = RefreshToken.objects.filter(user=user, revoked_at__isnull=True, expires_at__gt=now)
    context = {"form": form, "sessions": sessions.order_by("-created_at")[:20]}
    return render(request, "accounts/profile.html", context, status=400 if form.errors else 200)


@require_GET
def organizations(request: HttpRequest) -> HttpResponse:
    """Let a platform operator choose an organization to act for."""
    if not _person(request).is_super_admin:
        raise Http404
    rows = Organization.objects.alive().select_related("plan").order_by("name", "pk")[:500]
    context = {"organizations": rows, "acting": request.session.get(ACTING_ORGANIZATION, "")}
    return render(request, "accounts/organizations.html", context)


@require_POST
def switch_organization(request: HttpRequest) -> HttpResponse:
    """Act for the chosen organization from now on; audited in its log."""
    user = _person(request)
    form = SwitchForm(request.POST)
    if not user.is_super_admin or not form.is_valid():
        raise Http404
    organization = form.cleaned_data["organization"]
    if organization is None:
        request.session.pop(ACTING_ORGANIZATION, None)
        request.session.pop(ACTING_NAME, None)
    else:
        request.session[ACTING_ORGANIZATION] = str(organization.pk)
        request.session[ACTING_NAME] = organization.name
        audit.record(action="organization.entered", entity=organization, by=user, request=request)
    return redirect("accounts:organizations")
