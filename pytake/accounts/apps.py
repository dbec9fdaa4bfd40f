"""App configuration of `pytake.accounts`."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Organizations and the people in them."""

    name = "pytake.accounts"
    label = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make our Celery application the current one in every process that uses Django, for nudges."""
        import_module("pytake.celery")
