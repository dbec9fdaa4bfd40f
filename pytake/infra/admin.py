"""The base of every admin page: one organization's rows, permissions of ours, every change audited."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db import models, transaction
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest
from django.utils.module_loading import import_string
from unfold.admin import ModelAdmin, TabularInline
from unfold.paginator import InfinitePaginator

from pytake.infra import tenancy


class ScopedRows:
    """Shows the rows that the person may see, and offers no others in choices."""

    model: type[models.Model]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the person's organization."""
        return visible_rows(self.model, request)

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the person's own rows only."""
        kwargs.setdefault("queryset", visible_rows(db_field.remote_field.model, request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]  # a mixin

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the person's own rows only."""
        kwargs.setdefault("queryset", visible_rows(db_field.remote_field.model, request))
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]  # a mixin


class TenantAdmin(ScopedRows, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Admin of a model that belongs to organizations.

    Read-mostly: rows can be changed where `editable` names fields, added and deleted only if the
    subclass says so. Whether a person may look or change is in `permissions.register_admin`.
    """

    editable: tuple[str, ...] = ()
    can_add = False
    can_delete = False
    list_per_page = 50
    show_full_result_count = False
    compressed_fields = True
    warn_unsaved_form = True

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Freeze every field that is not named editable."""
        stated = tuple(super().get_readonly_fields(request, obj))
        hidden = self.exclude or ()
        names = [
            field.name
            for field in self.opts.get_fields()
            if getattr(field, "editable", False) and field.concrete and field.name not in hidden
        ]
        frozen = tuple(name for name in names if name not in self.editable and name not in stated)
        if obj is None and self.can_add:
            return stated
        return (*stated, *frozen)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows are made by the product, unless the subclass opens it."""
        return self.can_add and tenancy.current_organization_id() is not None and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only where there is something to change."""
        return bool(self.editable or self.can_add) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are deleted by the product, unless the subclass opens it."""
        return self.can_delete and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001  # Django's
        """Fill in the organization of the context, and write down who changed what."""
        if not change and hasattr(obj, "organization_id") and obj.organization_id is None:
            obj.organization_id = tenancy.current_organization_id()
        changes = {name: form.cleaned_data.get(name) for name in form.changed_data}
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            verb = "changed" if change else "added"
            _record(action=f"{self.opts.model_name}.{verb}", entity=obj, changes=changes, request=request)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Write down who deleted what."""
        with transaction.atomic():
            _record(action=f"{self.opts.model_name}.deleted", entity=obj, changes={}, request=request)
            super().delete_model(request, obj)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Leave Django's own log alone; the audit log has it."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Leave Django's own log alone; the audit log has it."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """Leave Django's own log alone; the audit log has it."""


class ReadOnlyAdmin(TenantAdmin):
    """Admin of rows that nobody edits by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class LongListAdmin(ReadOnlyAdmin):
    """Admin of tables that grow without end: pages are turned, never counted."""

    paginator = InfinitePaginator


class TenantInline(ScopedRows, TabularInline):  # type: ignore[misc]  # unfold has no types
    """Rows inside another object's page; the organization is that of the object."""

    extra = 0
    show_change_link = True


def visible_rows(model: type[models.Model], request: HttpRequest) -> QuerySet[Any]:
    """Return what the person may see of a model."""
    rows: Any = model._default_manager.get_queryset()
    if hasattr(rows, "visible_to"):
        return rows.visible_to(request.user)  # type: ignore[no-any-return]  # QuerySet by convention
    return rows if request.user.is_superuser else _of_organization(rows, request)


def _of_organization(rows: QuerySet[Any], request: HttpRequest) -> QuerySet[Any]:
    names = {field.name for field in rows.model._meta.get_fields()}
    if "organization" in names:
        return rows.filter(organization_id=getattr(request.user, "organization_id", None))
    return rows


def _record(**what: Any) -> None:
    """Call the audit log, which stands in a layer above."""
    import_string(settings.AUDIT_RECORDER)(**what, by=what["request"].user)


admin.site.site_title = "PyTake"
