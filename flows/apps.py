"""App configuration of `flows`."""

from __future__ import annotations

from django.apps import AppConfig


class FlowsConfig(AppConfig):
    """See the package's modules."""

    name = "flows"
    default_auto_field = "django.db.models.BigAutoField"
