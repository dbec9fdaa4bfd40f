"""Lists of the API: `{"items", "total", "limit", "skip", "next_cursor"}`, by position or by cursor."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from pytake.core.errors import DomainError

LIMIT_DEFAULT = 50
LIMIT_MAX = 100
SKIP_MAX = 10_000
COUNT_MAX = 100_000


class ListPagination(BasePagination):
    """`limit` with `skip`, or with the cursor of the last answer (keyset on the primary key, newest first)."""

    limit = LIMIT_DEFAULT
    skip = 0
    total: int | None = None
    next_cursor: str | None = None

    def paginate_queryset(self, queryset: QuerySet[Any], request: Request, view: Any = None) -> list[Any]:
        """Return one page; one row more is read to know whether another follows."""
        self.limit = _whole(request, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX)
        self.skip = _whole(request, "skip", 0, 0, SKIP_MAX)
        self.total = _count(queryset)
        cursor = request.query_params.get("cursor")
        rows = queryset.order_by("-pk")
        if cursor:
            rows = rows.filter(Q(pk__lt=_read(cursor)))
        page = list(rows[self.skip : self.skip + self.limit + 1])
        if len(page) > self.limit:
            page = page[: self.limit]
            self.next_cursor = _write(page[-1].pk)
        return page

    def get_paginated_response(self, data: Any) -> Response:
        """Return the envelope."""
        return Response(
            {
                "items": data,
                "total": self.total,
                "limit": self.limit,
                "skip": self.skip,
                "next_cursor": self.next_cursor,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe the envelope."""
        return {
            "type": "object",
            "required": ["items", "total", "limit", "skip", "next_cursor"],
            "properties": {
                "items": schema,
                "total": {"type": ["integer", "null"], "example": 1},
                "limit": {"type": "integer", "example": LIMIT_DEFAULT},
                "skip": {"type": "integer", "example": 0},
                "next_cursor": {"type": ["string", "null"], "example": None},
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters."""
        return [
            _parameter("limit", "Rows a page.", {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX}),
            _parameter("skip", "Rows to leave out.", {"type": "integer", "minimum": 0, "maximum": SKIP_MAX}),
            _parameter("cursor", "`next_cursor` of the page before.", {"type": "string"}),
        ]


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _whole(request: Request, name: str, default: int, low: int, high: int) -> int:  # noqa: PLR0917  # a parameter's rule
    raw = request.query_params.get(name)
    if raw is None:
        return default
    if not raw.isdigit() or not low <= int(raw) <= high:
        message = _("A whole number from %(low)d to %(high)d.") % {"low": low, "high": high}
        raise DomainError(_("Check the parameters."), fields={name: [message]})
    return int(raw)


def _count(queryset: QuerySet[Any]) -> int | None:
    total = queryset.order_by()[: COUNT_MAX + 1].count()
    return None if total > COUNT_MAX else total


def _write(pk: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps([str(pk)]).encode()).decode().rstrip("=")


def _read(cursor: str) -> uuid.UUID:
    try:
        (pk,) = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return uuid.UUID(pk)
    except (ValueError, TypeError, binascii.Error) as exc:
        raise DomainError(_("Check the parameters."), fields={"cursor": [_("The cursor is not valid.")]}) from exc
