"""App configuration of `notifications`."""

from __future__ import annotations

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """See the package's modules."""

    name = "notifications"
    default_auto_field = "django.db.models.BigAutoField"
