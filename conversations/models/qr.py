"""The pairing of a number by QR code, as the connect page shows it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from pytake.infra.tenant_models import TenantManager, TenantRow


class QrLink(TenantRow):
    """What is known of the attempt to pair a number: the code of the moment, and how it ended.

    `code` is a credential for as long as it lasts: whoever scans it links a phone. It is shown to those who may manage
    numbers, and forgotten as soon as the attempt is over.
    """

    class Problem(models.TextChoices):
        """Why there is no code to scan, or no connection any more."""

        NONE = "", _("none")
        LIMIT = "limit", _("No phone scanned the code in time")
        LOGGED_OUT = "logged_out", _("The phone removed the connected device")
        FORBIDDEN = "forbidden", _("WhatsApp refused the number")
        UNREACHABLE = "unreachable", _("The server did not answer")
        KEY = "key", _("The server refused the key")
        OTHER_PHONE = "other_phone", _("Another phone was connected")
        SERVER = "server", _("The server answered with an error")

    number = models.OneToOneField("conversations.WhatsAppNumber", on_delete=models.CASCADE, related_name="qr_link")
    code = models.TextField(blank=True)
    pairing_code = models.CharField(_("pairing code"), max_length=16, blank=True)
    codes_shown = models.PositiveSmallIntegerField(default=0)
    code_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    # When the server was last asked for the state: webhooks may be lost.
    checked_at = models.DateTimeField(null=True, blank=True)
    # When the state that we know was true, by the server's clock: events overtake each other.
    state_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(_("problem"), max_length=12, choices=Problem, default=Problem.NONE, blank=True)
    # Since when the phone has been linked without a break: the age that warms the number up.
    linked_since = models.DateTimeField(null=True, blank=True)

    objects = TenantManager()

    class Meta:
        verbose_name = _("QR connection")
        verbose_name_plural = _("QR connections")

    def __str__(self) -> str:
        return str(self.number_id)
