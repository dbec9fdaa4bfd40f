"""The back office of realtime: the log of events, to see what pages were told."""

from __future__ import annotations

from django.contrib import admin

from notifications.models import RealtimeEvent
from pytake.accounts import permissions
from pytake.infra.admin import ReadOnlyAdmin

permissions.register_admin("notifications.realtimeevent", view="jobs.manage", change="jobs.manage")


@admin.register(RealtimeEvent)
class RealtimeEventAdmin(ReadOnlyAdmin):
    """Events are written by the product and never edited."""

    list_display = ("seq", "event_type", "room", "created_at")
    list_filter = ("event_type",)
    search_fields = ("=room",)
    ordering = ("-id",)
