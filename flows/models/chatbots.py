"""Chatbots: containers of flows, attached to numbers."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from pytake.infra.ids import new_id
from pytake.infra.tenant_models import TenantManager, TenantQuerySet, TenantRow


class ChatbotQuerySet(TenantQuerySet["Chatbot"]):
    """Chatbots of an organization."""

    def alive(self) -> ChatbotQuerySet:
        """Leave out deleted chatbots."""
        return self.filter(deleted_at__isnull=True)


class Chatbot(TenantRow):
    """A container of flows. Active ones answer on the numbers they are linked to."""

    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), blank=True)
    is_active = models.BooleanField(_("active"), default=False)
    is_fallback = models.BooleanField(_("answers when no other does"), default=False)
    global_variables = models.JSONField(_("global variables"), default=dict, blank=True)
    settings = models.JSONField(_("settings"), default=dict, blank=True)
    version = models.PositiveIntegerField(default=1)
    numbers = models.ManyToManyField(
        "conversations.WhatsAppNumber", through="ChatbotNumberLink", related_name="chatbots", blank=True
    )
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TenantManager.from_queryset(ChatbotQuerySet)()

    class Meta:
        verbose_name = _("chatbot")
        verbose_name_plural = _("chatbots")
        constraints = [
            models.UniqueConstraint(
                fields=["organization"],
                condition=Q(is_fallback=True, deleted_at__isnull=True),
                name="flows_chatbot_one_fallback",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ChatbotNumberLink(TenantRow):
    """A chatbot answers on a number; the oldest link of an active chatbot wins."""

    chatbot = models.ForeignKey(Chatbot, on_delete=models.CASCADE, related_name="links")
    number = models.ForeignKey("conversations.WhatsAppNumber", on_delete=models.CASCADE, related_name="+")
    linked_at = models.DateTimeField()
    linked_by = models.ForeignKey("accounts.User", on_delete=models.SET_NULL, null=True, related_name="+")

    objects = TenantManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chatbot", "number"], name="flows_numberlink_once")]

    def __str__(self) -> str:
        return f"{self.chatbot_id}: {self.number_id}"


class LinkingHistory(models.Model):
    """When a chatbot was linked to or unlinked from a number; append-only."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()
    chatbot = models.ForeignKey(Chatbot, on_delete=models.CASCADE, related_name="+")
    number = models.ForeignKey("conversations.WhatsAppNumber", on_delete=models.CASCADE, related_name="+")
    action = models.CharField(max_length=8, choices=[("linked", _("Linked")), ("unlinked", _("Unlinked"))])
    changed_by = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, null=True, related_name="+", db_constraint=False
    )

    objects = TenantManager()

    class Meta:
        verbose_name = _("link history")
        verbose_name_plural = _("link history")

    def __str__(self) -> str:
        return f"{self.get_action_display()} ({self.chatbot_id})"
