"""`/organizations`, `/plans`, `/billing/usage`."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID
from zoneinfo import available_timezones

from django.apps import apps
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from pytake.accounts import plans, tenants
from pytake.accounts.access import MEMBER, SUPER
from pytake.accounts.api.shapes import OrganizationShape, PlanShape
from pytake.accounts.api_base import ApiView, ApiViewSet
from pytake.accounts.models import Organization, Plan
from pytake.core.errors import NotFoundError
from pytake.infra import tenancy
from pytake.infra.paging import TextSearch
from pytake.infra.serializing import StrictSerializer

# What is counted of an organization, by name; the tables stand in layers above.
_COUNTED: Final = {
    "contacts": "conversations.Contact",
    "conversations": "conversations.Conversation",
    "numbers": "conversations.WhatsAppNumber",
    "departments": "conversations.Department",
    "chatbots": "flows.Chatbot",
}
_USAGE: Final = {
    "max_users": "users",
    "max_chatbots": "chatbots",
    "max_whatsapp_numbers": "numbers",
    "max_contacts": "contacts",
    "max_departments": "departments",
}


class OrganizationInput(StrictSerializer):
    """What members may edit of their organization."""

    name = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class TenantInput(OrganizationInput):
    """What platform operators may edit: also the limits of this organization."""

    max_users = serializers.IntegerField(required=False, allow_null=True, min_value=-1)
    max_chatbots = serializers.IntegerField(required=False, allow_null=True, min_value=-1)
    max_whatsapp_numbers = serializers.IntegerField(required=False, allow_null=True, min_value=-1)
    max_contacts = serializers.IntegerField(required=False, allow_null=True, min_value=-1)
    max_departments = serializers.IntegerField(required=False, allow_null=True, min_value=-1)
    monthly_message_limit = serializers.IntegerField(required=False, allow_null=True, min_value=-1)


class CsatInput(StrictSerializer):
    """The satisfaction survey."""

    enabled = serializers.BooleanField(required=False)
    expires_hours = serializers.IntegerField(min_value=1, max_value=168, required=False)


class SettingsInput(StrictSerializer):
    """Settings of an organization; what is not sent stays."""

    timezone = serializers.ChoiceField(choices=sorted(available_timezones()), required=False)
    language = serializers.ChoiceField(choices=settings.LANGUAGES, required=False)
    currency = serializers.RegexField(r"^[A-Z]{3}$", required=False)
    business_hours = serializers.JSONField(required=False)
    notification_settings = serializers.DictField(child=serializers.BooleanField(), required=False)
    security_settings = serializers.DictField(required=False)
    reopen_window_hours = serializers.IntegerField(min_value=0, max_value=720, required=False)
    vip_skip_bot = serializers.BooleanField(required=False)
    agents_see_all = serializers.BooleanField(required=False)
    csat = CsatInput(required=False)
    quiet_hours = serializers.JSONField(required=False)
    frequency_cap = serializers.JSONField(required=False)
    no_bot_reply = serializers.CharField(max_length=1000, allow_blank=True, required=False)
    optout_keywords = serializers.ListField(child=serializers.CharField(max_length=60), max_length=100, required=False)


class PlanInput(StrictSerializer):
    """A change of plan."""

    plan = serializers.SlugRelatedField[Plan](slug_field="code", queryset=Plan.objects.filter(is_active=True))
    plan_starts_at = serializers.DateTimeField(required=False)
    plan_expires_at = serializers.DateTimeField(required=False, allow_null=True)


class CountsShape(serializers.Serializer[Any]):
    """How much an organization has."""

    users = serializers.IntegerField()
    contacts = serializers.IntegerField()
    conversations = serializers.IntegerField()
    numbers = serializers.IntegerField()
    departments = serializers.IntegerField()
    chatbots = serializers.IntegerField()


class UsageRow(serializers.Serializer[Any]):
    """A counter against its limit; -1 is unlimited."""

    metric = serializers.CharField()
    used = serializers.IntegerField()
    limit = serializers.IntegerField()


class UsageShape(serializers.Serializer[Any]):
    """The plan and how much of it is used."""

    plan = serializers.CharField()
    items = UsageRow(many=True)


def counts(organization: Organization) -> dict[str, int]:
    """Count what an organization has."""
    found = {"users": plans.seats_taken(organization)}
    with tenancy.organization_context(organization.pk):
        for name, label in _COUNTED.items():
            found[name] = apps.get_model(label).objects.count()
    return found


class Organizations(ApiViewSet):
    """`/organizations`."""

    queryset = Organization.objects.none()
    serializer_class = OrganizationShape
    route_permissions = {
        "mine": MEMBER, "edit_mine": "organization.manage", "edit_settings": "organization.manage",
        "list": SUPER, "retrieve": SUPER, "update": SUPER, "destroy": SUPER, "stats": SUPER, "plan": SUPER,
        "activate": SUPER, "deactivate": SUPER,
    }  # fmt: skip
    filter_backends = (TextSearch,)
    search_fields = ("name", "slug")
    sort_fields = {"created_at": "created_at", "name": "name"}

    def get_queryset(self) -> QuerySet[Organization]:
        """Return what the caller may see."""
        return Organization.objects.visible_to(self.request.user).select_related("plan")

    def _own(self) -> Organization:
        found = Organization.objects.select_related("plan").of_context()
        if found is None:
            raise NotFoundError(_("Say for which organization (X-Organization-Id)."))
        return found

    def _act(self, verb: Any, *args: Any, **kwargs: Any) -> Response:
        organization = verb(*args, by=self.request.user, now=timezone.now(), request=self.request._request, **kwargs)
        return Response(OrganizationShape(organization).data)

    @extend_schema(responses={200: OrganizationShape})
    def mine(self, request: Request) -> Response:
        """Show the own organization.

        Platform operators name one with `X-Organization-Id`.
        """
        return Response(OrganizationShape(self._own()).data)

    @extend_schema(request=OrganizationInput, responses={200: OrganizationShape})
    def edit_mine(self, request: Request) -> Response:
        """Edit the own organization.

        Replaces the fields that are sent.
        """
        return self._act(tenants.edit, self._own(), self.checked(OrganizationInput, request))

    @extend_schema(request=SettingsInput, responses={200: OrganizationShape})
    def edit_settings(self, request: Request) -> Response:
        """Merge settings of the own organization.

        Time zone, language, currency and the settings document; keys that are not sent stay.
        """
        return self._act(tenants.merge_settings, self._own(), self.checked(SettingsInput, request))

    @extend_schema(responses={200: OrganizationShape(many=True)})
    def list(self, request: Request) -> Response:
        """List organizations.

        All tenants that are not deleted.
        """
        return self.page(OrganizationShape)

    @extend_schema(responses={200: OrganizationShape})
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Show one organization.

        With its plan, limits and settings.
        """
        return Response(OrganizationShape(self.get_object()).data)

    @extend_schema(request=TenantInput, responses={200: OrganizationShape})
    def update(self, request: Request, pk: UUID) -> Response:
        """Edit an organization.

        Replaces the fields that are sent; a limit of null is the plan's.
        """
        return self._act(tenants.edit, self.get_object(), self.checked(TenantInput, request))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Delete an organization.

        A soft delete: sign-in is refused at once, rows stay until they are erased.
        """
        self._act(tenants.delete, self.get_object())
        return Response(status=204)

    @extend_schema(responses={200: CountsShape})
    def stats(self, request: Request, pk: UUID) -> Response:
        """Count what an organization has.

        Users, contacts, conversations, numbers, departments, chatbots.
        """
        return Response(counts(self.get_object()))

    @extend_schema(request=PlanInput, responses={200: OrganizationShape})
    def plan(self, request: Request, pk: UUID) -> Response:
        """Change the plan.

        The organization's own limits are dropped; nothing that exists is deleted.
        """
        data = self.checked(PlanInput, request)
        return self._act(tenants.change_plan, self.get_object(), data.pop("plan"), **data)

    @extend_schema(request=None, responses={200: OrganizationShape})
    def activate(self, request: Request, pk: UUID) -> Response:
        """Enable an organization.

        Its members can sign in again.
        """
        return self._act(tenants.activate, self.get_object())

    @extend_schema(request=None, responses={200: OrganizationShape})
    def deactivate(self, request: Request, pk: UUID) -> Response:
        """Disable an organization.

        Its members are signed out; what arrives is still stored.
        """
        return self._act(tenants.deactivate, self.get_object())


class Plans(ApiViewSet):
    """`/plans`."""

    queryset = Plan.objects.filter(is_active=True)
    serializer_class = PlanShape
    route_permissions = {"list": MEMBER}

    @extend_schema(responses={200: PlanShape(many=True)})
    def list(self, request: Request) -> Response:
        """List plans.

        With their limits; -1 is unlimited.
        """
        return self.page(PlanShape)


class Usage(ApiView):
    """`/billing/usage`."""

    route_permissions = {"get": "billing.view"}

    @extend_schema(responses={200: UsageShape})
    def get(self, request: Request) -> Response:
        """Show usage against limits.

        Of the own organization, counted now.
        """
        organization = Organization.objects.of_context()
        if organization is None:
            raise NotFoundError(_("Say for which organization (X-Organization-Id)."))
        found = counts(organization)
        rows = [
            {"metric": name, "used": found[counted], "limit": organization.limit(limit)}
            for limit, counted in _USAGE.items()
            for name in [counted]
        ]
        return Response({"plan": organization.plan.code, "items": rows})
