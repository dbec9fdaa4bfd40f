"""API routes of realtime."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from notifications import api

app_name = "notifications-api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("ws/ticket", api.Ticket.as_view(), name="ticket"),
    path("ws/stats", api.Statistics.as_view(), name="stats"),
    path("realtime/events", api.Events.as_view(), name="events"),
]
