"""Errors as the API shows them: one envelope for everything that goes wrong under /api/.

Domain errors, REST framework's and Django's are translated here once; no exception text reaches a client.
"""

from __future__ import annotations

from typing import Any, Final

import structlog
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings

from pytake.accounts import rates
from pytake.core.errors import DomainError, RateLimitedError

log = structlog.get_logger(__name__)

API_PREFIX: Final = "/api/"
_KINDS: Final = {
    400: "validation",
    401: "authentication",
    402: "plan",
    403: "permission",
    404: "not_found",
    405: "validation",
    406: "validation",
    409: "conflict",
    410: "not_found",
    413: "validation",
    415: "validation",
    422: "validation",
    429: "limit",
    502: "provider",
    503: "server",
}
_CODES: Final = {
    401: "AUTH_MISSING_TOKEN",
    403: "AUTH_INSUFFICIENT_PERMISSION",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "RATE_LIMITED",
    500: "SERVER_ERROR",
    503: "SERVICE_UNAVAILABLE",
}


def envelope(
    *,
    request: Any,
    code: str,
    message: object,
    status: int,
    kind: str | None = None,
    details: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the body of an error."""
    return {
        "error": {
            "code": code,
            "message": str(message),
            "type": kind or _KINDS.get(status, "server"),
            "details": details or {},
            "request_id": getattr(request, "request_id", ""),
        }
    }


def api_exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Translate an exception of an API view."""
    request = getattr(context["request"], "_request", context["request"])
    if isinstance(exc, exceptions.AuthenticationFailed | exceptions.NotAuthenticated):
        exc = rates.count_refusal(request, now=timezone.now()) or exc
    if isinstance(exc, DomainError):
        return _domain_response(exc, request)
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    elif isinstance(exc, OperationalError | InterfaceError):
        log.error("api.database_unavailable", exc_info=exc)
        return _response(request, 503, _("The service is not available for a moment."), headers={"Retry-After": "5"})
    if isinstance(exc, exceptions.APIException):
        return _framework_response(exc, request)
    if isinstance(exc, RecursionError | DataError):
        # Nested without end, or out of what the columns hold (an instant before the year 1).
        log.warning("api.unreadable", error=type(exc).__name__)
        return _response(request, 400, _("The request cannot be read."))
    log.error("api.failed", exc_info=exc)
    return _response(request, 500, _("Something went wrong on our side."))


def _response(request: Any, status: int, message: object, **rest: Any) -> Response:
    headers = rest.pop("headers", None)
    code = rest.pop("code", None) or _CODES.get(status, "VALIDATION_ERROR")
    body = envelope(request=request, code=code, message=message, status=status, **rest)
    return Response(body, status=status, headers=headers)


def _domain_response(exc: DomainError, request: Any) -> Response:
    details: dict[str, Any] = dict(exc.extra)
    if exc.fields:
        details["fields"] = {name: [str(message) for message in messages] for name, messages in exc.fields.items()}
    headers = {"Retry-After": str(exc.retry_after_s)} if isinstance(exc, RateLimitedError) else None
    return _response(request, exc.status, exc.message, code=exc.code, kind=exc.kind, details=details, headers=headers)


def _framework_response(exc: exceptions.APIException, request: Any) -> Response:
    status = exc.status_code
    headers = {}
    if header := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if isinstance(exc, exceptions.ValidationError):
        fields = _fields(exc.detail)
        return _response(request, status, _("Check the fields."), details={"fields": fields}, headers=headers)
    stated = getattr(exc.detail, "code", "")
    code = stated if stated.isupper() else None
    return _response(request, status, exc.detail, code=code, headers=headers)


def _fields(detail: Any, path: str = "") -> dict[str, list[str]]:
    """Flatten REST framework's nested errors: {"interval.every": ["…"]}."""
    if isinstance(detail, dict):
        pairs = [
            (
                path if name == api_settings.NON_FIELD_ERRORS_KEY and path else f"{path}.{name}" if path else str(name),
                inner,
            )
            for name, inner in detail.items()
        ]
    elif isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        pairs = [(f"{path}.{index}" if path else str(index), item) for index, item in enumerate(detail) if item]
    else:
        messages = detail if isinstance(detail, list) else [detail]
        return {path or api_settings.NON_FIELD_ERRORS_KEY: [str(message) for message in messages]}
    found: dict[str, list[str]] = {}
    for name, inner in pairs:
        for key, messages in _fields(inner, name).items():
            found.setdefault(key, []).extend(messages)
    return found


def _json(request: HttpRequest, status: int, message: object) -> JsonResponse:
    code = _CODES.get(status, "VALIDATION_ERROR")
    return JsonResponse(envelope(request=request, code=code, message=message, status=status), status=status)


@csrf_exempt
@login_not_required
def unknown_route(request: HttpRequest) -> HttpResponse:
    """Answer any method under /api/ that no route takes."""
    return _json(request, 404, _("There is nothing here."))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400 outside of API views."""
    if request.path.startswith(API_PREFIX):
        return _json(request, 400, _("The request cannot be read."))
    return _page(request, 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403 outside of API views."""
    if request.path.startswith(API_PREFIX):
        return _json(request, 403, _("You do not have permission to perform this action."))
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404 outside of API views."""
    if request.path.startswith(API_PREFIX):
        return _json(request, 404, _("There is nothing here."))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 outside of API views."""
    if request.path.startswith(API_PREFIX):
        return _json(request, 500, _("Something went wrong on our side."))
    return _page(request, 500)


def _page(request: HttpRequest, status: int) -> HttpResponse:
    """Show an error page that needs nothing but the request (Django's own leave out the request id)."""
    return HttpResponse(render_to_string(f"{status}.html", {"request": request}), status=status)
