"""Contacts: people known by one or more identities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from pytake.infra.tenant_models import TenantManager, TenantQuerySet, TenantRow

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager


class Tag(TenantRow):
    """A label on contacts and conversations."""

    name = models.CharField(_("name"), max_length=60)
    slug = models.SlugField(max_length=60, blank=True)
    description = models.CharField(_("description"), max_length=255, blank=True)
    color = models.CharField(_("colour"), max_length=7, default="#64748B")
    is_system = models.BooleanField(_("system tag"), default=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TenantManager()

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        constraints = [
            models.UniqueConstraint(
                "organization", Lower("name"), condition=Q(deleted_at__isnull=True), name="conversations_tag_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CustomField(TenantRow):
    """A field that an organization keeps of its contacts; values are in `Contact.attributes` under `key`."""

    class Kind(models.TextChoices):
        """What values it takes."""

        TEXT = "text", _("Text")
        NUMBER = "number", _("Number")
        DATE = "date", _("Date")
        CHOICE = "choice", _("Choice of a list")
        YES_NO = "yes_no", _("Yes or no")

    key = models.SlugField(_("key"), max_length=40)
    label = models.CharField(_("label"), max_length=60)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.TEXT)
    choices = models.JSONField(_("choices"), default=list, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TenantManager()

    class Meta:
        verbose_name = _("custom field")
        verbose_name_plural = _("custom fields")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "key"],
                condition=Q(deleted_at__isnull=True),
                name="conversations_customfield_once",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["text", "number", "date", "choice", "yes_no"]),
                name="conversations_customfield_kind_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.label


class ContactQuerySet(TenantQuerySet["Contact"]):
    """People of an organization."""

    def alive(self) -> ContactQuerySet:
        """Leave out deleted contacts."""
        return self.filter(deleted_at__isnull=True)


class Contact(TenantRow):
    """A person, known by one or more identities; the phone may be unknown."""

    name = models.CharField(_("name"), max_length=150, blank=True)
    profile_name = models.CharField(_("profile name"), max_length=150, blank=True)
    username = models.CharField(_("username"), max_length=64, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    company = models.CharField(_("company"), max_length=150, blank=True)
    language = models.CharField(_("language"), max_length=8, blank=True)
    document = models.CharField(_("document"), max_length=20, blank=True)
    notes = models.TextField(_("notes"), blank=True)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    source = models.CharField(_("source"), max_length=16, default="inbound")
    lifecycle_stage = models.CharField(max_length=40, blank=True)
    lead_score = models.IntegerField(default=0)
    is_vip = models.BooleanField(_("VIP"), default=False)
    tags = models.ManyToManyField(Tag, through="ContactTag", related_name="contacts", blank=True)

    is_blocked = models.BooleanField(_("blocked"), default=False)
    blocked_at = models.DateTimeField(null=True, blank=True, editable=False)
    blocked_reason = models.CharField(max_length=255, blank=True)
    opt_in = models.BooleanField(_("accepts messages"), default=True)
    # Whether bots may answer: false for those who want no automatic message at all.
    accepts_bot = models.BooleanField(_("accepts automatic messages"), default=True, editable=False)
    # Numbers whose promotions the person stopped in WhatsApp, with the instant.
    marketing_stopped = models.JSONField(default=dict, blank=True, editable=False)
    opted_in_at = models.DateTimeField(null=True, blank=True, editable=False)
    opted_out_at = models.DateTimeField(null=True, blank=True, editable=False)

    last_message_at = models.DateTimeField(_("last message"), null=True, blank=True, editable=False)
    last_message_received_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_message_sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    total_messages_sent = models.PositiveIntegerField(default=0, editable=False)
    total_messages_received = models.PositiveIntegerField(default=0, editable=False)
    total_conversations = models.PositiveIntegerField(default=0, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    identities: RelatedManager[ContactIdentity]
    # Where hot paths put them: `Prefetch("identities", to_attr="loaded_identities")`.
    loaded_identities: list[ContactIdentity]

    objects = TenantManager.from_queryset(ContactQuerySet)()

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        indexes = [
            # Segments by custom field.
            GinIndex(fields=["attributes"], name="conversations_contact_attr"),
            # Contact list, newest activity first.
            models.Index(fields=["organization", "-last_message_received_at"], name="conversations_contact_recent"),
        ]

    def __str__(self) -> str:
        return self.name or self.profile_name or self.username or str(self.pk)

    def known_identities(self) -> list[ContactIdentity]:
        """Return the addresses, from memory if they were loaded with the contact."""
        loaded: list[ContactIdentity] | None = self.__dict__.get("loaded_identities")
        return list(self.identities.all()) if loaded is None else loaded


class ContactTag(TenantRow):
    """A tag on a contact."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE)
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE)
    added_by = models.ForeignKey("accounts.User", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    objects = TenantManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "tag"], name="conversations_contacttag_once")]

    def __str__(self) -> str:
        return f"{self.contact_id}: {self.tag_id}"


class ContactIdentity(TenantRow):
    """One address of a contact; `canonical_key` (see `pytake.core.phones`) is what matching uses."""

    class Kind(models.TextChoices):
        """What sort of address it is."""

        PHONE = "phone", _("Phone (not confirmed)")
        WA_ID = "wa_id", "WhatsApp"
        BSUID = "bsuid", _("WhatsApp user id")
        LID = "lid", "LID"

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="identities")
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    value = models.CharField(_("value"), max_length=160)
    canonical_key = models.CharField(max_length=170, editable=False)
    e164 = models.CharField(max_length=20, blank=True)
    known_forms = models.JSONField(default=list, blank=True)
    scope = models.CharField(max_length=64, blank=True)
    is_primary = models.BooleanField(_("primary"), default=False)
    source = models.CharField(_("source"), max_length=16, default="inbound")
    first_seen_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    objects = TenantManager()

    class Meta:
        verbose_name = _("identity")
        verbose_name_plural = _("identities")
        constraints = [
            models.UniqueConstraint(fields=["organization", "canonical_key"], name="conversations_identity_key_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["phone", "wa_id", "bsuid", "lid"]), name="conversations_identity_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value[-4:]}"
