"""API routes of people and organizations."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

app_name = "accounts-api"
urlpatterns: list[URLPattern | URLResolver] = []
