"""`/whatsapp/{number_id}/templates`: the templates of a number's business account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from conversations.message_templates import editing, parts, sync, usage, wording
from conversations.message_templates.editing import Draft, ProviderFailedError
from conversations.models import WhatsAppNumber, WhatsAppTemplate
from pytake.accounts.api_base import ApiViewSet
from pytake.core.errors import ConflictError, NotFoundError
from pytake.infra.paging import TextSearch
from pytake.infra.serializing import StrictSerializer

# What does not come in this time is read by workers.
READ_AT_ONCE: Final = timedelta(seconds=5)


class TemplateShape(serializers.ModelSerializer[WhatsAppTemplate]):
    """A message template."""

    components = serializers.ListField(
        child=serializers.DictField(), help_text="The content, in the words of the Cloud API."
    )
    variables = serializers.SerializerMethodField(help_text="What must be given to send it.")
    is_usable = serializers.BooleanField(read_only=True, help_text="Approved, switched on, not deleted.")

    class Meta:
        model = WhatsAppTemplate
        fields = (
            "id", "account_id", "meta_template_id", "name", "language", "category", "next_category",
            "category_changes_at", "parameter_format", "status", "status_raw", "rejected_reason", "approved_at",
            "rejected_at", "paused_until", "quality_score", "header_type", "body_text", "components", "variables",
            "is_enabled", "is_usable", "is_system_template", "submitted_at", "last_synced_at", "created_at",
            "updated_at",
        )  # fmt: skip

    def get_variables(self, template: WhatsAppTemplate) -> list[dict[str, str]]:
        """Return the slots of the template."""
        return [
            {"key": slot.key, "name": slot.name, "kind": slot.kind, "example": slot.example}
            for slot in parts.slots(template.components)
        ]


class TemplateInput(StrictSerializer):
    """A template to write, and perhaps to submit."""

    name = serializers.CharField(max_length=512, help_text="Lower-case letters, digits and underscores.")
    language = serializers.CharField(max_length=12, default="pt_BR")
    category = serializers.ChoiceField(choices=WhatsAppTemplate.Category.choices)
    parameter_format = serializers.ChoiceField(
        choices=WhatsAppTemplate.ParameterFormat.choices, default=WhatsAppTemplate.ParameterFormat.POSITIONAL
    )
    components = serializers.ListField(child=serializers.DictField(), max_length=10)
    submit = serializers.BooleanField(default=False, help_text="Hand it to WhatsApp for review at once.")


class EnabledInput(StrictSerializer):
    """After submission only its use may be changed here."""

    is_enabled = serializers.BooleanField()


class SyncShape(serializers.Serializer[Any]):
    """What reading the account found so far."""

    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    deleted = serializers.IntegerField()
    is_complete = serializers.BooleanField(help_text="False: the rest is read in the background.")


class UseShape(serializers.Serializer[Any]):
    """Something that sends the template."""

    kind = serializers.CharField(help_text="flow, automation or campaign.")
    id = serializers.CharField()
    name = serializers.CharField(source="label")
    detail = serializers.CharField()
    is_live = serializers.BooleanField(help_text="It sends the template now, not only in a draft.")


class TemplateUsageShape(serializers.Serializer[Any]):
    """Where a template is used."""

    items = UseShape(many=True)
    waiting_messages = serializers.IntegerField(help_text="Messages in the queue that cannot leave while it is paused.")


class TemplateFilter(django_filters.FilterSet):
    """Filters of the lists."""

    status = django_filters.ChoiceFilter(choices=WhatsAppTemplate.Status.choices)
    category = django_filters.ChoiceFilter(choices=WhatsAppTemplate.Category.choices)
    quality_score = django_filters.ChoiceFilter(choices=WhatsAppTemplate.Quality.choices)
    language = django_filters.CharFilter()

    class Meta:
        model = WhatsAppTemplate
        fields = ("status", "category", "quality_score", "language")


class Templates(ApiViewSet):
    """`/whatsapp/{number_id}/templates`."""

    queryset = WhatsAppTemplate.objects.none()
    serializer_class = TemplateShape
    schema_tag = "whatsapp"
    lookup_url_kwarg = "template_id"
    route_permissions = {
        "list": "templates.view", "local": "templates.view", "retrieve": "templates.view", "usage": "templates.view",
        "create": "templates.manage", "sync": "templates.manage", "update": "templates.manage",
        "destroy": "templates.manage",
    }  # fmt: skip
    filter_backends = (DjangoFilterBackend, TextSearch)
    filterset_class = TemplateFilter
    search_fields = ("name", "body_text")
    sort_fields = {"name": "name", "created_at": "created_at", "updated_at": "updated_at"}
    default_sort = "name"

    @cached_property
    def number(self) -> WhatsAppNumber:
        """Return the number of the path; only official ones have templates."""
        rows = WhatsAppNumber.objects.get_queryset().visible_to(self.request.user)
        found = rows.filter(pk=self.kwargs["number_id"], deleted_at=None).first()
        if found is None:
            raise NotFoundError(_("There is no such number."))
        if found.connection_type != WhatsAppNumber.ConnectionType.OFFICIAL or not found.whatsapp_business_account_id:
            raise ConflictError(_("Only numbers of the Cloud API have templates."), code="NOT_OFFICIAL")
        return found

    def get_queryset(self) -> QuerySet[WhatsAppTemplate]:
        """Return the templates of the number's account."""
        rows = WhatsAppTemplate.objects.get_queryset().visible_to(self.request.user)
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        rows = rows.filter(account_id=self.number.whatsapp_business_account_id)
        if self.request.query_params.get("status") != WhatsAppTemplate.Status.DELETED:
            rows = rows.filter(deleted_at=None)
        return rows.exclude(meta_template_id="") if self.action == "list" else rows

    @extend_schema(responses={200: TemplateShape(many=True)})
    def list(self, request: Request, number_id: UUID) -> Response:
        """List the templates at WhatsApp.

        As they were last read, kept up to date by WhatsApp's notices. Official numbers only.
        """
        return self.page(TemplateShape)

    @extend_schema(responses={200: TemplateShape(many=True)})
    def local(self, request: Request, number_id: UUID) -> Response:
        """List the templates that PyTake knows.

        Drafts that WhatsApp has not seen included; by status, category, quality or text.
        """
        return self.page(TemplateShape)

    @extend_schema(request=TemplateInput, responses={201: TemplateShape})
    def create(self, request: Request, number_id: UUID) -> Response:
        """Write a template.

        Kept as a draft, and with `submit` handed to WhatsApp for review. With `submit` everything that WhatsApp would
        refuse is refused before, with the field and the limit.
        """
        user: Any = request.user
        given, now = self.checked(TemplateInput, request), timezone.now()
        submits = given.pop("submit")
        draft = Draft(**given)
        account_id = self.number.whatsapp_business_account_id
        if submits:
            editing.check(draft)
        row = editing.write(self.number.organization, account_id, draft, by=user, now=now)
        if submits:
            editing.submit(row, by=user, now=now)
        return Response(TemplateShape(row).data, status=201)

    @extend_schema(request=None, responses={200: SyncShape, 202: SyncShape})
    def sync(self, request: Request, number_id: UUID) -> Response:
        """Read the templates from WhatsApp.

        Answers 202 when there is more than fits into a few seconds; the rest is read in the background.
        """
        now = timezone.now()
        row = sync.request(self.number.organization_id, self.number.whatsapp_business_account_id, now=now)
        row = sync.run_now(row, until=now + READ_AT_ONCE, clock=timezone.now)
        if row.error_code:
            raise ProviderFailedError(wording.failure_of(row.error_code))
        complete = row.run_started_at is None and row.finished_at is not None
        found = {"created": row.created, "updated": row.updated, "deleted": row.removed, "is_complete": complete}
        return Response(SyncShape(found).data, status=200 if complete else 202)

    @extend_schema(responses={200: TemplateShape})
    def retrieve(self, request: Request, number_id: UUID, template_id: UUID) -> Response:
        """Show one template.

        With its content and what must be given to send it.
        """
        return Response(TemplateShape(self.get_object()).data)

    @extend_schema(request=EnabledInput, responses={200: TemplateShape})
    def update(self, request: Request, number_id: UUID, template_id: UUID) -> Response:
        """Enable or disable a template.

        Here only: nothing changes at WhatsApp.
        """
        user: Any = request.user
        row = self.get_object()
        editing.enable(row, on=self.checked(EnabledInput, request)["is_enabled"], by=user, now=timezone.now())
        row.refresh_from_db()
        return Response(TemplateShape(row).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("at_meta", bool, description="Delete it at WhatsApp, too (default true).", default=True)
        ],
        responses={204: None},
    )
    def destroy(self, request: Request, number_id: UUID, template_id: UUID) -> Response:
        """Delete a template.

        One language of it, at WhatsApp too unless `at_meta` is false. Templates of the system stay.
        """
        user: Any = request.user
        at_meta = request.query_params.get("at_meta", "true").lower() not in {"false", "0"}
        editing.delete(self.get_object(), by=user, now=timezone.now(), at_provider=at_meta)
        return Response(status=204)

    @extend_schema(responses={200: TemplateUsageShape})
    def usage(self, request: Request, number_id: UUID, template_id: UUID) -> Response:
        """Show where a template is used.

        Flows, automations and campaigns that send it, live ones first.
        """
        row = self.get_object()
        return Response(TemplateUsageShape({"items": usage.of(row), "waiting_messages": usage.waiting(row)}).data)
