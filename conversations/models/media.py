"""Files that came with messages: where each is, and how far fetching it has come."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from pytake.infra.tenant_models import TenantManager, TenantRow


class MediaFile(TenantRow):
    """A media object of a message. The row is the queue: `pending` rows are fetched when due.

    `due_at` is also the lease: whoever takes the row moves it into the future, so that a row whose worker died comes
    up again. `storage_key` is chosen and committed before anything is stored; nothing can lie there unknown.
    """

    class State(models.TextChoices):
        """What is known of the file."""

        PENDING = "pending", _("On its way")
        STORED = "stored", _("Stored")
        EXPIRED = "expired", _("Expired")
        FAILED = "failed", _("Failed")
        ERASED = "erased", _("Erased")

    message = models.OneToOneField("conversations.Message", on_delete=models.CASCADE, related_name="media")
    number = models.ForeignKey(
        "conversations.WhatsAppNumber", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.PENDING)
    provider_media_id = models.CharField(max_length=255, blank=True)
    # What was announced, and what the bytes say.
    declared_type = models.CharField(_("announced type"), max_length=150, blank=True)
    mime_type = models.CharField(_("type"), max_length=150, blank=True)
    filename = models.CharField(_("file name"), max_length=150, blank=True)
    size = models.BigIntegerField(_("size"), null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    storage_key = models.CharField(max_length=200, blank=True)
    expires_at = models.DateTimeField(_("expires"))
    due_at = models.DateTimeField(_("next attempt"))
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    claim_token = models.UUIDField(null=True, blank=True)
    error_code = models.CharField(_("error"), max_length=40, blank=True)
    error_detail = models.CharField(_("reason"), max_length=255, blank=True)

    objects = TenantManager()

    class Meta:
        verbose_name = _("media file")
        verbose_name_plural = _("media files")
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="pending"), name="conversations_media_due"),
        ]

    def __str__(self) -> str:
        return f"{self.filename or self.mime_type or self.declared_type} ({self.get_state_display()})"


class SharedFile(TenantRow):
    """A file of the organization that can be sent, once in the storage however often it is sent."""

    # The kind of message it becomes: image, video, audio, voice, document, sticker.
    kind = models.CharField(_("kind"), max_length=8)
    mime_type = models.CharField(_("type"), max_length=150)
    filename = models.CharField(_("file name"), max_length=150)
    size = models.BigIntegerField(_("size"))
    sha256 = models.CharField(max_length=64)
    storage_key = models.CharField(max_length=200)
    added_by = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )

    objects = TenantManager()

    class Meta:
        verbose_name = _("file to send")
        verbose_name_plural = _("files to send")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "sha256", "filename", "kind"], name="conversations_file_once"
            ),
        ]

    def __str__(self) -> str:
        return self.filename


class MediaUpload(TenantRow):
    """A file's way to the provider, for one number. The row is the queue, and `due_at` also the lease."""

    class State(models.TextChoices):
        """What is known of it."""

        PENDING = "pending", _("On its way")
        READY = "ready", _("With WhatsApp")
        FAILED = "failed", _("Failed")

    file = models.ForeignKey(SharedFile, on_delete=models.CASCADE, related_name="uploads", db_index=False)
    number = models.ForeignKey(
        "conversations.WhatsAppNumber", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.PENDING)
    provider_media_id = models.CharField(max_length=255, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    due_at = models.DateTimeField(_("next attempt"))
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    claim_token = models.UUIDField(null=True, blank=True)
    error_code = models.CharField(_("error"), max_length=40, blank=True)
    error_detail = models.CharField(_("reason"), max_length=255, blank=True)

    objects = TenantManager()

    class Meta:
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        constraints = [
            models.UniqueConstraint(fields=["file", "number"], name="conversations_upload_once"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="pending"), name="conversations_upload_due"),
        ]

    def __str__(self) -> str:
        return f"{self.file_id} ({self.get_state_display()})"
