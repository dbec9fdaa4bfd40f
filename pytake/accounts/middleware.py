"""What every request needs before a view runs: an id, a language, an organization context."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware import locale
from django.utils import timezone, translation

from pytake.infra import tenancy
from pytake.infra.ids import new_id

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
        with tenancy.request_scope():
            response = self.get_response(request)
        response.headers.setdefault("X-Request-Id", request.request_id)  # type: ignore[attr-defined]  # ours
        return response


class LocaleMiddleware(locale.LocaleMiddleware):
    """Language from cookie or browser; the member's own choice is applied by TenancyMiddleware."""


class TenancyMiddleware:
    """Enter the organization of the signed-in member, and use that person's language and zone."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Activate organization, language, zone; requests with tokens do so when authenticated."""
        user = request.user
        if user.is_authenticated:
            if user.is_super_admin:
                chosen = request.session.get("acting_organization")
                tenancy.activate(chosen) if chosen else tenancy.activate_platform()
            elif user.organization_id:
                tenancy.activate(user.organization_id)
                structlog.contextvars.bind_contextvars(organization_id=str(user.organization_id))
            structlog.contextvars.bind_contextvars(user_id=str(user.pk))
            organization = user.organization
            language = user.language or (organization.language if organization else "")
            if language and settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
                translation.activate(language)
                request.LANGUAGE_CODE = translation.get_language()
            timezone.activate(user.timezone or (organization.timezone if organization else "America/Sao_Paulo"))
        try:
            return self.get_response(request)
        finally:
            timezone.deactivate()
