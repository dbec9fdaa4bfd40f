"""API routes of the channel."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

app_name = "conversations-api"
urlpatterns: list[URLPattern | URLResolver] = []
