"""What every request needs before a view runs: an id, a language, an organization context."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.middleware import locale
from django.urls import resolve
from django.utils import timezone, translation

from pytake.accounts import locales, rates
from pytake.accounts.authentication import may_sign_in
from pytake.accounts.models import User
from pytake.infra import tenancy
from pytake.infra.ids import new_id

# Where a platform operator's session keeps the organization chosen in the switcher.
ACTING_ORGANIZATION = "acting_organization"
ACTING_NAME = "acting_organization_name"

# Name of the route that takes what no other under /api/ does.
UNKNOWN_API_ROUTE = "api-unknown"

GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestContextMiddleware:
    """Give the request an id, bind it to the log lines, and forget tenancy afterwards."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with `X-Request-Id`."""
        request.request_id = f"req_{new_id().hex}"  # type: ignore[attr-defined]  # ours
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request.request_id)  # type: ignore[attr-defined]  # ours
        _drop_slash(request)
        with tenancy.request_scope():
            response = self.get_response(request)
        rates.write_headers(request, response)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
        response.headers.setdefault("X-Request-Id", request.request_id)  # type: ignore[attr-defined]  # ours
        return response


def _drop_slash(request: HttpRequest) -> None:
    """Let routes of the API be called with a trailing slash; they are declared without."""
    path = request.path_info
    if (
        path.startswith("/api/")
        and path.rstrip("/") > "/api"
        and path.endswith("/")
        and resolve(path).url_name == UNKNOWN_API_ROUTE
    ):
        request.path_info = path.rstrip("/")
        request.path = request.path.rstrip("/")


class LocaleMiddleware(locale.LocaleMiddleware):
    """Language from cookie or browser; the member's own choice is applied by TenancyMiddleware."""


class TenancyMiddleware:
    """Enter the organization of the signed-in member, and use that person's language and zone."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Activate organization, language, zone; requests with tokens do so when authenticated."""
        user = request.user
        if isinstance(user, User):
            if not may_sign_in(user):
                logout(request)
            else:
                self._enter(request, user)
        try:
            return self.get_response(request)
        finally:
            timezone.deactivate()

    def _enter(self, request: HttpRequest, user: User) -> None:
        if user.is_super_admin:
            chosen = request.session.get(ACTING_ORGANIZATION)
            tenancy.activate(chosen) if chosen else tenancy.activate_platform()
        elif user.organization_id:
            tenancy.activate(user.organization_id)
        structlog.contextvars.bind_contextvars(
            user_id=str(user.pk), organization_id=str(tenancy.current_organization_id() or "")
        )
        locales.activate_for(user, request)
        request.LANGUAGE_CODE = translation.get_language()


class BackOfficePolicyMiddleware:
    """Let the admin's own scripts and colours work: its theme evaluates attributes (Alpine) and inlines colours.

    Only pages under /admin/, which staff alone can open; everything still comes from this server.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Loosen the Content-Security-Policy of admin pages."""
        response = self.get_response(request)
        if request.path_info.startswith("/admin/"):
            response._csp_update = {  # type: ignore[attr-defined]  # noqa: SLF001  # django-csp's way
                "script-src": ["'unsafe-eval'"],
                "style-src": ["'unsafe-inline'"],
            }
        return response
