"""Departments, their members and their queues."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from pytake.infra.tenant_models import TenantManager, TenantRow


class Department(TenantRow):
    """An organisational unit that people and queues belong to."""

    name = models.CharField(_("name"), max_length=80)
    slug = models.SlugField(_("slug"), max_length=80)
    description = models.CharField(_("description"), max_length=255, blank=True)
    color = models.CharField(_("colour"), max_length=7, default="#3B82F6")
    is_active = models.BooleanField(_("active"), default=True)
    offline_message = models.TextField(_("offline message"), blank=True)
    max_conversations_per_agent = models.PositiveSmallIntegerField(_("conversations per agent"), default=10)
    members = models.ManyToManyField("accounts.User", through="DepartmentMember", related_name="departments")
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TenantManager()

    class Meta:
        verbose_name = _("department")
        verbose_name_plural = _("departments")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "slug"],
                condition=Q(deleted_at__isnull=True),
                name="conversations_department_slug_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DepartmentMember(TenantRow):
    """A person in a department."""

    department = models.ForeignKey(Department, on_delete=models.CASCADE)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE)
    is_supervisor = models.BooleanField(_("supervisor"), default=False)

    objects = TenantManager()

    class Meta:
        verbose_name = _("department member")
        verbose_name_plural = _("department members")
        constraints = [
            models.UniqueConstraint(fields=["department", "user"], name="conversations_departmentmember_once"),
        ]

    def __str__(self) -> str:
        return f"{self.department_id}: {self.user_id}"


class Queue(TenantRow):
    """A waiting line inside a department."""

    department = models.ForeignKey(Department, on_delete=models.CASCADE, related_name="queues")
    name = models.CharField(_("name"), max_length=80)
    slug = models.SlugField(_("slug"), max_length=80)
    description = models.CharField(_("description"), max_length=255, blank=True)
    color = models.CharField(_("colour"), max_length=7, default="#10B981")
    is_active = models.BooleanField(_("active"), default=True)
    priority = models.PositiveSmallIntegerField(_("priority"), default=50)
    sla_minutes = models.PositiveIntegerField(_("service level (minutes)"), null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TenantManager()

    class Meta:
        verbose_name = _("queue")
        verbose_name_plural = _("queues")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "department", "slug"],
                condition=Q(deleted_at__isnull=True),
                name="conversations_queue_slug_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name
