"""Imports of contacts: the file's rows and what became of each. Rows are the queue; the file is not kept."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from pytake.infra.tenant_models import TenantManager, TenantRow


class ContactImport(TenantRow):
    """A file of contacts, from the upload to its report."""

    class State(models.TextChoices):
        """How far it is."""

        DRAFT = "draft", _("Not started")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Cancelled")
        UNDONE = "undone", _("Undone")

    created_by = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("imported by")
    )
    filename = models.CharField(_("file"), max_length=200)
    # How the file was read: kind, encoding, delimiter, sheet.
    reading = models.JSONField(default=dict)
    headers = models.JSONField(default=list)
    # Column number (as text) → field: phone, name, …, tags, custom:<key>.
    mapping = models.JSONField(default=dict)
    # What happens to known contacts, the tags for all, the legal basis and its evidence.
    options = models.JSONField(default=dict)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT)
    rows_total = models.PositiveIntegerField(_("rows"), default=0)
    rows_created = models.PositiveIntegerField(_("new"), default=0)
    rows_updated = models.PositiveIntegerField(_("updated"), default=0)
    rows_unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    rows_refused = models.PositiveIntegerField(_("refused"), default=0)
    rows_removed = models.PositiveIntegerField(_("removed by undo"), default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = TenantManager()

    class Meta:
        verbose_name = _("contact import")
        verbose_name_plural = _("contact imports")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["draft", "running", "done", "cancelled", "undone"]),
                name="conversations_import_state_is_known",
            ),
        ]
        indexes = [
            # The tick that takes up imports whose worker died.
            models.Index(fields=["state"], condition=models.Q(state="running"), name="conversations_import_running"),
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def rows_done(self) -> int:
        """Return how many rows have an outcome."""
        return self.rows_created + self.rows_updated + self.rows_unchanged + self.rows_refused

    @property
    def percent(self) -> int:
        """Return the progress in whole percents."""
        return 100 * self.rows_done // self.rows_total if self.rows_total else 100


class ContactImportRow(models.Model):
    """A row of the file and its outcome; empty while it waits."""

    class Outcome(models.TextChoices):
        """What became of it."""

        CREATED = "created", _("New contact")
        UPDATED = "updated", _("Updated")
        UNCHANGED = "unchanged", _("Already like this")
        REFUSED = "refused", _("Refused")

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    job = models.ForeignKey(ContactImport, on_delete=models.CASCADE, related_name="rows", db_index=False)
    row_number = models.PositiveIntegerField()
    values: models.JSONField[Any] = models.JSONField(default=list)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    problem = models.CharField(max_length=24, blank=True)
    contact = models.ForeignKey(
        "conversations.Contact", on_delete=models.SET_NULL, null=True, related_name="+", db_constraint=False
    )

    objects = TenantManager()

    class Meta:
        verbose_name = _("row of an import")
        verbose_name_plural = _("rows of imports")
        constraints = [models.UniqueConstraint(fields=["job", "row_number"], name="conversations_importrow_once")]
        indexes = [
            # What waits, in the order of the file.
            models.Index(
                fields=["job", "row_number"], condition=models.Q(outcome=""), name="conversations_import_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job_id}: {self.row_number}"
