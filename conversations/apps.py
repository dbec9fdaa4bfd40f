"""App configuration of `conversations`."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    """See the package's modules."""

    name = "conversations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell the limits of sending of providers with rates of their own."""
        import_module("conversations.qr.pacing").install()
