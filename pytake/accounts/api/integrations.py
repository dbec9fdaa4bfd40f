"""`/api-tokens` and `/audit-log`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from pytake.accounts import integrations, permissions
from pytake.accounts.api.shapes import ApiTokenShape, AuditEntryShape, NewApiTokenShape
from pytake.accounts.api_base import ApiViewSet
from pytake.accounts.models import ApiToken, AuditEntry
from pytake.infra.serializing import StrictSerializer


class NewApiTokenInput(StrictSerializer):
    """A new token."""

    name = serializers.CharField(max_length=80)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=permissions.CATALOGUE), min_length=1, max_length=100
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)

    def validate_expires_at(self, value: Any) -> Any:
        """A token that is born dead is a mistake."""
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError(_("This instant has passed."))
        return value


class ApiTokens(ApiViewSet):
    """`/api-tokens`."""

    queryset = ApiToken.objects.none()
    serializer_class = ApiTokenShape
    route_permissions = dict.fromkeys(("list", "retrieve", "create", "destroy"), "integrations.manage")
    sort_fields = {"created_at": "created_at", "name": "name"}

    def get_queryset(self) -> QuerySet[ApiToken]:
        """Return the organization's tokens."""
        return ApiToken.objects.get_queryset().visible_to(self.request.user)

    @extend_schema(responses={200: ApiTokenShape(many=True)})
    def list(self, request: Request) -> Response:
        """List integration tokens.

        Without their secrets; revoked ones stay as a record.
        """
        return self.page(ApiTokenShape)

    @extend_schema(responses={200: ApiTokenShape})
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Show an integration token.

        Without its secret.
        """
        return Response(ApiTokenShape(self.get_object()).data)

    @extend_schema(request=NewApiTokenInput, responses={201: NewApiTokenShape})
    def create(self, request: Request) -> Response:
        """Make an integration token.

        It acts as the person who makes it, limited to the scopes. `token` is shown this once.
        """
        data, user = self.checked(NewApiTokenInput, request), request.user
        row, token = integrations.create(by=user, now=timezone.now(), request=request._request, **data)  # type: ignore[arg-type]  # a member
        row.token = token  # type: ignore[attr-defined]  # shown this once
        return Response(NewApiTokenShape(row).data, status=201, headers={"Cache-Control": "no-store"})

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Revoke an integration token.

        It stops working at once.
        """
        integrations.revoke(self.get_object(), by=request.user, now=timezone.now(), request=request._request)  # type: ignore[arg-type]  # a member
        return Response(status=204)


class AuditFilter(django_filters.FilterSet):
    """Filters of the audit log."""

    action = django_filters.CharFilter()
    entity_type = django_filters.CharFilter()
    entity_id = django_filters.CharFilter()
    actor = django_filters.UUIDFilter(field_name="actor_user_id")
    since = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = AuditEntry
        fields = ("action", "entity_type", "entity_id", "actor", "since", "until")


class AuditLog(ApiViewSet):
    """`/audit-log`."""

    queryset = AuditEntry.objects.none()
    serializer_class = AuditEntryShape
    route_permissions = {"list": "audit.view"}
    filter_backends = (DjangoFilterBackend,)
    filterset_class = AuditFilter
    sort_fields = {"created_at": "created_at", "sequence": "sequence"}

    def get_queryset(self) -> QuerySet[AuditEntry]:
        """Return the organization's entries."""
        return AuditEntry.objects.visible_to(self.request.user)

    @extend_schema(responses={200: AuditEntryShape(many=True)})
    def list(self, request: Request) -> Response:
        """Search the audit log.

        What people did, newest first; each entry's hash covers the one before it.
        """
        return self.page(AuditEntryShape)
