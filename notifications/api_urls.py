"""API routes of realtime."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

app_name = "notifications-api"
urlpatterns: list[URLPattern | URLResolver] = []
