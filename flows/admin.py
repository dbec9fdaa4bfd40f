"""The back office of flows: what exists, what was published, what ran. Editing happens on the flow pages."""

from __future__ import annotations

from django.contrib import admin

from flows.models import (
    Chatbot,
    ConversationLog,
    ConversationState,
    Flow,
    FlowTimer,
    FlowVersion,
    LinkingHistory,
    NodeVisit,
)
from pytake.accounts import permissions
from pytake.infra.admin import LongListAdmin, ReadOnlyAdmin, TenantAdmin

for _model, _view, _change in (
    ("chatbot", "chatbots.view", "chatbots.edit"),
    ("flow", "chatbots.view", "chatbots.edit"),
    ("flowversion", "chatbots.view", "chatbots.edit"),
    ("linkinghistory", "chatbots.view", "chatbots.edit"),
    ("conversationstate", "conversations.view", "jobs.manage"),
    ("conversationlog", "conversations.view", "jobs.manage"),
    ("nodevisit", "analytics.view", "analytics.view"),
    ("flowtimer", "jobs.manage", "jobs.manage"),
):
    permissions.register_admin(f"flows.{_model}", view=_view, change=_change)


@admin.register(Chatbot)
class ChatbotAdmin(TenantAdmin):
    """Chatbots."""

    editable = ("name", "description")
    fields = ("name", "description", "is_active", "is_fallback")
    list_display = ("name", "is_active", "is_fallback", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name",)


@admin.register(Flow)
class FlowAdmin(ReadOnlyAdmin):
    """Flows and their drafts."""

    list_display = ("name", "chatbot", "is_main", "is_active", "published_version", "draft_updated_at")
    list_filter = ("is_main", "is_active")
    list_select_related = ("chatbot", "published_version")
    search_fields = ("name", "id")


@admin.register(FlowVersion)
class FlowVersionAdmin(ReadOnlyAdmin):
    """Published graphs, which nothing changes."""

    list_display = ("flow", "number", "published_at", "published_by", "note")
    list_select_related = ("flow", "published_by")
    search_fields = ("flow__name", "note")


@admin.register(LinkingHistory)
class LinkingHistoryAdmin(ReadOnlyAdmin):
    """When chatbots were linked to numbers."""

    list_display = ("created_at", "chatbot", "number", "action", "changed_by")
    list_filter = ("action",)
    list_select_related = ("chatbot", "number", "changed_by")


@admin.register(ConversationState)
class ConversationStateAdmin(LongListAdmin):
    """Sessions. Values of variables are shown in the inbox, to those who may see them."""

    exclude = ("variables", "question_state", "phone_number")
    list_display = ("started_at", "flow", "status", "current_node_id", "end_reason", "outcome", "is_test")
    list_filter = ("status", "end_reason", "origin", "is_test")
    list_select_related = ("flow",)
    search_fields = ("id", "conversation__id")


@admin.register(ConversationLog)
class ConversationLogAdmin(LongListAdmin):
    """Lines of sessions."""

    list_display = ("timestamp", "session_id", "sequence", "node_id", "direction")
    list_filter = ("direction",)
    search_fields = ("session__id",)


@admin.register(NodeVisit)
class NodeVisitAdmin(LongListAdmin):
    """Executions of nodes."""

    list_display = ("visited_at", "node_id", "node_type", "handle", "error_code", "session_id")
    list_filter = ("node_type",)
    search_fields = ("session__id", "node_id")


@admin.register(FlowTimer)
class FlowTimerAdmin(ReadOnlyAdmin):
    """Instants at which sessions go on."""

    exclude = ("token", "payload")
    list_display = ("due_at", "kind", "state", "node_id", "session_id")
    list_filter = ("state", "kind")
    search_fields = ("session__id",)
