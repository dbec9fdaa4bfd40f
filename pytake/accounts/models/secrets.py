"""Values that must never be read by accident."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from pytake.infra.tenant_models import TenantManager, TenantRow


class Secret(TenantRow):
    """A named, encrypted value that flows and integrations refer to by name."""

    class Provider(models.TextChoices):
        """Who holds the key."""

        FERNET = "fernet", "Fernet"
        AWS_KMS = "aws_kms", "AWS KMS"
        VAULT = "vault", "Vault"

    class Scope(models.TextChoices):
        """Where the name is known."""

        ORGANIZATION = "organization", _("Organization")
        CHATBOT = "chatbot", _("Chatbot")

    chatbot = models.ForeignKey("flows.Chatbot", on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    name = models.CharField(_("name"), max_length=64)
    display_name = models.CharField(_("display name"), max_length=120, blank=True)
    description = models.TextField(_("description"), blank=True)
    encrypted_value = models.BinaryField(editable=False)
    encryption_provider = models.CharField(max_length=8, choices=Provider, default=Provider.FERNET)
    encryption_key_id = models.CharField(max_length=64, blank=True)
    encryption_metadata = models.JSONField(default=dict, blank=True)
    scope = models.CharField(_("scope"), max_length=12, choices=Scope, default=Scope.ORGANIZATION)
    is_active = models.BooleanField(_("active"), default=True)
    metadata = models.JSONField(default=dict, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    usage_count = models.BigIntegerField(_("uses"), default=0, editable=False)

    objects = TenantManager()

    class Meta:
        verbose_name = _("secret")
        verbose_name_plural = _("secrets")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "chatbot", "name"],
                name="accounts_secret_name_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=Q(name__regex=r"^[a-z0-9_]{1,64}$"), name="accounts_secret_name_is_plain"),
            models.CheckConstraint(
                condition=Q(scope="chatbot", chatbot__isnull=False) | Q(scope="organization", chatbot__isnull=True),
                name="accounts_secret_chatbot_iff_scope",
            ),
        ]

    def __str__(self) -> str:
        return self.name
