"""Lockout after failed sign-ins, the same for the page and the API (django-axes counts)."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

LOCKED_CODE: Final = "AUTH_LOCKED"


def username_of(request: HttpRequest | None, credentials: dict[str, Any] | None = None) -> str | None:
    """Return the account that a sign-in is about, however it was named."""
    given: Any = credentials or getattr(request, "POST", {})
    name = given.get("email") or given.get("username") or given.get("login")
    return str(name).strip().lower()[:254] if name else None


def response(request: HttpRequest, original: HttpResponse | None, credentials: dict[str, Any]) -> HttpResponse:
    """Answer a locked account: an error for the API, a page for people."""
    if request.path.startswith("/api/"):
        if original is not None and original.status_code == 403:
            return original
        error: dict[str, Any] = {
            "code": LOCKED_CODE,
            "message": _("Too many failed attempts. Try again in half an hour."),
            "type": "permission",
            "details": {},
            "request_id": getattr(request, "request_id", ""),
        }
        return JsonResponse({"error": error}, status=403)
    return render(request, "account/locked.html", status=403)
