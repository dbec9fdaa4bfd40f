"""Figures of open sockets for `/health`, the API and the metrics."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from notifications import registry


def totals() -> dict[str, Any]:
    """Return the public totals of all processes (settings name this function)."""
    figures = registry.totals(now=timezone.now())
    return {key: figures[key] for key in ("totalConnections", "subscribedUsers", "subscribedCampaigns")}
