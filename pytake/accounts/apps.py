"""App configuration of `pytake.accounts`."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from pytake.infra import crypto, field_names


class AccountsConfig(AppConfig):
    """Organizations and the people in them."""

    name = "pytake.accounts"
    label = "accounts"
    verbose_name = _("People and organizations")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make our Celery application current (for nudges); register checks, names, columns with envelopes."""
        import_module("pytake.celery")
        import_module("pytake.checks")
        field_names.translate_all()
        crypto.register_envelopes("accounts.Secret", "encrypted_value")
        crypto.register_envelopes("conversations.WhatsAppNumber", "access_token_envelope", "verify_token_envelope")
        crypto.register_envelopes("conversations.WhatsAppNumber", "app_secret_envelopes")
        evolution = ("evolution_api_key_envelope", "evolution_webhook_key_envelope")
        crypto.register_envelopes("conversations.WhatsAppNumber", *evolution)
