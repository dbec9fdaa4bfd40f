"""App configuration of `analytics`."""

from __future__ import annotations

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """Reads every table; nobody imports it."""

    name = "analytics"
    default_auto_field = "django.db.models.BigAutoField"
