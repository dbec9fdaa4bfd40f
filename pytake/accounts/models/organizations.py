"""Tenants, their plans, and how much of the plan is used."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from pytake.infra import tenancy
from pytake.infra.tenant_models import Row, TenantManager, TenantRow

UNLIMITED = -1


class Plan(Row):
    """What an organization may use. Data, not code: limits are edited in the admin; -1 is unlimited."""

    code = models.SlugField(_("code"), unique=True)
    name = models.CharField(_("name"), max_length=80)
    is_active = models.BooleanField(_("active"), default=True)
    currency = models.CharField(_("currency"), max_length=3, default="BRL")
    monthly_price = models.DecimalField(_("monthly price"), max_digits=12, decimal_places=4, null=True, blank=True)
    max_users = models.IntegerField(_("users"))
    max_chatbots = models.IntegerField(_("chatbots"))
    max_whatsapp_numbers = models.IntegerField(_("WhatsApp numbers"))
    max_contacts = models.IntegerField(_("contacts"))
    max_departments = models.IntegerField(_("departments"))
    monthly_message_limit = models.IntegerField(_("messages per month"))
    max_campaigns_per_month = models.IntegerField(_("campaigns per month"))
    bot_turns_per_minute = models.IntegerField(_("bot turns per minute"))
    max_automation_rate_per_hour = models.IntegerField(_("automation rate per hour"))
    requests_per_minute = models.IntegerField(_("API requests per minute"))
    trial_days = models.PositiveSmallIntegerField(_("trial days"), default=14)

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")

    def __str__(self) -> str:
        return self.name


class OrganizationQuerySet(models.QuerySet["Organization"]):
    """Organizations that are not deleted, and who may see which."""

    def alive(self) -> OrganizationQuerySet:
        """Leave out deleted organizations."""
        return self.filter(deleted_at__isnull=True)

    def visible_to(self, user: object) -> OrganizationQuerySet:
        """Return the own organization; all of them for super administrators."""
        if not getattr(user, "is_authenticated", False):
            return self.none()
        if getattr(user, "is_super_admin", False):
            return self.alive()
        organization_id = getattr(user, "organization_id", None)
        return self.alive().filter(pk=organization_id) if organization_id else self.none()

    def of_context(self) -> Organization | None:
        """Return the organization that the running code acts for."""
        organization_id = tenancy.current_organization_id()
        return None if organization_id is None else self.alive().filter(pk=organization_id).first()


class Organization(Row):
    """One customer company of PyTake: the unit of isolation."""

    name = models.CharField(_("name"), max_length=120)
    slug = models.SlugField(_("slug"), unique=True, max_length=80)
    description = models.TextField(_("description"), blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+", verbose_name=_("plan"))
    plan_starts_at = models.DateTimeField(_("plan starts"), null=True, blank=True)
    plan_expires_at = models.DateTimeField(_("plan expires"), null=True, blank=True)
    is_trial = models.BooleanField(_("trial"), default=False)
    trial_ends_at = models.DateTimeField(_("trial ends"), null=True, blank=True)
    # Null = what the plan says.
    max_users = models.IntegerField(_("users"), null=True, blank=True)
    max_chatbots = models.IntegerField(_("chatbots"), null=True, blank=True)
    max_whatsapp_numbers = models.IntegerField(_("WhatsApp numbers"), null=True, blank=True)
    max_contacts = models.IntegerField(_("contacts"), null=True, blank=True)
    max_departments = models.IntegerField(_("departments"), null=True, blank=True)
    monthly_message_limit = models.IntegerField(_("messages per month"), null=True, blank=True)

    timezone = models.CharField(_("time zone"), max_length=64, default="America/Sao_Paulo")
    language = models.CharField(_("language"), max_length=8, default="pt-br")
    currency = models.CharField(_("currency"), max_length=3, default="BRL")
    settings = models.JSONField(_("settings"), default=dict, blank=True)
    # Last realtime sequence number given out; only `notifications.publish` writes it.
    event_seq = models.BigIntegerField(default=0, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")
        constraints = [
            models.CheckConstraint(condition=~Q(slug=""), name="accounts_organization_slug_not_empty"),
        ]

    def __str__(self) -> str:
        return self.name

    def limit(self, name: str) -> int:
        """Return a plan limit by field name (`max_users`), the organization's own value first."""
        own: int | None = getattr(self, name, None)
        value: int = getattr(self.plan, name) if own is None else own
        return value


class UsageCounter(TenantRow):
    """How much of a metric was used in a month; derivable by recount."""

    period = models.DateField(_("month"), help_text=_("First day of the month."))
    metric = models.CharField(_("metric"), max_length=40)
    value = models.DecimalField(_("value"), max_digits=20, decimal_places=4, default=0)

    objects = TenantManager()

    class Meta:
        verbose_name = _("usage counter")
        verbose_name_plural = _("usage counters")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "period", "metric"], name="accounts_usagecounter_one_per_month"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.metric} {self.period:%Y-%m}"
