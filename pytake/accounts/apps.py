"""App configuration of `pytake.accounts`."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Organizations and the people in them."""

    name = "pytake.accounts"
    label = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
