"""The ledger of consent: who agreed to what, who took it back, and how that is known."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from pytake.infra.ids import new_id
from pytake.infra.tenant_models import TenantManager


class ConsentEvent(models.Model):
    """One opt-in or opt-out; append-only. The newest of a contact, purpose and number is the state."""

    class Purpose(models.TextChoices):
        """What the person agrees to."""

        MARKETING = "marketing", _("Promotions")
        UTILITY = "utility", _("Automatic messages")
        SURVEY = "survey", _("Surveys")

    class Action(models.TextChoices):
        """What happened to the consent."""

        OPT_IN = "opt_in", _("Given")
        OPT_OUT = "opt_out", _("Withdrawn")
        STOP = "stop", _("Stopped in WhatsApp")
        RESUME = "resume", _("Resumed in WhatsApp")
        EXPIRE = "expire", _("Expired")

    class Source(models.TextChoices):
        """How it came."""

        FORM = "form", _("Form")
        IMPORT = "import", _("Import")
        AGENT = "agent", _("Agent")
        KEYWORD = "keyword", _("Customer's message")
        FLOW = "flow", _("Flow")
        API = "api", "API"
        PROVIDER = "provider", "WhatsApp"
        AD = "ad", _("Ad")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()
    contact = models.ForeignKey(
        "conversations.Contact", on_delete=models.CASCADE, related_name="consents", db_index=False
    )
    # Empty: for all numbers of the organization.
    number = models.ForeignKey(
        "conversations.WhatsAppNumber", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    purpose = models.CharField(_("purpose"), max_length=10, choices=Purpose)
    action = models.CharField(_("consent"), max_length=8, choices=Action)
    source = models.CharField(_("source"), max_length=10, choices=Source)
    legal_basis = models.CharField(_("legal basis"), max_length=40, default="consent")
    wording_version = models.CharField(_("wording"), max_length=20, blank=True)
    evidence = models.JSONField(_("evidence"), default=dict)
    actor_user = models.ForeignKey(
        "accounts.User",
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("recorded by"),
        db_constraint=False,
        db_index=False,
    )
    occurred_at = models.DateTimeField(_("at"))
    # What was recorded once is not recorded again: the message, or the provider's notice.
    dedupe_key = models.CharField(max_length=128, null=True, editable=False)

    objects = TenantManager()

    class Meta:
        verbose_name = _("consent event")
        verbose_name_plural = _("consent events")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "dedupe_key"],
                condition=Q(dedupe_key__isnull=False),
                name="conversations_consent_once",
            ),
        ]
        indexes = [
            # A contact's history, newest first, and its state.
            models.Index(fields=["contact", "-occurred_at"], name="conversations_consent_line"),
            # Who asked to stop lately, in the health of numbers.
            models.Index(fields=["organization", "-occurred_at"], name="conversations_consent_lately"),
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()}: {self.get_action_display()}"
