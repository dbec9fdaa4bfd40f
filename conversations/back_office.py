"""What the channel's admin pages share: rows that people may set going again, and saying why not."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest

from pytake.accounts.models import User
from pytake.core.errors import DomainError
from pytake.infra.admin import LongListAdmin


class RepairsAdmin(LongListAdmin):
    """Rows that nobody edits, and that holders of `jobs.manage` may set going again."""

    def has_repair_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may use the actions."""
        return isinstance(request.user, User) and request.user.can("jobs.manage")


def member(request: HttpRequest) -> User:
    """Return the person; the back office is for members."""
    assert isinstance(request.user, User)
    return request.user


def done(request: HttpRequest, verb: Callable[[], object]) -> bool:
    """Do it, or tell the person why it was refused."""
    try:
        verb()
    except DomainError as exc:
        messages.error(request, str(exc))
        return False
    return True
