"""Errors that a person may see: a stable code and a message fit for the reader.

The project package translates them into HTTP once (`pytake/errors.py`); the layers below only raise.
"""

from __future__ import annotations

from collections.abc import Mapping


class DomainError(Exception):
    """A rule of the product refused the action.

    `message` may be a lazy translation; `fields` maps input names to messages; `extra` adds facts
    for the client (never secrets). `status` is the HTTP status that fits this kind of refusal.
    """

    code = "VALIDATION_ERROR"
    status = 400
    kind = "validation"

    def __init__(
        self,
        message: object,
        *,
        code: str | None = None,
        fields: Mapping[str, list[object]] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.fields = dict(fields or {})
        self.extra = dict(extra or {})


class UnprocessableError(DomainError):
    """A well-formed graph, template or patch was refused by domain validation."""

    code = "FLOW_INVALID"
    status = 422


class NotAllowedError(DomainError):
    """The acting user lacks the permission."""

    code = "AUTH_INSUFFICIENT_PERMISSION"
    status = 403
    kind = "permission"


class NotFoundError(DomainError):
    """The object does not exist, or belongs to somebody else."""

    code = "NOT_FOUND"
    status = 404
    kind = "not_found"


class ConflictError(DomainError):
    """The object's present state forbids the action."""

    code = "INVALID_TRANSITION"
    status = 409
    kind = "conflict"


class PlanLimitError(DomainError):
    """The plan of the organization is used up."""

    code = "PLAN_LIMIT_REACHED"
    status = 402
    kind = "plan"


class RateLimitedError(DomainError):
    """Too many requests; `retry_after_s` says when to try again (seconds)."""

    code = "RATE_LIMITED"
    status = 429
    kind = "limit"

    def __init__(self, message: object, *, retry_after_s: int, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s
