"""What people did, in an append-only chain per organization."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from pytake.infra import tenancy
from pytake.infra.ids import new_id


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Entries, and who may read them."""

    def visible_to(self, user: Any) -> AuditQuerySet:
        """Return the entries of the person's organization; for platform operators those of the context."""
        if not user.is_authenticated or not user.can("audit.view"):
            return self.none()
        organization_id = tenancy.current_organization_id() if user.is_super_admin else user.organization_id
        if organization_id is None:
            return self.all() if user.is_super_admin else self.none()
        return self.filter(organization_id=organization_id)

    def of_chain(self, organization_id: uuid.UUID | None) -> AuditQuerySet:
        """Return one chain: an organization's, or that of acts outside of any."""
        if organization_id is None:
            return self.filter(organization__isnull=True)
        return self.filter(organization_id=organization_id)


class AuditEntry(models.Model):
    """One act. `entry_hash` covers the entry and `previous_hash`, so a gap or change shows.

    `organization` is null for acts of platform operators outside any organization.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, null=True, related_name="+")
    created_at = models.DateTimeField(_("when"))
    sequence = models.BigIntegerField(_("number"))
    actor_user = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, null=True, related_name="+", db_constraint=False
    )
    actor_label = models.CharField(_("who"), max_length=150)
    action = models.CharField(_("action"), max_length=64)
    entity_type = models.CharField(_("object type"), max_length=64)
    entity_id = models.CharField(_("object"), max_length=64, blank=True)
    changes = models.JSONField(_("changes"), default=dict)
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=255, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    previous_hash = models.CharField(max_length=64)
    entry_hash = models.CharField(max_length=64)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "sequence"], name="accounts_auditentry_one_chain", nulls_distinct=False
            ),
        ]
        indexes = [
            # The audit page: newest entries of an object.
            models.Index(fields=["organization", "entity_type", "entity_id"], name="accounts_audit_entity"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.entity_type} {self.entity_id}"
