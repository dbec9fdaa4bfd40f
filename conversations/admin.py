"""The back office of the channel: numbers, threads, messages, and what needs a person."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from conversations import delivery_admin, numbers, repairs
from conversations.back_office import RepairsAdmin, member
from conversations.forms import NumberForm
from conversations.media import fetching
from conversations.models import (
    ConsentEvent,
    Contact,
    ContactIdentity,
    Conversation,
    ConversationEvent,
    Department,
    DepartmentMember,
    MediaFile,
    MediaUpload,
    Message,
    MessageAttempt,
    MessageStatusEvent,
    NumberEvent,
    Queue,
    SharedFile,
    Tag,
    TemplateSync,
    UnhandledMessage,
    WebhookEvent,
    WebhookItem,
    WhatsAppNumber,
    WhatsAppTemplate,
    WhatsAppTemplateEvent,
)
from pytake.accounts import audit, permissions
from pytake.infra import tenancy
from pytake.infra.admin import LongListAdmin, ReadOnlyAdmin, TenantAdmin, TenantInline

for _model, _view, _change in (
    ("whatsappnumber", "numbers.view", "numbers.manage"),
    ("numberevent", "numbers.view", "numbers.manage"),
    ("contact", "contacts.view", "contacts.edit"),
    ("mediafile", "conversations.view", "jobs.manage"),
    ("consentevent", "contacts.view", "contacts.edit"),
    ("contactidentity", "contacts.view_full", "contacts.edit"),
    ("tag", "contacts.view", "contacts.edit"),
    ("conversation", "conversations.view", "conversations.assign"),
    ("conversationevent", "conversations.view", "conversations.assign"),
    ("message", "conversations.view", "jobs.manage"),
    ("messageattempt", "conversations.view", "jobs.manage"),
    ("messagestatusevent", "conversations.view", "jobs.manage"),
    ("unhandledmessage", "jobs.manage", "jobs.manage"),
    ("webhookevent", "jobs.manage", "jobs.manage"),
    ("webhookitem", "jobs.manage", "jobs.manage"),
    ("whatsapptemplate", "templates.view", "templates.manage"),
    ("whatsapptemplateevent", "templates.view", "templates.manage"),
    ("templatesync", "templates.view", "templates.manage"),
    ("department", "queues.view", "queues.manage"),
    ("departmentmember", "queues.view", "queues.manage"),
    ("queue", "queues.view", "queues.manage"),
):
    permissions.register_admin(f"conversations.{_model}", view=_view, change=_change)


@admin.register(WhatsAppNumber)
class WhatsAppNumberAdmin(TenantAdmin):
    """Numbers. Secrets are written here and never shown."""

    form = NumberForm
    list_before_template = "qr/admin_notice.html"
    change_form_before_template = "qr/admin_notice.html"
    can_add = True
    editable = (
        "display_name", "is_active", "default_chatbot", "default_department", "limit_per_second", "limit_per_minute",
        "limit_per_hour", "limit_per_day", "min_gap_ms",
    )  # fmt: skip
    list_display = ("display_name", "phone_number", "connection_type", "status", "health_state", "default_chatbot")
    list_filter = ("connection_type", "status", "health_state", "is_active")
    list_select_related = ("default_chatbot",)
    search_fields = ("display_name", "phone_number", "phone_number_id")
    _secrets = ("access_token", "app_secret", "verify_token")

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Numbers are registered where WhatsApp is asked whose they are."""
        return redirect("numbers:new")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show identity, state and limits; secrets to those who may replace them."""
        names = ("phone_number", "display_name", "phone_number_id", "whatsapp_business_account_id")
        identity = names[:2] if obj.is_qr else names  # the others belong to its session
        keys = (_("Secrets"), {"fields": self._secrets})
        state = ("is_active", "status", "status_reason", "health_state", "quality_rating", "messaging_limit_tier")
        limits = ("limit_per_second", "limit_per_minute", "limit_per_hour", "limit_per_day", "min_gap_ms")
        shown = [
            (None, {"fields": identity}),
            (_("State"), {"fields": state}),
            (_("Answers"), {"fields": ("default_chatbot", "default_department")}),
            (_("Limits"), {"fields": limits}),
        ]
        return [*shown, keys] if self.has_change_permission(request, obj) and not obj.is_qr else shown

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001  # Django's
        """Edit through the verbs of the domain."""
        secrets = {name: form.cleaned_data.get(name) or "" for name in self._secrets}
        numbers.set_secrets(obj, **secrets)
        obj.save()
        changed = [name for name in form.changed_data if name not in self._secrets or secrets[name]]
        audit.record(action="number.changed", entity=obj, by=request.user, changes=dict.fromkeys(changed, ""))


@admin.register(NumberEvent)
class NumberEventAdmin(LongListAdmin):
    """What happened to numbers."""

    exclude = ("dedupe_key",)
    list_display = ("occurred_at", "number", "kind", "severity", "actor_user")
    list_filter = ("severity", "kind")
    list_select_related = ("number", "actor_user")
    search_fields = ("number__display_name", "kind")


class IdentityInline(TenantInline):
    """Addresses of a contact."""

    model = ContactIdentity
    fields = ("kind", "value", "is_primary", "source", "last_seen_at")
    readonly_fields = fields
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Identities come with messages and imports."""
        return False


@admin.register(Contact)
class ContactAdmin(TenantAdmin):
    """People; the pages of contacts are richer."""

    editable = ("name", "email", "company", "is_vip")
    fields = (
        "name", "profile_name", "email", "company", "is_vip", "is_blocked", "opt_in", "source", "last_message_at",
    )  # fmt: skip
    readonly_fields = ("last_message_at",)
    inlines = (IdentityInline,)
    list_display = ("__str__", "is_vip", "is_blocked", "opt_in", "last_message_at", "source")
    list_filter = ("is_vip", "is_blocked", "opt_in", "source")
    search_fields = ("name", "profile_name")

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show addresses to those who may see them whole."""
        return self.inlines if member(request).can("contacts.view_full") else ()


@admin.register(ConsentEvent)
class ConsentEventAdmin(LongListAdmin):
    """The ledger of consent."""

    exclude = ("dedupe_key",)
    list_display = ("occurred_at", "contact", "purpose", "action", "source", "number", "actor_user")
    list_filter = ("purpose", "action", "source")
    list_select_related = ("contact", "number", "actor_user")
    search_fields = ("contact__id", "contact__name", "contact__profile_name")


@admin.register(Tag)
class TagAdmin(TenantAdmin):
    """Labels."""

    can_add = True
    editable = ("name", "description", "color")
    fields = editable
    list_display = ("name", "description", "color", "is_system")
    search_fields = ("name",)


class MemberInline(TenantInline):
    """People of a department."""

    model = DepartmentMember
    fields = ("user", "is_supervisor")


class QueueInline(TenantInline):
    """Waiting lines of a department."""

    model = Queue
    fields = ("name", "slug", "priority", "sla_minutes", "is_active")


@admin.register(Department)
class DepartmentAdmin(TenantAdmin):
    """Departments with their members and queues."""

    can_add = True
    editable = ("name", "description", "color", "is_active", "offline_message", "max_conversations_per_agent")
    fields = ("name", "slug", *editable[1:])
    inlines = (MemberInline, QueueInline)
    list_display = ("name", "is_active", "max_conversations_per_agent")
    search_fields = ("name",)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: Any) -> None:
        """Give rows of the inlines the department's organization."""
        for inline in formset.forms:
            inline.instance.organization_id = form.instance.organization_id
        formset.save()
        audit.record(action="department.changed", entity=form.instance, by=request.user)


@admin.register(Queue)
class QueueAdmin(TenantAdmin):
    """Waiting lines."""

    editable = ("name", "description", "priority", "sla_minutes", "is_active")
    list_display = ("name", "department", "priority", "sla_minutes", "is_active")
    list_filter = ("is_active",)
    list_select_related = ("department",)
    search_fields = ("name",)


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    """Threads; people work on them in the inbox."""

    list_display = ("contact", "number", "status", "current_agent", "is_bot_active", "waiting_since", "last_message_at")
    list_filter = ("status", "is_bot_active", "department")
    list_select_related = ("contact", "number", "current_agent")
    search_fields = ("contact__name", "contact__profile_name", "id")
    date_hierarchy = "last_message_at"


@admin.register(ConversationEvent)
class ConversationEventAdmin(LongListAdmin):
    """Timelines of threads."""

    list_display = ("created_at", "kind", "actor_label", "conversation_id")
    list_filter = ("kind",)
    search_fields = ("conversation__id", "actor_label")


@admin.register(Message)
class MessageAdmin(RepairsAdmin):
    """Messages and where their sending stands."""

    exclude = ("address_value", "claim_token", "client_key")
    list_display = ("created_at", "contact", "direction", "message_type", "status", "dispatch_state", "error_code")
    list_filter = ("direction", "status", "dispatch_state", "sender_type", "message_type")
    list_select_related = ("contact",)
    search_fields = ("whatsapp_message_id", "id", "conversation__id", "error_code")
    actions = ("send_again",)

    @admin.action(description=_("Send again (as a new message)"), permissions=["repair"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Message]) -> Any:
        """Write new intents for messages that failed; ask first where the outcome is unknown."""
        return delivery_admin.send_again(self, request, queryset)


@admin.register(MediaFile)
class MediaFileAdmin(RepairsAdmin):
    """Files of messages, and how far fetching them has come."""

    exclude = ("claim_token", "storage_key")
    list_display = ("created_at", "message_id", "state", "mime_type", "size", "attempts", "error_code")
    list_filter = ("state", "error_code")
    search_fields = ("message__id", "filename", "provider_media_id")
    actions = ("fetch_again",)

    @admin.action(description=_("Fetch again"), permissions=["repair"])
    def fetch_again(self, request: HttpRequest, queryset: QuerySet[MediaFile]) -> None:
        """Put files that failed or expired back into the queue."""
        now = timezone.now()
        count = sum(fetching.fetch_again(row, now=now) for row in queryset[:100])
        text = ngettext("%(count)d file is fetched again.", "%(count)d files are fetched again.", count)
        messages.success(request, text % {"count": count})


@admin.register(MessageAttempt)
class MessageAttemptAdmin(LongListAdmin):
    """Calls to the provider."""

    list_display = ("started_at", "message_id", "number_in_row", "outcome", "http_status", "provider_code")
    list_filter = ("outcome", "provider_code")
    search_fields = ("message__id", "provider_trace")


@admin.register(MessageStatusEvent)
class MessageStatusEventAdmin(LongListAdmin):
    """What the provider reported."""

    list_display = ("received_at", "status", "message_id", "whatsapp_message_id", "provider_timestamp")
    list_filter = ("status",)
    search_fields = ("whatsapp_message_id", "message__id")


@admin.register(UnhandledMessage)
class UnhandledMessageAdmin(RepairsAdmin):
    """Inbound messages that wait for a turn, and those whose turn failed for good."""

    list_display = ("created_at", "message_id", "attempts", "is_dead", "error")
    list_filter = ("is_dead",)
    search_fields = ("message__id", "error")
    actions = ("handle_again",)

    @admin.action(description=_("Handle again"), permissions=["repair"])
    def handle_again(self, request: HttpRequest, queryset: QuerySet[UnhandledMessage]) -> None:
        """Put dead ones back into the queue."""
        count = repairs.handle_again(queryset, by=member(request))
        text = ngettext("%(count)d message is back in the queue.", "%(count)d messages are back in the queue.", count)
        messages.success(request, text % {"count": count})


@admin.register(WebhookEvent)
class WebhookEventAdmin(LongListAdmin):
    """What providers posted, byte by byte."""

    exclude = ("raw_body",)
    readonly_fields = ("body",)
    list_display = ("received_at", "provider", "number", "state", "attempts", "error")
    list_filter = ("state", "provider")
    list_select_related = ("number",)
    search_fields = ("id", "error")

    @admin.display(description=_("body"))
    def body(self, row: WebhookEvent) -> str:
        """Return the beginning of the body as text, whatever it is."""
        if row.headers.get("elsewhere") and tenancy.scope() != tenancy.PLATFORM:
            return str(_("This delivery also holds messages of other organizations."))
        return bytes(row.raw_body)[:20_000].decode("utf-8", "replace").replace("\0", "␀")


@admin.register(WebhookItem)
class WebhookItemAdmin(RepairsAdmin):
    """Items that were set aside: unknown to us, or impossible to process."""

    list_display = ("created_at", "kind", "number", "state", "attempts", "error")
    list_filter = ("state", "kind")
    list_select_related = ("number",)
    search_fields = ("dedupe_key", "error")
    actions = ("read_again",)

    @admin.action(description=_("Read again"), permissions=["repair"])
    def read_again(self, request: HttpRequest, queryset: QuerySet[WebhookItem]) -> None:
        """Read their deliveries once more."""
        count = repairs.read_again(queryset[:500], by=member(request))
        text = ngettext("%(count)d delivery is read again.", "%(count)d deliveries are read again.", count)
        messages.success(request, text % {"count": count})


@admin.register(SharedFile)
class SharedFileAdmin(LongListAdmin):
    """Files that can be sent."""

    list_display = ("created_at", "filename", "kind", "mime_type", "size", "added_by")
    list_filter = ("kind",)
    list_select_related = ("added_by",)
    search_fields = ("filename",)


@admin.register(MediaUpload)
class MediaUploadAdmin(LongListAdmin):
    """What the provider has of them."""

    exclude = ("claim_token",)
    list_display = ("created_at", "file", "number", "state", "expires_at", "attempts", "error_code")
    list_filter = ("state",)
    list_select_related = ("file", "number")
    search_fields = ("file__filename",)


@admin.register(WhatsAppTemplate)
class WhatsAppTemplateAdmin(ReadOnlyAdmin):
    """Message templates; their own pages write and submit them."""

    list_display = ("name", "language", "category", "status", "quality_score", "account_id", "last_synced_at")
    list_filter = ("status", "category", "quality_score")
    search_fields = ("name", "meta_template_id")


@admin.register(WhatsAppTemplateEvent)
class WhatsAppTemplateEventAdmin(LongListAdmin):
    """What happened to templates."""

    list_display = ("occurred_at", "template", "kind", "old", "new", "source", "told_at")
    list_filter = ("kind", "source")
    list_select_related = ("template",)


@admin.register(TemplateSync)
class TemplateSyncAdmin(ReadOnlyAdmin):
    """How far reading the templates of each account has come, and why it stopped."""

    list_display = ("account_id", "finished_at", "due_at", "seen", "error_code", "error_detail")
