"""WhatsApp senders of an organization."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from pytake.infra.tenant_models import TenantManager, TenantQuerySet, TenantRow


class WhatsAppNumberQuerySet(TenantQuerySet["WhatsAppNumber"]):
    """Numbers of an organization."""

    def alive(self) -> WhatsAppNumberQuerySet:
        """Leave out deleted numbers."""
        return self.filter(deleted_at__isnull=True)


class WhatsAppNumber(TenantRow):
    """One WhatsApp sender. Secrets are envelopes of `pytake.infra.crypto`, never plain text."""

    class ConnectionType(models.TextChoices):
        """Which provider carries the messages."""

        OFFICIAL = "official", _("Official (Cloud API)")
        QRCODE = "qrcode", _("QR code (Evolution API)")

    class Status(models.TextChoices):
        """State of the connection."""

        CONNECTED = "connected", _("Connected")
        DISCONNECTED = "disconnected", _("Disconnected")
        PENDING = "pending", _("Pending")
        CONNECTING = "connecting", _("Connecting")
        ERROR = "error", _("Error")

    class Health(models.TextChoices):
        """Whether sends are expected to work."""

        OK = "ok", _("Well")
        DEGRADED = "degraded", _("Degraded")
        BLOCKED = "blocked", _("Blocked")

    class Risk(models.TextChoices):
        """How near the number is to being limited or banned."""

        LOW = "low", _("Low")
        MEDIUM = "medium", _("Medium")
        HIGH = "high", _("High")

    connection_type = models.CharField(
        _("connection"), max_length=8, choices=ConnectionType, default=ConnectionType.OFFICIAL
    )
    phone_number = models.CharField(_("phone number"), max_length=20, help_text=_("Digits with country code."))
    display_name = models.CharField(_("display name"), max_length=120)
    is_active = models.BooleanField(_("active"), default=True)

    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.PENDING)
    status_reason = models.CharField(_("reason"), max_length=255, blank=True)
    connected_at = models.DateTimeField(_("connected since"), null=True, blank=True)
    last_seen_at = models.DateTimeField(_("last seen"), null=True, blank=True)
    health_state = models.CharField(_("health"), max_length=8, choices=Health, default=Health.OK)
    health_reasons = models.JSONField(_("health reasons"), default=list, blank=True)
    quality_rating = models.CharField(_("quality"), max_length=8, default="UNKNOWN", blank=True)
    messaging_limit_tier = models.CharField(_("messaging limit"), max_length=24, blank=True)
    throughput_level = models.CharField(_("throughput"), max_length=16, blank=True)
    business_portfolio_id = models.CharField(_("business portfolio"), max_length=32, blank=True)
    verified_name = models.CharField(_("name shown by WhatsApp"), max_length=120, blank=True)
    name_state = models.CharField(_("state of the name"), max_length=32, blank=True)
    # What the account may not do at present: [{"type": …, "until": ISO instant or ""}].
    restrictions = models.JSONField(default=list, blank=True, editable=False)
    health_checked_at = models.DateTimeField(_("health checked"), null=True, blank=True, editable=False)
    # When the provider showed that the credentials are the number's: before that it takes no webhooks.
    verified_at = models.DateTimeField(_("ownership proven"), null=True, blank=True, editable=False)
    token_expires_at = models.DateTimeField(_("token expires"), null=True, blank=True, editable=False)
    # Page of the business in WhatsApp, as last read or written.
    profile = models.JSONField(default=dict, blank=True, editable=False)

    risk_level = models.CharField(_("risk"), max_length=6, choices=Risk, default=Risk.LOW, editable=False)
    # [{"code": …, "level": …, …}], see `conversations.health.risk`.
    risk_reasons = models.JSONField(default=list, blank=True, editable=False)
    # While set, automations and campaigns wait; people and bots go on answering.
    braked_at = models.DateTimeField(_("automatic sends held since"), null=True, blank=True, editable=False)
    # Released by a person: held again only after the risk has been below high in between.
    brake_released_at = models.DateTimeField(null=True, blank=True, editable=False)

    phone_number_id = models.CharField(_("phone number id"), max_length=32, null=True, blank=True, unique=True)
    whatsapp_business_account_id = models.CharField(_("business account id"), max_length=32, blank=True)
    access_token_envelope = models.TextField(blank=True, editable=False)
    # JSON list of envelopes: the current app secret first, then previous ones.
    app_secret_envelopes = models.JSONField(default=list, blank=True, editable=False)
    verify_token_envelope = models.TextField(blank=True, editable=False)

    # Numbers paired by QR code: the session at a server that runs Evolution API.
    evolution_instance_name = models.CharField(
        _("instance"), max_length=80, null=True, blank=True, unique=True, editable=False
    )
    evolution_api_url = models.URLField(_("server"), max_length=255, blank=True, editable=False)
    evolution_api_key_envelope = models.TextField(blank=True, editable=False)
    evolution_webhook_key_envelope = models.TextField(blank=True, editable=False)

    default_chatbot = models.ForeignKey(
        "flows.Chatbot",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("default chatbot"),
    )
    default_flow = models.ForeignKey(
        "flows.Flow",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("default flow"),
    )
    default_department = models.ForeignKey(
        "conversations.Department",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("default department"),
    )
    is_fallback = models.BooleanField(_("fallback number"), default=False)
    settings = models.JSONField(_("settings"), default=dict, blank=True)

    # Outgoing messages allowed; 0 = no limit of that kind.
    limit_per_second = models.PositiveIntegerField(_("messages per second"), default=70)
    limit_per_minute = models.PositiveIntegerField(_("messages per minute"), default=20)
    limit_per_hour = models.PositiveIntegerField(_("messages per hour"), default=100)
    limit_per_day = models.PositiveIntegerField(_("messages per day"), default=500)
    min_gap_ms = models.PositiveIntegerField(_("gap between messages (ms)"), default=0)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TenantManager.from_queryset(WhatsAppNumberQuerySet)()

    class Meta:
        verbose_name = _("WhatsApp number")
        verbose_name_plural = _("WhatsApp numbers")
        constraints = [
            models.UniqueConstraint(
                fields=["organization"],
                condition=Q(is_fallback=True, deleted_at__isnull=True),
                name="conversations_number_one_fallback",
            ),
            models.CheckConstraint(
                condition=Q(connection_type__in=["official", "qrcode"]),
                name="conversations_number_connection_is_known",
            ),
        ]

    def __str__(self) -> str:
        # A number that waits for its first phone has no digits yet.
        return f"{self.display_name} (+{self.phone_number})" if self.phone_number else self.display_name

    @property
    def is_qr(self) -> bool:
        """Return whether it is paired by QR code."""
        return self.connection_type == self.ConnectionType.QRCODE


class NumberEvent(models.Model):
    """Something that happened to a number: told by the provider, done by a person or by PyTake. Append-only."""

    class Severity(models.TextChoices):
        """Whether people must look."""

        INFO = "info", _("Notice")
        WARNING = "warning", _("Warning")
        CRITICAL = "critical", _("Critical")

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    number = models.ForeignKey(WhatsAppNumber, on_delete=models.CASCADE, related_name="events", db_index=False)
    occurred_at = models.DateTimeField(_("at"))
    created_at = models.DateTimeField(auto_now_add=True)
    # The provider's field (`account_update`, …), or ours (`brake`, `connection`, `credentials`).
    kind = models.CharField(_("kind"), max_length=40)
    severity = models.CharField(_("severity"), max_length=8, choices=Severity, default=Severity.INFO)
    data = models.JSONField(default=dict)
    actor_user = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False, db_constraint=False
    )
    dedupe_key = models.CharField(max_length=128, null=True, editable=False)
    # When people were told by mail of what is serious.
    told_at = models.DateTimeField(_("told at"), null=True, editable=False)

    objects = TenantManager()

    class Meta:
        verbose_name = _("event of a number")
        verbose_name_plural = _("events of numbers")
        constraints = [
            models.UniqueConstraint(
                fields=["number", "dedupe_key"],
                condition=Q(dedupe_key__isnull=False),
                name="conversations_number_event_once",
            ),
        ]
        indexes = [
            models.Index(fields=["number", "-occurred_at"], name="conversations_number_line"),
            models.Index(
                fields=["organization"],
                condition=Q(severity="critical", told_at__isnull=True),
                name="conversations_number_to_tell",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} ({self.get_severity_display()})"
