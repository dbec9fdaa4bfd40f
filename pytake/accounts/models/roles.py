"""Permissions as rows, and the roles that organizations make for themselves."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from pytake.accounts import permission_names
from pytake.infra import tenancy
from pytake.infra.tenant_models import Row, TenantManager, TenantRow


class Permission(Row):
    """One thing a person may do; the codes stand in `pytake.accounts.permissions`."""

    code = models.CharField(_("code"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=120)
    category = models.CharField(_("category"), max_length=40)

    class Meta:
        verbose_name = _("permission")
        verbose_name_plural = _("permissions")

    def __str__(self) -> str:
        return permission_names.of_permission(self.code)


class RoleQuerySet(models.QuerySet["Role"]):
    """Roles, and who may see them."""

    def visible_to(self, user: Any) -> RoleQuerySet:
        """Return the system roles and those of the person's organization."""
        if not user.is_authenticated:
            return self.none()
        organization_id = tenancy.current_organization_id() if user.is_super_admin else user.organization_id
        return self.filter(Q(organization__isnull=True) | Q(organization_id=organization_id))


class Role(Row):
    """A bundle of permissions. System roles have no organization and cannot be changed."""

    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    name = models.CharField(_("name"), max_length=60)
    description = models.CharField(_("description"), max_length=255, blank=True)
    is_system = models.BooleanField(_("system role"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    permissions = models.ManyToManyField(Permission, through="RolePermission", related_name="roles")

    objects = RoleQuerySet.as_manager()

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        constraints = [
            models.UniqueConstraint(
                "organization", Lower("name"), name="accounts_role_name_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(is_system=True, organization__isnull=True) | Q(is_system=False, organization__isnull=False),
                name="accounts_role_system_iff_no_organization",
            ),
        ]

    def __str__(self) -> str:
        return permission_names.of_system_role(self.name) if self.is_system else self.name


class RolePermission(Row):
    """A permission in a role."""

    role = models.ForeignKey(Role, on_delete=models.CASCADE)
    permission = models.ForeignKey(Permission, on_delete=models.CASCADE)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["role", "permission"], name="accounts_rolepermission_once"),
        ]

    def __str__(self) -> str:
        return f"{self.role_id}: {self.permission_id}"


class UserRole(TenantRow):
    """A custom role that a person holds beside the system role."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="custom_roles")
    role = models.ForeignKey(Role, on_delete=models.CASCADE, related_name="holders")

    objects = TenantManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "role"], name="accounts_userrole_once")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.role_id}"
