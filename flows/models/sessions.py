"""Sessions: runs of a flow with a contact, and the append-only record of what happened in them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from pytake.infra.tenant_models import TenantManager, TenantRow


class ConversationState(TenantRow):
    """One run of a flow with one contact. At most one is active per number and contact.

    The columns mirror `flows.engine.state.State`; the engine never keeps its own facts among the
    variables that authors see.
    """

    class Status(models.TextChoices):
        """waiting = for the contact, sleeping = for a timer or job."""

        RUNNING = "running", _("Running")
        WAITING = "waiting", _("Waiting for the customer")
        SLEEPING = "sleeping", _("Waiting for a timer")
        ENDED = "ended", _("Ended")

    class Origin(models.TextChoices):
        """What started it."""

        INBOUND = "inbound", _("Customer's message")
        AUTOMATION = "automation", _("Automation")
        API = "api", "API"
        TEST = "test", _("Test")
        AGENT = "agent", _("Agent")

    number = models.ForeignKey(
        "conversations.WhatsAppNumber", on_delete=models.CASCADE, null=True, related_name="+", db_index=False
    )
    contact = models.ForeignKey("conversations.Contact", on_delete=models.CASCADE, null=True, related_name="+")
    conversation = models.ForeignKey(
        "conversations.Conversation", on_delete=models.CASCADE, null=True, related_name="sessions"
    )
    phone_number = models.CharField(max_length=160, blank=True)
    flow = models.ForeignKey("flows.Flow", on_delete=models.PROTECT, related_name="sessions")
    flow_version = models.ForeignKey("flows.FlowVersion", on_delete=models.PROTECT, null=True, related_name="+")

    current_node_id = models.CharField(_("node"), max_length=64, blank=True)
    call_stack = models.JSONField(default=list)
    question_state = models.JSONField(default=dict)
    node_visits = models.JSONField(default=dict)
    variables = models.JSONField(_("variables"), default=dict)
    execution_path = models.JSONField(_("path"), default=list)

    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.RUNNING)
    end_reason = models.CharField(_("ended because"), max_length=16, blank=True)
    outcome = models.CharField(_("outcome"), max_length=64, blank=True)
    is_active = models.BooleanField(default=True)
    is_test = models.BooleanField(default=False)
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.INBOUND)
    lock_version = models.PositiveIntegerField(default=0)
    log_sequence = models.PositiveIntegerField(default=0)
    last_handled_message_id = models.UUIDField(null=True, blank=True)

    started_at = models.DateTimeField(_("started"))
    last_message_at = models.DateTimeField(null=True, blank=True)
    session_expires_at = models.DateTimeField(_("expires"))
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    objects = TenantManager()

    class Meta:
        db_table = "conversation_states"
        verbose_name = _("flow session")
        verbose_name_plural = _("flow sessions")
        constraints = [
            models.UniqueConstraint(
                fields=["number", "contact"],
                condition=Q(is_active=True, is_test=False),
                name="flows_session_one_active",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["running", "waiting", "sleeping", "ended"]),
                name="flows_session_status_is_known",
            ),
            models.CheckConstraint(
                condition=Q(is_active=True, ended_at__isnull=True) | Q(is_active=False, ended_at__isnull=False),
                name="flows_session_active_iff_not_ended",
            ),
        ]
        indexes = [
            # The sweeper of expired sessions.
            models.Index(fields=["session_expires_at"], condition=Q(is_active=True), name="flows_session_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.flow_id} ({self.get_status_display()})"


class ConversationLog(models.Model):
    """A line of a session: what the contact said or what the bot answered; append-only."""

    id = models.BigAutoField(primary_key=True)
    # The key (organization, session) says that the organization exists.
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    session = models.ForeignKey(ConversationState, on_delete=models.CASCADE, related_name="logs", db_index=False)
    sequence = models.PositiveIntegerField()
    node_id = models.CharField(max_length=64, blank=True)
    direction = models.CharField(max_length=8)
    user_message = models.TextField(blank=True)
    bot_response = models.TextField(blank=True)
    message = models.ForeignKey(
        "conversations.Message",
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    timestamp = models.DateTimeField()
    extra_data = models.JSONField(default=dict)

    objects = TenantManager()

    class Meta:
        db_table = "conversation_logs"
        verbose_name = _("session log line")
        verbose_name_plural = _("session log")
        constraints = [models.UniqueConstraint(fields=["session", "sequence"], name="flows_log_once")]

    def __str__(self) -> str:
        return f"{self.session_id} #{self.sequence}"


class NodeVisit(models.Model):
    """One execution of a node; append-only, source of the heat map."""

    id = models.BigAutoField(primary_key=True)
    # The key (organization, session) says that the organization exists.
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    session = models.ForeignKey(ConversationState, on_delete=models.CASCADE, related_name="visits")
    flow_version = models.ForeignKey(
        "flows.FlowVersion", on_delete=models.CASCADE, null=True, related_name="+", db_index=False
    )
    node_id = models.CharField(max_length=64)
    node_type = models.CharField(max_length=32)
    turn_id = models.UUIDField()
    handle = models.CharField(max_length=200, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    visited_at = models.DateTimeField()

    objects = TenantManager()

    class Meta:
        verbose_name = _("node visit")
        verbose_name_plural = _("node visits")
        indexes = [models.Index(fields=["flow_version", "visited_at"], name="flows_visit_heat")]

    def __str__(self) -> str:
        return f"{self.node_id} → {self.handle}"


class FlowTimer(TenantRow):
    """An instant at which a session goes on by itself: a delay's end or an answer's deadline."""

    class State(models.TextChoices):
        """Where it stands."""

        PENDING = "pending", _("Pending")
        FIRED = "fired", _("Fired")
        CANCELLED = "cancelled", _("Cancelled")

    session = models.ForeignKey(ConversationState, on_delete=models.CASCADE, related_name="timers")
    kind = models.CharField(max_length=16)
    node_id = models.CharField(max_length=64)
    token = models.CharField(max_length=64, blank=True)
    due_at = models.DateTimeField()
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)

    objects = TenantManager()

    class Meta:
        verbose_name = _("timer")
        verbose_name_plural = _("timers")
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="pending"), name="flows_timer_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.due_at:%Y-%m-%d %H:%M}"
