"""Flows and their immutable published versions."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from pytake.infra.ids import new_id
from pytake.infra.tenant_models import TenantManager, TenantQuerySet, TenantRow


class FlowQuerySet(TenantQuerySet["Flow"]):
    """Flows of an organization."""

    def alive(self) -> FlowQuerySet:
        """Leave out deleted flows."""
        return self.filter(deleted_at__isnull=True)


class Flow(TenantRow):
    """A graph of nodes: one draft that people edit, many published versions that sessions run."""

    chatbot = models.ForeignKey("flows.Chatbot", on_delete=models.CASCADE, related_name="flows")
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), blank=True)
    is_main = models.BooleanField(_("main flow"), default=False)
    is_fallback = models.BooleanField(_("fallback flow"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    draft = models.JSONField(_("draft"), default=dict, blank=True)
    draft_version = models.PositiveIntegerField(default=0)
    draft_updated_at = models.DateTimeField(null=True, blank=True)
    draft_updated_by = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    published_version = models.ForeignKey(
        "flows.FlowVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    version = models.PositiveIntegerField(_("versions"), default=0)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TenantManager.from_queryset(FlowQuerySet)()

    class Meta:
        verbose_name = _("flow")
        verbose_name_plural = _("flows")
        constraints = [
            models.UniqueConstraint(
                fields=["chatbot"], condition=Q(is_main=True, deleted_at__isnull=True), name="flows_flow_one_main"
            ),
            models.UniqueConstraint(
                fields=["chatbot"],
                condition=Q(is_fallback=True, deleted_at__isnull=True),
                name="flows_flow_one_fallback",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class FlowVersion(models.Model):
    """A published graph. The database refuses to change or delete it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()
    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    graph = models.JSONField(_("graph"))
    graph_hash = models.CharField(max_length=64)
    schema_version = models.CharField(max_length=24)
    note = models.CharField(_("note"), max_length=255, blank=True)
    published_by = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, null=True, related_name="+", db_constraint=False
    )
    published_at = models.DateTimeField(_("published"))
    lint_report = models.JSONField(default=list)

    objects = TenantManager()

    class Meta:
        verbose_name = _("flow version")
        verbose_name_plural = _("flow versions")
        constraints = [models.UniqueConstraint(fields=["flow", "number"], name="flows_flowversion_once")]

    def __str__(self) -> str:
        return f"v{self.number}"
