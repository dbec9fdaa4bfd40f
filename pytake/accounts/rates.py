"""How often the API may be called: an organization, a person, an address; and single routes.

A view may add `route_rates = {"create": [Rate("login", 5, 60, "ip")]}` by action or method.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.throttling import BaseThrottle

from pytake.accounts.models import User
from pytake.core.errors import RateLimitedError
from pytake.infra import limits, tenancy
from pytake.infra.client import ip_of

USER_PER_MINUTE: Final = 300
SIGN_INS_PER_ADDRESS: Final = 30
ADDRESS_LIMIT: Final = 200
ADDRESS_PERIOD_S: Final = 15 * 60


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` in `period_s` seconds for each organization, user or address (`per`)."""

    name: str
    limit: int
    period_s: int
    per: Literal["organization", "user", "ip"]
    # Sign-in must stay limited when Redis is gone.
    on_failure: limits.OnFailure = "open"


class RequestRates(BaseThrottle):
    """REST framework's hook: counts the request and keeps the verdict for the headers."""

    def allow_request(self, request: Any, view: Any) -> bool:
        """Let pass or raise RateLimitedError."""
        special = _special(view, request.method)
        windows = _general(request) + [_window(rate, request) for rate in special]
        on_failure: limits.OnFailure = next((rate.on_failure for rate in special if rate.on_failure != "open"), "open")
        verdict = limits.check(windows, now=timezone.now(), on_failure=on_failure)
        request._request.rate_verdict = verdict
        if not verdict.allowed:
            raise too_many(verdict)
        return True


def count_sign_in(request: Any, account: str, *, now: datetime) -> limits.Verdict:
    """Count an attempt to sign in, on the page or in the API; counts in this process when Redis is gone."""
    address = ip_of(request)
    windows = [
        limits.Window(key=f"sign-in:{address}:{account.strip().lower()[:254]}", limit=5, period_s=60),
        limits.Window(key=f"sign-in:{address}", limit=SIGN_INS_PER_ADDRESS, period_s=60),
    ]
    return limits.check(windows, now=now, on_failure="local")


def too_many(verdict: limits.Verdict) -> RateLimitedError:
    """Return the refusal."""
    return RateLimitedError(_("Too many requests. Try again in a moment."), retry_after_s=verdict.retry_after_s)


def write_headers(request: Any, response: HttpResponse) -> None:
    """Tell the client what is left."""
    verdict: limits.Verdict | None = getattr(request, "rate_verdict", None)
    if verdict is not None:
        response.headers["X-RateLimit-Limit"] = str(verdict.limit)
        response.headers["X-RateLimit-Remaining"] = str(verdict.remaining)
        response.headers["X-RateLimit-Reset"] = str(verdict.reset_at)


def count_refusal(request: Any, *, now: datetime) -> RateLimitedError | None:
    """Count a request with missing or bad credentials against its address; the refusal when there are too many."""
    verdict = limits.check([_of_address(request)], now=now)
    request.rate_verdict = verdict
    return None if verdict.allowed else too_many(verdict)


def _of_address(request: Any) -> limits.Window:
    return limits.Window(key=f"api:ip:{ip_of(request)}", limit=ADDRESS_LIMIT, period_s=ADDRESS_PERIOD_S)


def _general(request: Any) -> list[limits.Window]:
    user = request.user
    if not user.is_authenticated:
        return [_of_address(request)]
    windows = [limits.Window(key=f"api:user:{user.pk}", limit=USER_PER_MINUTE, period_s=60)]
    if user.organization is not None and user.organization.plan.requests_per_minute >= 0:
        per_minute = user.organization.plan.requests_per_minute
        windows.append(limits.Window(key=f"api:org:{user.organization_id}", limit=per_minute, period_s=60))
    return windows


def _special(view: Any, method: str) -> list[Rate]:
    table: dict[str, list[Rate]] = getattr(view, "route_rates", {})
    return table.get(getattr(view, "action", "") or "") or table.get(method.lower()) or []


def _window(rate: Rate, request: Any) -> limits.Window:
    user: User | Any = request.user
    whose = {
        "organization": str(tenancy.current_organization_id() or "platform"),
        "user": str(user.pk),
        "ip": str(ip_of(request)),
    }[rate.per]
    return limits.Window(key=f"route:{rate.name}:{rate.per}:{whose}", limit=rate.limit, period_s=rate.period_s)
