"""Where the sending of a number stands: its lane, and what has been switched off after failures."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.messages import Message
from pytake.infra.tenant_models import TenantManager, TenantQuerySet, TenantRow


class DeadLetter(Message):
    """A message that failed, or of which nobody knows whether it has arrived, as the page of failures shows it."""

    class Meta:
        proxy = True
        verbose_name = _("undelivered message")
        verbose_name_plural = _("undelivered messages")


class SendingLane(TenantRow):
    """A number's place in the round of the senders, and the limits that hold its messages back.

    Written once a turn by the one drain that has the number.
    """

    number = models.OneToOneField("conversations.WhatsAppNumber", on_delete=models.CASCADE, related_name="lane")
    served_at = models.DateTimeField(_("last turn"))
    # Nothing can leave before; the number is left out of the round until then.
    resting_until = models.DateTimeField(_("rests until"), null=True, blank=True)
    # {limit: {"until": instant, "at": instant, "count": messages put off in that turn}}
    limits = models.JSONField(_("limits"), default=dict, blank=True)

    objects = TenantManager()

    class Meta:
        verbose_name = _("sending lane")
        verbose_name_plural = _("sending lanes")

    def __str__(self) -> str:
        return str(self.number_id)


class CircuitBreakerQuerySet(TenantQuerySet["CircuitBreaker"]):
    """Breakers of an organization."""

    def holding(self) -> CircuitBreakerQuerySet:
        """Return those that hold messages back."""
        return self.exclude(state=CircuitBreaker.State.CLOSED)


class CircuitBreaker(TenantRow):
    """Stops sending to a scope after failures, tries one message now and then, and goes on when one gets through."""

    class Scope(models.TextChoices):
        """What is held back."""

        NUMBER = "number", _("Everything of the number")
        PROMOTIONS = "promotions", _("Automations and campaigns of the number")
        TEMPLATE = "template", _("A template")
        CAMPAIGN = "campaign", _("A campaign")

    class State(models.TextChoices):
        """Whether messages pass."""

        CLOSED = "closed", _("Sending")
        OPEN = "open", _("Stopped")
        HALF_OPEN = "half_open", _("Trying one message")

    number = models.ForeignKey("conversations.WhatsAppNumber", on_delete=models.CASCADE, related_name="breakers")
    scope = models.CharField(_("scope"), max_length=12, choices=Scope)
    # The template ("name/language") or the campaign; empty for a number.
    scope_key = models.CharField(_("of"), max_length=200, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.CLOSED)
    reason_code = models.CharField(_("reason"), max_length=40, blank=True)
    reason_detail = models.CharField(_("details"), max_length=500, blank=True)
    opened_at = models.DateTimeField(_("stopped at"), null=True, blank=True)
    # When one message is tried; never by itself while it is empty: somebody has to reset it.
    retry_at = models.DateTimeField(_("next try"), null=True, blank=True)
    probe_message = models.UUIDField(_("message tried"), null=True, blank=True)
    closed_at = models.DateTimeField(_("going on since"), null=True, blank=True)
    reset_at = models.DateTimeField(_("reset at"), null=True, blank=True)
    # Failures in a row, failed tries, and a window of sends that is halved when it is full.
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    reopenings = models.PositiveSmallIntegerField(_("failed tries"), default=0)
    sends = models.PositiveIntegerField(_("recent sends"), default=0)
    failed_sends = models.PositiveIntegerField(_("recent failures"), default=0)

    objects = TenantManager.from_queryset(CircuitBreakerQuerySet)()

    class Meta:
        verbose_name = _("circuit breaker")
        verbose_name_plural = _("circuit breakers")
        constraints = [
            models.UniqueConstraint(fields=["number", "scope", "scope_key"], name="conversations_breaker_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=["closed", "open", "half_open"]),
                name="conversations_breaker_state_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_scope_display()} {self.scope_key}".strip()
