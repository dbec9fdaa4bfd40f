"""Lists of the API: `limit` with `skip` or `cursor`, `sort`, and the body that every list has.

A view may declare `sort_fields` ({name in the API: column}, never null columns) and `default_sort`
(such as "-created_at"). A cursor continues after the last row seen (keyset), whatever was inserted since.
"""

from __future__ import annotations

from typing import Any, Final

from django.core import signing
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.filters import SearchFilter
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 100
SKIP_MAX: Final = 10_000
COUNT_MAX: Final = 100_000
_SALT: Final = "pytake.cursor"
_SORTS: Final = {"created_at": "created_at"}


class TextSearch(SearchFilter):
    """`?q=` over the view's `search_fields`."""

    search_param = "q"
    search_description = "Text to look for."


class ListPagination(BasePagination):
    """`{"items": [], "total": 123, "limit": 50, "skip": 0, "next_cursor": "…"}`."""

    limit_max = LIMIT_MAX

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Return one page; one row more is read to know whether another follows."""
        self.limit = _whole(request, "limit", default=LIMIT_DEFAULT, least=1, most=self.limit_max)
        self.skip = _whole(request, "skip", default=0, least=0, most=SKIP_MAX)
        self.sort, column = _order(request, view)
        self.total = count_up_to(queryset, COUNT_MAX)
        descending = self.sort.startswith("-")
        rows = queryset.order_by(f"{'-' if descending else ''}{column}", "-pk" if descending else "pk")
        cursor = request.query_params.get("cursor")
        if cursor:
            rows = rows.filter(self._after(cursor, queryset, column, descending=descending))
        start = 0 if cursor else self.skip
        found = list(rows[start : start + self.limit + 1])
        page = found[: self.limit]
        self.next_cursor = self._cursor(page[-1], column) if len(found) > self.limit else None
        return page

    def _cursor(self, row: Any, column: str) -> str:
        value = getattr(row, column)
        text = value.isoformat() if hasattr(value, "isoformat") else str(value)
        return signing.dumps([self.sort, text, str(row.pk)], salt=_SALT, compress=True)

    def _after(self, cursor: str, queryset: QuerySet[Any], column: str, *, descending: bool) -> Q:
        try:
            sort, text, key = signing.loads(cursor, salt=_SALT)
            value = queryset.model._meta.get_field(column).to_python(text)
        except (signing.BadSignature, ValueError, TypeError, DjangoValidationError) as exc:
            raise ValidationError({"cursor": [_("This cursor is not valid.")]}) from exc
        if sort != self.sort:
            raise ValidationError({"cursor": [_("This cursor belongs to another order.")]})
        beyond = "lt" if descending else "gt"
        return Q(**{f"{column}__{beyond}": value}) | Q(**{column: value, f"pk__{beyond}": key})

    def get_paginated_response(self, data: Any) -> Response:
        """Return the body of a list."""
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
        """Describe the body of a list."""
        return {
            "type": "object",
            "required": ["items", "total", "limit", "skip", "next_cursor"],
            "properties": {
                "items": schema,
                "total": {"type": ["integer", "null"], "description": f"Null above {COUNT_MAX} rows.", "examples": [1]},
                "limit": {"type": "integer", "examples": [LIMIT_DEFAULT]},
                "skip": {"type": "integer", "examples": [0]},
                "next_cursor": {"type": ["string", "null"], "description": "Give it as `cursor` for the next page."},
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters of a list."""
        sorts = sorted(getattr(view, "sort_fields", _SORTS))
        choices = [*sorts, *(f"-{name}" for name in sorts)]
        limit = {"type": "integer", "minimum": 1, "maximum": self.limit_max, "default": LIMIT_DEFAULT}
        skip = {"type": "integer", "minimum": 0, "maximum": SKIP_MAX, "default": 0}
        return [
            _parameter("limit", "Rows in a page.", limit),
            _parameter("skip", "Rows to leave out.", skip),
            _parameter("cursor", "`next_cursor` of the page before; instead of `skip`.", {"type": "string"}),
            _parameter("sort", "Order; a minus sign turns it round.", {"type": "string", "enum": choices}),
        ]


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _whole(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not least <= int(text) <= most:
        message = _("A whole number from %(least)d to %(most)d is expected.") % {"least": least, "most": most}
        raise ValidationError({name: [message]})
    return int(text)


def _order(request: Request, view: Any) -> tuple[str, str]:
    """Return the order asked for and its column."""
    fields: dict[str, str] = getattr(view, "sort_fields", _SORTS)
    sort: str = request.query_params.get("sort") or getattr(view, "default_sort", None) or "-created_at"
    column = fields.get(sort.removeprefix("-"))
    if column is None:
        names = ", ".join(sorted(fields))
        raise ValidationError({"sort": [_("One of these is expected: %(names)s.") % {"names": names}]})
    return sort, column


def count_up_to(queryset: QuerySet[Any], most: int) -> int | None:
    """Return the number of rows; None if there are more than `most` (they are not all counted)."""
    found = queryset.order_by()[: most + 1].count()
    return found if found <= most else None
