"""Who may call what: `requires` on pages, `route_permissions` on API views.

An API view says for each action (viewset) or method in lower case (plain view) what it takes: a
permission code such as "users.create", or PUBLIC, MEMBER, SUPER. What is not declared is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

PUBLIC: Final = "public"
MEMBER: Final = "member"  # anybody signed in; with an API token looking only, unless the view is `open_to_tokens`
SUPER: Final = "super"  # platform operators
LEVELS: Final = (PUBLIC, MEMBER, SUPER)

View = Callable[..., HttpResponseBase]


def requires(*codes: str) -> Callable[[View], View]:
    """Open a page to people who hold all of the permissions; others get 403."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            user: Any = request.user
            if not user.is_authenticated or not all(user.can(code) for code in codes):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        checked.required_permissions = codes  # type: ignore[attr-defined]  # read by tests
        return checked

    return decorate


def permission_of(view: Any, method: str) -> str | None:
    """Return what a call takes: a level or a permission code; None if it is not declared."""
    table: dict[str, str] = getattr(view, "route_permissions", {})
    action = getattr(view, "action", None)
    if method == "HEAD":
        method = "GET"
    return table.get(action or "") or table.get(method.lower())


class HasRoutePermission(BasePermission):
    """Holds a request against the view's `route_permissions`."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the caller may do this."""
        user: Any = request.user
        if request.method == "OPTIONS":
            return bool(user.is_authenticated)
        if not hasattr(view, (request.method or "GET").lower()):
            # No such method: 405 rather than 403, for those who may know the route.
            return bool(user.is_authenticated) or PUBLIC in view.route_permissions.values()
        needed = permission_of(view, request.method or "GET")
        if needed == PUBLIC:
            return True
        if needed is None or not user.is_authenticated:
            return False
        if needed == MEMBER:
            return user.limited_to is None or request.method in SAFE_METHODS or getattr(view, "open_to_tokens", False)
        return bool(user.is_super_admin and user.limited_to is None) if needed == SUPER else bool(user.can(needed))
