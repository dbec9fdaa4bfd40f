"""The two walls between organizations: which organization the running code acts for.

First wall: managers of tenant-owned models refuse to run outside an organization context and add
its filter. Second wall: the database backend (`pytake.infra.postgresql`) copies the same context to
the session variable `app.organization_id`, on which PostgreSQL's row-level security policies rest.

A context is an organization (`organization_context`), or all of them (`platform_scope`, with a
reason; each use is listed by a test), or none, in which case tenant tables look empty.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

PLATFORM: Final = "*"

# "" = no context, "*" = platform, else an organization's id as text.
_scope: ContextVar[str] = ContextVar("pytake_scope", default="")


class OrganizationContextError(RuntimeError):
    """A tenant-owned table was used without saying for which organization."""


def scope() -> str:
    """Return the value of `app.organization_id` for the running code."""
    return _scope.get()


def current_organization_id() -> uuid.UUID | None:
    """Return the organization of the context; None for the platform scope and for no context."""
    value = _scope.get()
    return None if value in {"", PLATFORM} else uuid.UUID(value)


def require_scope() -> str:
    """Return the scope, or raise OrganizationContextError when there is none."""
    value = _scope.get()
    if not value:
        raise OrganizationContextError(
            "This query touches a tenant-owned table outside an organization context. "
            "Enter organization_context(...) first, or platform_scope(reason) if it really concerns all."
        )
    return value


def activate(organization_id: uuid.UUID | str) -> None:
    """Act for this organization until the surrounding `request_scope` ends (middleware, API sign-in)."""
    _scope.set(str(organization_id))


def activate_platform() -> None:
    """Act for the whole platform until the surrounding `request_scope` ends (super administrators)."""
    _scope.set(PLATFORM)


@contextmanager
def organization_context(organization_id: uuid.UUID | str) -> Iterator[None]:
    """Act for this organization inside the block."""
    token = _scope.set(str(organization_id))
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def platform_scope(reason: str) -> Iterator[None]:
    """See all organizations inside the block; `reason` says why (tests list every use)."""
    assert reason, "platform_scope needs a reason"
    token = _scope.set(PLATFORM)
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def request_scope() -> Iterator[None]:
    """Begin without a context and forget at the end whatever was activated inside."""
    token = _scope.set("")
    try:
        yield
    finally:
        _scope.reset(token)
