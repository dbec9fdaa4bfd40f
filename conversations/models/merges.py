"""Two contacts that are one person: what points to it, and what was done about it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from pytake.infra.ids import new_id
from pytake.infra.tenant_models import TenantManager, TenantRow


class ContactMatch(TenantRow):
    """Evidence that two contacts are one: addresses of both came in one payload of the provider."""

    class State(models.TextChoices):
        """What was decided."""

        PENDING = "pending", _("Waiting")
        MERGED = "merged", _("Merged")
        FAILED = "failed", _("Could not be merged")

    first = models.ForeignKey("conversations.Contact", on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey("conversations.Contact", on_delete=models.CASCADE, related_name="+")
    evidence = models.JSONField(default=dict)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.PENDING)

    objects = TenantManager()

    class Meta:
        verbose_name = _("match of contacts")
        verbose_name_plural = _("matches of contacts")
        constraints = [
            models.UniqueConstraint(
                fields=["first", "second"], condition=Q(state="pending"), name="conversations_match_once"
            ),
            models.CheckConstraint(condition=~Q(first=F("second")), name="conversations_match_of_two"),
        ]
        indexes = [
            # What waits for the task.
            models.Index(fields=["state"], condition=Q(state="pending"), name="conversations_match_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} = {self.second_id}"


class ContactMerge(models.Model):
    """A merge, with all that is needed to undo it; append-only. An undo is a row of its own."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(_("at"))
    kept_contact = models.ForeignKey("conversations.Contact", on_delete=models.CASCADE, related_name="merges")
    merged_contact_id = models.UUIDField()
    reason = models.CharField(_("reason"), max_length=255, blank=True)
    evidence = models.JSONField(default=dict)
    moved = models.JSONField(default=dict)
    performed_by = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, null=True, related_name="+", db_constraint=False, db_index=False
    )
    undo_of = models.OneToOneField("self", on_delete=models.CASCADE, null=True, related_name="undone_by")

    objects = TenantManager()

    class Meta:
        verbose_name = _("merge of contacts")
        verbose_name_plural = _("merges of contacts")
        indexes = [
            # Where the page of a merged contact leads.
            models.Index(fields=["merged_contact_id"], name="conversations_merge_gone"),
        ]

    def __str__(self) -> str:
        return f"{self.merged_contact_id} → {self.kept_contact_id}"
