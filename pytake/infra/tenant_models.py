"""Base classes of rows: keys, timestamps, and managers that keep organizations apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.db import models
from django.db.models import sql

from pytake.infra import tenancy
from pytake.infra.ids import new_id

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from pytake.accounts.models import User

M = TypeVar("M", bound=models.Model)


class Row(models.Model):
    """A row with a time-ordered key and timestamps."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class TenantQuery(sql.Query):
    """A query that refuses to be compiled outside an organization context."""

    def get_compiler(self, *args: Any, **kwargs: Any) -> Any:
        """Check the context at the moment of evaluation, so that building querysets stays free."""
        tenancy.require_scope()
        return super().get_compiler(*args, **kwargs)


class TenantQuerySet(models.QuerySet[M]):
    """Rows of the context's organization."""

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Return the rows that `user` may see: those of the own organization.

        Super administrators see what the context shows (one organization, or all).
        """
        if not user.is_authenticated:
            return self.none()
        if user.is_super_admin:
            return self.all()
        return self.filter(organization_id=user.organization_id)

    def update(self, **kwargs: Any) -> int:
        """Update inside the context only."""
        tenancy.require_scope()
        return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete inside the context only."""
        tenancy.require_scope()
        return super().delete()

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        """Insert inside the context only, and only rows of its organization."""
        rows = list(objs)
        scope = tenancy.require_scope()
        if scope != tenancy.PLATFORM:
            foreign = [row for row in rows if str(row.organization_id) != scope]  # type: ignore[attr-defined]  # every tenant model has the column
            if foreign:
                raise tenancy.OrganizationContextError("bulk_create of another organization's rows")
        return super().bulk_create(rows, *args, **kwargs)


class TenantManager(models.Manager[M]):
    """Manager of a tenant-owned model: first wall of the tenancy.

    Add methods with `TenantManager.from_queryset(SomeQuerySet)()`.
    """

    _queryset_class: type[TenantQuerySet[Any]] = TenantQuerySet

    def get_queryset(self) -> TenantQuerySet[M]:
        """Return the rows of the context's organization; evaluation without a context is refused."""
        queryset = self._queryset_class(model=self.model, query=TenantQuery(self.model), using=self._db)
        organization_id = tenancy.current_organization_id()
        return queryset if organization_id is None else queryset.filter(organization_id=organization_id)


class TenantRow(Row):
    """A row that belongs to one organization. Subclasses declare `objects = TenantManager()` (or with a queryset)."""

    # No index of its own: the guard of the table adds a unique one that begins with it. A second one would be
    # smaller, so a planner without statistics would take it for key checks and read the whole organization.
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+", editable=False, db_index=False
    )

    class Meta:
        abstract = True
