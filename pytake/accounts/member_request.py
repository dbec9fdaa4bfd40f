"""The request as pages of signed-in people see it, for the type checker."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from pytake.accounts.models import User


class MemberRequest(HttpRequest):
    """A request that `LoginRequiredMiddleware` and `HtmxMiddleware` let through."""

    user: User
    htmx: HtmxDetails
    request_id: str
