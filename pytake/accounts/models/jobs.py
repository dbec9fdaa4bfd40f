"""Requests that must not be carried out twice, and jobs that gave up."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from pytake.infra.tenant_models import Row, TenantManager, TenantRow


class IdempotencyRecord(TenantRow):
    """The first answer to a POST with an `Idempotency-Key`, kept for 24 hours."""

    class State(models.TextChoices):
        """Whether the first request has been answered."""

        IN_PROGRESS = "in_progress", _("In progress")
        DONE = "done", _("Done")

    actor = models.CharField(max_length=80)
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=255)
    key = models.CharField(max_length=128)
    request_hash = models.CharField(max_length=64)
    state = models.CharField(max_length=12, choices=State, default=State.IN_PROGRESS)
    response_status = models.PositiveSmallIntegerField(null=True)
    response_body = models.JSONField(null=True)
    expires_at = models.DateTimeField(db_index=True)

    objects = TenantManager()

    class Meta:
        verbose_name = _("idempotency record")
        verbose_name_plural = _("idempotency records")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "actor", "method", "path", "key"],
                name="accounts_idempotencyrecord_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.key}"


class FailedJob(Row):
    """A background job that used up its attempts (dead letter)."""

    class Status(models.TextChoices):
        """What people decided about it."""

        DEAD = "dead", _("Failed for good")
        REQUEUED = "requeued", _("Queued again")
        DISCARDED = "discarded", _("Discarded")

    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, null=True, related_name="+")
    task_name = models.CharField(_("task"), max_length=120)
    queue = models.CharField(_("queue"), max_length=40, blank=True)
    args = models.JSONField(default=dict)
    object_type = models.CharField(max_length=64, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    error_class = models.CharField(_("error"), max_length=120)
    error_message = models.TextField(_("message"), blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=1)
    first_failed_at = models.DateTimeField(_("first failed"))
    last_failed_at = models.DateTimeField(_("last failed"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.DEAD)
    resolved_by = models.ForeignKey("accounts.User", on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        verbose_name = _("failed job")
        verbose_name_plural = _("failed jobs")

    def __str__(self) -> str:
        return f"{self.task_name}: {self.error_class}"
