"""The back office of realtime: the facts that pages were told."""

from __future__ import annotations

from django.contrib import admin

from notifications.models import RealtimeEvent
from pytake.accounts import permissions
from pytake.infra.admin import LongListAdmin

permissions.register_admin("notifications.realtimeevent", view="jobs.manage", change="jobs.manage")


@admin.register(RealtimeEvent)
class RealtimeEventAdmin(LongListAdmin):
    """Events with their numbers."""

    exclude = ("data",)
    list_display = ("created_at", "seq", "event_type", "room")
    list_filter = ("event_type",)
    search_fields = ("room",)
