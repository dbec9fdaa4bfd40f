"""`/contacts/import`, `/contacts/export` and `/contacts/merge`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.core import signing
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from conversations.models import ContactImport, ContactMerge
from conversations.people import api_shapes as shapes
from conversations.people import exporting, importing, merging, planning
from conversations.people.contacts import Wanted
from pytake.accounts.api_base import ApiView, ApiViewSet
from pytake.infra import tenancy
from pytake.infra.serializing import StrictSerializer

LINK_LIFE: Final = timedelta(hours=1)
REPORTED_MAX: Final = 1_000
_SALT: Final = "pytake.contacts.export"


class ImportInput(StrictSerializer):
    """A file and how it is imported."""

    file = serializers.FileField(help_text="CSV or XLSX, at most 20 MB and 100,000 rows.")
    mapping = serializers.JSONField(
        required=False, help_text='Column number to field: {"0": "name", "1": "phone"}. Else it is guessed.'
    )
    existing = serializers.ChoiceField(choices=importing.MODES, required=False, default="fill")
    tags = serializers.CharField(max_length=300, required=False, default="", help_text="For everybody; with commas.")
    legal_basis = serializers.ChoiceField(choices=importing.BASES, required=False)
    evidence = serializers.CharField(max_length=500, required=False, help_text="Where the list comes from.")
    dry_run = serializers.BooleanField(required=False, default=False)

    def validate_mapping(self, value: Any) -> Any:
        """Columns and fields are texts."""
        if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
            raise serializers.ValidationError('{"0": "name"}')
        return value


class ImportPreviewShape(shapes.ImportShape):
    """An import and what its first 5,000 rows would do."""

    preview = serializers.DictField(child=serializers.IntegerField(), help_text="Rows by outcome.")

    class Meta(shapes.ImportShape.Meta):
        fields = (*shapes.ImportShape.Meta.fields, "preview")


class Imports(ApiViewSet):
    """`/contacts/import`."""

    queryset = ContactImport.objects.none()
    serializer_class = shapes.ImportShape
    route_permissions = {"create": "contacts.create", "retrieve": "contacts.create"}
    schema_tag = "contacts"

    def get_queryset(self) -> QuerySet[ContactImport]:
        """Return the organization's imports."""
        return ContactImport.objects.get_queryset().visible_to(self.request.user)

    def get_parsers(self) -> list[Any]:
        """Files come in forms."""
        return [MultiPartParser()]

    @extend_schema(
        request={"multipart/form-data": ImportInput}, responses={202: shapes.ImportShape, 200: ImportPreviewShape}
    )
    def create(self, request: Request) -> Response:
        """Import contacts from a file.

        Starts the import (202); look at it with GET. With `dry_run` nothing is imported: the answer (200) counts what
        the first 5,000 rows would do. Starting needs `legal_basis` and `evidence`, which are recorded in the consent
        ledger of everybody who is new.
        """
        data = self.checked(ImportInput, request)
        by: dict[str, Any] = {"by": request.user, "request": request._request}
        file, mapping, is_dry = data.pop("file"), data.pop("mapping", None), data.pop("dry_run")
        job = importing.upload(file, name=file.name or "", **by)
        importing.map_columns(job, mapping=job.mapping if mapping is None else mapping, options=dict(data))
        if is_dry:
            job.preview = importing.preview(job)["totals"]  # type: ignore[attr-defined]  # shown this once
            return Response(ImportPreviewShape(job).data)
        importing.start(job, now=timezone.now(), **by)
        return Response(shapes.ImportShape(job).data, status=202)

    @extend_schema(responses={200: shapes.ImportReportShape})
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Show an import.

        Its progress and, once rows are refused, the first 1,000 of them with the reasons.
        """
        job = self.get_object()
        refused = [
            {"row": number, "problem": problem, "message": str(planning.PROBLEMS.get(problem, problem))}
            for number, problem, _values in importing.refused(job, most=REPORTED_MAX)
        ]
        return Response(shapes.ImportReportShape(job, context={"refused": refused}).data)


class ExportInput(StrictSerializer):
    """Which contacts, in which format."""

    format = serializers.ChoiceField(choices=sorted(exporting.FORMATS), required=False, default="csv")
    q = serializers.CharField(max_length=80, required=False, default="", allow_blank=True)
    tag = serializers.UUIDField(required=False, allow_null=True, default=None)
    is_vip = serializers.BooleanField(required=False, allow_null=True, default=None)
    is_blocked = serializers.BooleanField(required=False, allow_null=True, default=None)


class ExportShape(serializers.Serializer[Any]):
    """A link to the file."""

    url = serializers.CharField(help_text="GET it with the same credentials.")
    expires_at = serializers.DateTimeField()


class Export(ApiView):
    """`/contacts/export`."""

    route_permissions = {"post": "contacts.export"}
    schema_tag = "contacts"

    @extend_schema(request=ExportInput, responses={200: ExportShape})
    def post(self, request: Request) -> Response:
        """Export contacts.

        Answers with a link for one hour; the file is made while it is read, whatever its length. Audited.
        """
        data, user = self.checked(ExportInput, request), request.user
        form, tag = data["format"], data["tag"]
        asked = {"search": data["q"], "is_vip": data["is_vip"], "is_blocked": data["is_blocked"]}
        exporting.note(wanted=Wanted(tag=tag, **asked), form=form, by=user, request=request._request)  # type: ignore[arg-type]  # a member
        own = {"organization": str(tenancy.current_organization_id()), "user": str(user.pk)}
        token = signing.dumps({**own, **asked, "tag": str(tag or ""), "format": form}, salt=_SALT)
        url = reverse("conversations-api:contact-export-file", args=[token])
        return Response({"url": url, "expires_at": timezone.now() + LINK_LIFE})


class ExportFile(ApiView):
    """The file behind the link."""

    route_permissions = {"get": "contacts.export"}
    schema_tag = "contacts"

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, token: str) -> StreamingHttpResponse:
        """Download an export.

        CSV or XLSX, with the link that POST gave. Nothing in it begins a formula.
        """
        user: Any = request.user
        try:
            asked = signing.loads(token, salt=_SALT, max_age=LINK_LIFE)
        except signing.BadSignature as exc:
            raise NotFound from exc
        own = {"organization": str(tenancy.current_organization_id()), "user": str(user.pk)}
        if any(asked.pop(name) != value for name, value in own.items()):
            raise NotFound
        form, tag = asked.pop("format"), asked.pop("tag")
        wanted = Wanted(tag=UUID(tag) if tag else None, **asked)
        kind, _writer = exporting.FORMATS[form]
        headers = {"Content-Disposition": f'attachment; filename="contatos.{form}"'}
        parts = exporting.parts(wanted=wanted, form=form, by=user)
        return StreamingHttpResponse(parts, content_type=kind, headers=headers)


class Merges(ApiViewSet):
    """`/contacts/merge` and `/contacts/merges/{id}/undo`."""

    queryset = ContactMerge.objects.none()
    serializer_class = shapes.MergeShape
    route_permissions = {"create": "contacts.edit", "undo": "organization.manage"}
    schema_tag = "contacts"

    def get_queryset(self) -> QuerySet[ContactMerge]:
        """Return the organization's merges."""
        return ContactMerge.objects.get_queryset().visible_to(self.request.user)

    def _by(self) -> dict[str, Any]:
        return {"by": self.request.user, "request": self.request._request, "now": timezone.now()}

    @extend_schema(request=shapes.MergeInput, responses={201: shapes.MergeShape})
    def create(self, request: Request) -> Response:
        """Merge two contacts.

        Addresses, threads, tags and consent of `merge_id` become those of `keep_id`; the other is gone. It can be
        undone for 30 days.
        """
        data = self.checked(shapes.MergeInput, request)
        row = merging.merge_now(
            data["keep_id"],
            data["merge_id"],
            winners=data.get("winners"),
            reason=data["reason"],
            **self._by(),
        )
        return Response(shapes.MergeShape(row).data, status=201)

    @extend_schema(request=None, responses={200: shapes.MergeShape})
    def undo(self, request: Request, pk: UUID) -> Response:
        """Undo a merge.

        Within 30 days and once. What came from the other contact goes back; edits made since stay.
        """
        return Response(shapes.MergeShape(merging.undo(self.get_object(), **self._by())).data)
