"""Message templates of WhatsApp Business Accounts, what happened to each, and how far reading them has come."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from pytake.infra.tenant_models import TenantManager, TenantQuerySet, TenantRow


class WhatsAppTemplateQuerySet(TenantQuerySet["WhatsAppTemplate"]):
    """Templates of an organization."""

    def alive(self) -> WhatsAppTemplateQuerySet:
        """Leave out deleted templates."""
        return self.filter(deleted_at__isnull=True)

    def usable(self) -> WhatsAppTemplateQuerySet:
        """Return those that may be sent: approved and not switched off."""
        return self.alive().filter(status=WhatsAppTemplate.Status.APPROVED, is_enabled=True)


class WhatsAppTemplate(TenantRow):
    """A message that WhatsApp approves beforehand, in one language; shared by all numbers of its account.

    `components` are in the provider's words. `status_at` and `quality_at` are the provider's own times of the newest
    notice: an older one that comes later changes nothing.
    """

    class Status(models.TextChoices):
        """What the provider says; what we do not know is kept in `status_raw` and counts as disabled."""

        DRAFT = "DRAFT", _("Draft")
        PENDING = "PENDING", _("In review")
        APPROVED = "APPROVED", _("Approved")
        REJECTED = "REJECTED", _("Rejected")
        PAUSED = "PAUSED", _("Paused")
        DISABLED = "DISABLED", _("Disabled")
        DELETED = "DELETED", _("Deleted")

    class Category(models.TextChoices):
        """What it is for; decides price and consent."""

        MARKETING = "MARKETING", _("Marketing")
        UTILITY = "UTILITY", _("Utility")
        AUTHENTICATION = "AUTHENTICATION", _("Authentication")

    class Quality(models.TextChoices):
        """What recipients think of it."""

        GREEN = "GREEN", _("High quality")
        YELLOW = "YELLOW", _("Medium quality")
        RED = "RED", _("Low quality")
        UNKNOWN = "UNKNOWN", _("No quality yet")

    class ParameterFormat(models.TextChoices):
        """How its variables are called."""

        POSITIONAL = "POSITIONAL", _("Numbers: {{1}}, {{2}}")
        NAMED = "NAMED", _("Names: {{name}}, {{date}}")

    account_id = models.CharField(_("business account id"), max_length=32)
    meta_template_id = models.CharField(_("template id"), max_length=32, blank=True)
    name = models.CharField(_("name"), max_length=512)
    language = models.CharField(_("language"), max_length=12, default="pt_BR")
    category = models.CharField(_("category"), max_length=16, choices=Category)
    # Announced by the provider: from `category_changes_at` on it will be this one.
    next_category = models.CharField(max_length=16, choices=Category, blank=True)
    category_changes_at = models.DateTimeField(null=True, blank=True)
    parameter_format = models.CharField(
        _("variables"), max_length=10, choices=ParameterFormat, default=ParameterFormat.POSITIONAL
    )
    components = models.JSONField(_("content"), default=list)
    body_text = models.TextField(_("text"), blank=True)
    header_type = models.CharField(_("header"), max_length=10, blank=True)

    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.DRAFT)
    status_raw = models.CharField(max_length=40, blank=True)
    status_at = models.DateTimeField(null=True, blank=True)
    rejected_reason = models.CharField(_("reason"), max_length=255, blank=True)
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    rejected_at = models.DateTimeField(_("rejected"), null=True, blank=True)
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    quality_score = models.CharField(_("quality"), max_length=8, choices=Quality, default=Quality.UNKNOWN)
    quality_at = models.DateTimeField(null=True, blank=True)

    is_enabled = models.BooleanField(_("may be used"), default=True)
    is_system_template = models.BooleanField(default=False, editable=False)
    submitted_at = models.DateTimeField(_("submitted"), null=True, blank=True)
    last_synced_at = models.DateTimeField(_("last synchronised"), null=True, blank=True)
    created_by = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TenantManager.from_queryset(WhatsAppTemplateQuerySet)()

    class Meta:
        verbose_name = _("message template")
        verbose_name_plural = _("message templates")
        indexes = [
            models.Index(
                fields=["organization", "meta_template_id"],
                condition=~Q(meta_template_id=""),
                name="conversations_template_meta",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "account_id", "name", "language"],
                condition=Q(deleted_at__isnull=True),
                name="conversations_template_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"

    @property
    def is_usable(self) -> bool:
        """Return whether it may be sent now."""
        return self.status == self.Status.APPROVED and self.is_enabled and self.deleted_at is None

    def set_components(self, components: list[dict[str, Any]]) -> None:
        """Replace the content, and what lists read of it. Does not save."""
        by_type = {str(part.get("type", "")).upper(): part for part in components}
        self.components = components
        self.body_text = str(by_type.get("BODY", {}).get("text") or "")
        header = by_type.get("HEADER")
        self.header_type = str(header.get("format") or "TEXT").upper()[:10] if header else ""


class WhatsAppTemplateEvent(models.Model):
    """Something that happened to a template, never changed. `told_at` is when people were told of it."""

    class Kind(models.TextChoices):
        """What changed."""

        STATUS = "status", _("Status")
        QUALITY = "quality", _("Quality")
        CATEGORY = "category", _("Category")
        CONTENT = "content", _("Content")
        ENABLED = "enabled", _("Use")

    class Source(models.TextChoices):
        """Where we know it from."""

        WEBHOOK = "webhook", _("Notice from WhatsApp")
        SYNC = "sync", _("Synchronisation")
        PERSON = "person", _("Person")

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    # The migration adds the constraint by hand, with the organization in it.
    template = models.ForeignKey(
        WhatsAppTemplate, on_delete=models.CASCADE, related_name="events", db_index=False, db_constraint=False
    )
    kind = models.CharField(_("what"), max_length=8, choices=Kind)
    source = models.CharField(_("source"), max_length=8, choices=Source)
    old = models.CharField(max_length=40, blank=True)
    new = models.CharField(max_length=40, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    actor_label = models.CharField(max_length=150, blank=True)
    occurred_at = models.DateTimeField(_("at"))
    told_at = models.DateTimeField(null=True, blank=True)
    dedupe_key = models.CharField(max_length=128, null=True)

    objects = TenantManager()

    class Meta:
        verbose_name = _("template event")
        verbose_name_plural = _("template events")
        indexes = [
            models.Index(fields=["template", "-occurred_at"], name="conversations_template_line"),
            models.Index(fields=["id"], condition=Q(told_at__isnull=True), name="conversations_template_untold"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "dedupe_key"],
                condition=Q(dedupe_key__isnull=False),
                name="conversations_template_event_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.old} → {self.new}"


class TemplateSync(TenantRow):
    """Reading the templates of one business account. The row is the queue: it is worked on when `due_at` has come.

    While a run lasts, `run_started_at` is set and `cursor` says how far it came, so that another worker goes on where
    one stopped. `due_at` is also the lease.
    """

    account_id = models.CharField(_("business account id"), max_length=32)
    due_at = models.DateTimeField(_("next run"))
    run_started_at = models.DateTimeField(null=True, blank=True)
    cursor = models.CharField(max_length=1000, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    seen = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(_("last synchronised"), null=True, blank=True)
    error_code = models.CharField(_("error"), max_length=40, blank=True)
    error_detail = models.CharField(_("reason"), max_length=500, blank=True)

    objects = TenantManager()

    class Meta:
        verbose_name = _("template synchronisation")
        verbose_name_plural = _("template synchronisations")
        indexes = [models.Index(fields=["due_at"], name="conversations_templatesync_due")]
        constraints = [
            models.UniqueConstraint(fields=["organization", "account_id"], name="conversations_templatesync_once")
        ]

    def __str__(self) -> str:
        return self.account_id
