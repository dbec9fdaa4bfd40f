"""Conversations: the inbox thread between one contact and one number."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from conversations.models.teams import DepartmentMember
from pytake.infra.ids import new_id
from pytake.infra.tenant_models import TenantManager, TenantQuerySet, TenantRow

LIVE = ("open", "queued", "active", "pending")


class ConversationQuerySet(TenantQuerySet["Conversation"]):
    """Threads of an organization."""

    def live(self) -> ConversationQuerySet:
        """Return threads that are not resolved, closed or archived."""
        return self.filter(status__in=LIVE)

    def visible_to(self, user: Any) -> ConversationQuerySet:
        """Return the threads that `user` may see.

        Agents see those of their departments, their own, and those that no department has;
        administrators and viewers see all of the organization (so do agents if it says so).
        """
        rows = super().visible_to(user)
        if not user.is_authenticated or user.role != "agent":
            return rows
        if (user.organization.settings or {}).get("agents_see_all"):
            return rows
        # A subquery, not a join: a department has many members, and each would repeat the thread.
        own = DepartmentMember.objects.filter(user=user).values("department_id")
        return rows.filter(Q(current_agent=user) | Q(department__isnull=True) | Q(department__in=own))


class Conversation(TenantRow):
    """A thread. At most one is live per number and contact, which the database enforces."""

    class Status(models.TextChoices):
        """open = bot or nobody, queued = waits for an agent, active = an agent owns it."""

        OPEN = "open", _("Open")
        QUEUED = "queued", _("Waiting")
        ACTIVE = "active", _("With an agent")
        PENDING = "pending", _("Waiting for the customer")
        RESOLVED = "resolved", _("Resolved")
        CLOSED = "closed", _("Closed")
        ARCHIVED = "archived", _("Archived")

    contact = models.ForeignKey("conversations.Contact", on_delete=models.CASCADE, related_name="conversations")
    number = models.ForeignKey("conversations.WhatsAppNumber", on_delete=models.PROTECT, related_name="+")
    department = models.ForeignKey(
        "conversations.Department", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    queue = models.ForeignKey("conversations.Queue", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    current_agent = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    previous = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    active_session = models.ForeignKey(
        "flows.ConversationState", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.OPEN)
    is_bot_active = models.BooleanField(_("bot answers"), default=True)
    is_human_requested = models.BooleanField(_("person requested"), default=False)
    handoff_at = models.DateTimeField(null=True, blank=True)
    priority = models.PositiveSmallIntegerField(_("priority"), default=0)
    queued_at = models.DateTimeField(null=True, blank=True)
    assigned_at = models.DateTimeField(null=True, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    close_reason = models.CharField(max_length=120, blank=True)

    last_inbound_message_at = models.DateTimeField(null=True, blank=True)
    window_expires_at = models.DateTimeField(_("window closes"), null=True, blank=True)
    first_message_at = models.DateTimeField(null=True, blank=True)
    last_message_at = models.DateTimeField(_("last message"), null=True, blank=True)
    last_message_preview = models.CharField(max_length=160, blank=True)
    last_message_sender = models.CharField(max_length=8, blank=True)
    waiting_since = models.DateTimeField(_("waiting since"), null=True, blank=True)
    # When the provider should be told that somebody read, or writes; empty when nothing is to be told.
    receipt_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    is_typing_due = models.BooleanField(default=False, editable=False)
    unread_count = models.PositiveIntegerField(_("unread"), default=0)
    total_messages = models.PositiveIntegerField(default=0)
    messages_from_contact = models.PositiveIntegerField(default=0)
    messages_from_agent = models.PositiveIntegerField(default=0)
    messages_from_bot = models.PositiveIntegerField(default=0)
    first_response_seconds = models.PositiveIntegerField(null=True, blank=True)

    subject = models.CharField(_("subject"), max_length=160, blank=True)
    context = models.JSONField(default=dict, blank=True)
    lock_version = models.PositiveIntegerField(default=0)

    objects = TenantManager.from_queryset(ConversationQuerySet)()

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        constraints = [
            models.UniqueConstraint(
                fields=["number", "contact"], condition=Q(status__in=LIVE), name="conversations_conversation_one_live"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "queued", "active", "pending", "resolved", "closed", "archived"]),
                name="conversations_conversation_status_is_known",
            ),
        ]
        indexes = [
            # Inbox list, waiting longest first.
            models.Index(fields=["organization", "status", "waiting_since"], name="conversations_waiting"),
            # Inbox list, newest activity first.
            models.Index(fields=["organization", "-last_message_at"], name="conversations_recent"),
            # Receipts to be sent.
            models.Index(
                fields=["receipt_due_at"], condition=Q(receipt_due_at__isnull=False), name="conversations_receipt_due"
            ),
            # Serving order of a queue.
            models.Index(fields=["queue", "status", "-priority", "queued_at"], name="conversations_serving"),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} ({self.get_status_display()})"


class ConversationEvent(models.Model):
    """A line of a thread's timeline; append-only."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(_("kind"), max_length=20)
    actor_user = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, null=True, related_name="+", db_constraint=False
    )
    actor_label = models.CharField(_("who"), max_length=150, blank=True)
    data = models.JSONField(default=dict)

    objects = TenantManager()

    class Meta:
        verbose_name = _("conversation event")
        verbose_name_plural = _("conversation events")
        indexes = [models.Index(fields=["conversation", "created_at"], name="conversations_event_line")]

    def __str__(self) -> str:
        return self.kind
