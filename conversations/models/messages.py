"""Messages in both directions, what was attempted, and what the provider said about them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from pytake.infra.tenant_models import TenantManager, TenantQuerySet, TenantRow


class MessageQuerySet(TenantQuerySet["Message"]):
    """Messages of an organization."""


class Message(TenantRow):
    """A message, or the committed decision to send one.

    `status` is what people see and only rises (pending < queued < sent < delivered < read, failed);
    `dispatch_state` is where the crash-safe send stands. No index contains `status` or the
    timestamps of its rungs, so that status webhooks are HOT updates.
    """

    class Direction(models.TextChoices):
        """Seen from the organization."""

        INBOUND = "inbound", _("Received")
        OUTBOUND = "outbound", _("Sent")

    class SenderType(models.TextChoices):
        """Who wrote it."""

        CONTACT = "contact", _("Customer")
        AGENT = "agent", _("Agent")
        BOT = "bot", _("Bot")
        SYSTEM = "system", _("System")
        API = "api", "API"
        CAMPAIGN = "campaign", _("Campaign")

    class Status(models.TextChoices):
        """What people see."""

        PENDING = "pending", _("Scheduled")
        QUEUED = "queued", _("Queued")
        SENT = "sent", _("Sent")
        DELIVERED = "delivered", _("Delivered")
        READ = "read", _("Read")
        FAILED = "failed", _("Failed")
        RECEIVED = "received", _("Received")

    class DispatchState(models.TextChoices):
        """Where sending stands; `none` for inbound messages and notes."""

        NONE = "none", _("Not sent")
        QUEUED = "queued", _("Queued")
        SENDING = "sending", _("Sending")
        ACCEPTED = "accepted", _("Accepted")
        UNKNOWN = "unknown", _("Unconfirmed")
        FAILED = "failed", _("Failed")
        ABANDONED = "abandoned", _("Outcome unknown")
        CANCELLED = "cancelled", _("Cancelled")

    # Inserting is the hottest statement there is: the key (organization, conversation) says that the organization
    # exists, and links that are mostly empty have partial indexes.
    organization = models.ForeignKey(
        "accounts.Organization",
        on_delete=models.CASCADE,
        related_name="+",
        editable=False,
        db_index=False,
        db_constraint=False,
    )
    conversation = models.ForeignKey(
        "conversations.Conversation", on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    number = models.ForeignKey(
        "conversations.WhatsAppNumber", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    contact = models.ForeignKey("conversations.Contact", on_delete=models.CASCADE, related_name="+")
    reply_to = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    retry_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    sender_user = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    session = models.ForeignKey(
        "flows.ConversationState", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )

    direction = models.CharField(_("direction"), max_length=8, choices=Direction)
    sender_type = models.CharField(_("sender"), max_length=8, choices=SenderType)
    message_type = models.CharField(_("type"), max_length=12, default="text")
    # Outbound: `conversations.content` as JSON. Inbound: the provider's item, cleaned.
    content = models.JSONField(default=dict)
    text = models.TextField(_("text"), blank=True)
    is_internal_note = models.BooleanField(_("internal note"), default=False)
    is_test = models.BooleanField(default=False)

    address_kind = models.CharField(max_length=8, blank=True)
    address_value = models.CharField(max_length=160, blank=True)

    whatsapp_message_id = models.TextField(null=True, blank=True)
    whatsapp_timestamp = models.DateTimeField(null=True, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status)
    dispatch_state = models.CharField(_("dispatch"), max_length=10, choices=DispatchState, default=DispatchState.NONE)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    claim_token = models.UUIDField(null=True, blank=True)
    reconcile_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error_title = models.CharField(max_length=255, blank=True)
    error_details = models.TextField(blank=True)
    price_category = models.CharField(max_length=40, blank=True)

    client_key = models.CharField(max_length=64, null=True, blank=True)
    priority = models.PositiveSmallIntegerField(default=50)
    # Order of messages made in one turn (all made at one instant).
    sequence = models.PositiveIntegerField(default=0)
    extra = models.JSONField(default=dict, blank=True)

    objects = TenantManager.from_queryset(MessageQuerySet)()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(
                fields=["number", "whatsapp_message_id"],
                condition=Q(whatsapp_message_id__isnull=False),
                name="conversations_message_wamid_once",
            ),
            models.UniqueConstraint(
                fields=["organization", "client_key"],
                condition=Q(client_key__isnull=False),
                name="conversations_message_client_key_once",
            ),
            models.CheckConstraint(
                condition=Q(is_internal_note=False) | Q(dispatch_state="none"),
                name="conversations_message_note_never_sent",
            ),
            models.CheckConstraint(
                condition=Q(direction="outbound") | Q(dispatch_state="none"),
                name="conversations_message_inbound_never_sent",
            ),
        ]
        indexes = [
            # The thread, oldest first, keyset.
            models.Index(fields=["conversation", "created_at"], name="conversations_thread"),
            # Daily figures.
            models.Index(fields=["organization", "created_at", "direction"], name="conversations_by_day"),
            # The sender's queue: what a number has to send, agents first.
            models.Index(fields=["reply_to"], condition=Q(reply_to__isnull=False), name="conversations_replies"),
            models.Index(fields=["retry_of"], condition=Q(retry_of__isnull=False), name="conversations_retries"),
            models.Index(
                fields=["sender_user"], condition=Q(sender_user__isnull=False), name="conversations_by_author"
            ),
            models.Index(
                fields=["number", "priority", "id"],
                condition=Q(dispatch_state="queued"),
                name="conversations_to_send",
            ),
            # Reactions, edits and deletions, which are shown on other messages.
            models.Index(
                fields=["conversation"],
                condition=Q(message_type__in=["reaction", "edit", "revoke"]),
                name="conversations_effects",
            ),
            # What was put off, by person: nothing may overtake it.
            models.Index(
                fields=["contact"],
                condition=Q(dispatch_state="queued", not_before__isnull=False),
                name="conversations_put_off",
            ),
            # What failed lately, by number and reason.
            models.Index(
                fields=["number", "-failed_at"], condition=Q(failed_at__isnull=False), name="conversations_failures"
            ),
            # Sends through QR numbers that the provider has not acknowledged yet.
            models.Index(
                fields=["reconcile_until"],
                condition=Q(dispatch_state="accepted", reconcile_until__isnull=False),
                name="conversations_unacknowledged",
            ),
            # The sweep: leases that ran out, unknown outcomes to settle.
            models.Index(
                fields=["dispatch_state", "claimed_until"],
                condition=Q(dispatch_state__in=["sending", "unknown"]),
                name="conversations_in_flight",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_direction_display()}: {self.message_type} ({self.get_status_display()})"


class UnhandledMessage(models.Model):
    """An inbound message that has been stored but not yet passed through `INBOUND_HANDLERS`.

    The row is the queue: it is deleted in the transaction that handles the message. `error` is set
    when handling failed for good; the row then stays for people to look at.
    """

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    conversation = models.ForeignKey("conversations.Conversation", on_delete=models.CASCADE, related_name="+")
    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="unhandled")
    created_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    is_dead = models.BooleanField(default=False)

    objects = TenantManager()

    class Meta:
        verbose_name = _("unhandled message")
        verbose_name_plural = _("unhandled messages")
        indexes = [
            # What is open, oldest first, by organization.
            models.Index(
                fields=["organization", "id"], condition=Q(is_dead=False), name="conversations_unhandled_open"
            ),
        ]

    def __str__(self) -> str:
        return str(self.message_id)


class MessageAttempt(models.Model):
    """One call to the provider and how it ended; append-only, written when the outcome is known."""

    class Outcome(models.TextChoices):
        """What is known afterwards."""

        ACCEPTED = "accepted", _("Accepted")
        NOT_SENT_RETRYABLE = "not_sent_retryable", _("Not sent, will be tried again")
        REFUSED = "refused", _("Refused")
        UNKNOWN = "unknown", _("Unknown")

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attempt_rows")
    number_in_row = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    outcome = models.CharField(max_length=20, choices=Outcome)
    http_status = models.PositiveSmallIntegerField(null=True)
    provider_code = models.CharField(max_length=40, blank=True)
    provider_trace = models.CharField(max_length=120, blank=True)

    objects = TenantManager()

    class Meta:
        verbose_name = _("send attempt")
        verbose_name_plural = _("send attempts")
        constraints = [
            models.UniqueConstraint(fields=["message", "number_in_row"], name="conversations_attempt_once"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} #{self.number_in_row} ({self.get_outcome_display()})"


class MessageStatusEvent(models.Model):
    """A status that the provider reported; append-only but for `message`, set once when matched."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    number = models.ForeignKey("conversations.WhatsAppNumber", on_delete=models.CASCADE, related_name="+")
    message = models.ForeignKey(Message, on_delete=models.CASCADE, null=True, related_name="status_events")
    whatsapp_message_id = models.TextField()
    callback_data = models.CharField(max_length=512, blank=True)
    status = models.CharField(max_length=16)
    participant = models.CharField(max_length=160, blank=True)
    provider_timestamp = models.DateTimeField()
    received_at = models.DateTimeField()
    errors = models.JSONField(default=list)
    pricing = models.JSONField(default=dict)

    objects = TenantManager()

    class Meta:
        verbose_name = _("message status")
        verbose_name_plural = _("message statuses")
        constraints = [
            models.UniqueConstraint(
                fields=["number", "whatsapp_message_id", "status", "participant"],
                name="conversations_status_once",
            ),
        ]
        indexes = [
            # Statuses that overtook the answer to the send, waiting for their message.
            models.Index(
                fields=["number", "whatsapp_message_id"],
                condition=Q(message__isnull=True),
                name="conversations_status_parked",
            ),
            # Early statuses found by our own id.
            models.Index(
                fields=["callback_data"],
                condition=Q(message__isnull=True),
                name="conversations_status_callback",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.whatsapp_message_id[-12:]}"
