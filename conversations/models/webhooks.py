"""What providers posted to us: the raw bytes first, then the items that need a second look."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from pytake.infra.tenant_models import TenantManager


class WebhookEvent(models.Model):
    """One POST, stored before it is answered. The bytes never change; `state` says whether items were read.

    `number` is the first number that the body names and that owns the verified secret; null when
    the body names none we know.
    """

    EVOLUTION = "evolution"

    class State(models.TextChoices):
        """Where processing stands."""

        NEW = "new", _("New")
        DONE = "done", _("Processed")
        DEAD = "dead", _("Unreadable")

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, null=True, related_name="+", db_index=False
    )
    number = models.ForeignKey("conversations.WhatsAppNumber", on_delete=models.SET_NULL, null=True, related_name="+")
    provider = models.CharField(max_length=12, default="cloud_api")
    raw_body = models.BinaryField()
    headers = models.JSONField(default=dict)
    # Ids of the numbers whose secret verified the signature; changes of other numbers are set aside.
    verified_number_ids = models.JSONField(default=list)
    received_at = models.DateTimeField()
    state = models.CharField(max_length=5, choices=State, default=State.NEW)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)

    objects = TenantManager()

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        indexes = [
            # Deliveries to process, oldest first, by number.
            models.Index(fields=["number", "id"], condition=Q(state="new"), name="conversations_webhook_new"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.pk}"


class WebhookItem(models.Model):
    """An item of a delivery that could not be turned into a message or status at once.

    Unknown numbers, fields and types are `parked` whole; items whose processing failed are `dead`
    after their attempts. Nothing is dropped.
    """

    class State(models.TextChoices):
        """Where processing stands."""

        PENDING = "pending", _("To be tried again")
        PARKED = "parked", _("Set aside")
        DONE = "done", _("Processed")
        DEAD = "dead", _("Failed for good")

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, null=True, related_name="+", db_index=False
    )
    event = models.ForeignKey(WebhookEvent, on_delete=models.CASCADE, related_name="items", db_constraint=False)
    number = models.ForeignKey("conversations.WhatsAppNumber", on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    kind = models.CharField(max_length=12)
    dedupe_key = models.CharField(max_length=128, unique=True)
    payload = models.JSONField()
    state = models.CharField(max_length=8, choices=State, default=State.PARKED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    objects = TenantManager()

    class Meta:
        verbose_name = _("webhook item")
        verbose_name_plural = _("webhook items")
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=Q(state="pending"), name="conversations_item_pending"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} ({self.get_state_display()})"
