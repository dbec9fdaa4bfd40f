"""Base classes of the API's views."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from pytake.accounts.idempotency import Idempotent


class _Frame(Idempotent):
    def checked(self, serializer: type[BaseSerializer[Any]], request: Request, **kwargs: Any) -> dict[str, Any]:
        """Return the validated body, or raise ValidationError."""
        command = serializer(data=request.data, context={"request": request}, **kwargs)
        command.is_valid(raise_exception=True)
        data: dict[str, Any] = command.validated_data
        return data


class ApiView(_Frame, APIView):
    """A route that is not about a collection of rows."""


class ApiViewSet(_Frame, GenericViewSet[Any]):
    """Routes about a collection of rows. Subclasses declare `route_permissions` and `get_queryset`."""

    def page(self, serializer: type[BaseSerializer[Any]]) -> Response:
        """Return one page of the filtered rows."""
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        assert rows is not None, "pagination is on by default"
        return self.get_paginated_response(serializer(rows, many=True, context=self.get_serializer_context()).data)
