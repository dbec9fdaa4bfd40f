"""Values that every page template may use."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def page(request: HttpRequest) -> dict[str, object]:
    """Return the address of the socket and the product version."""
    return {"realtime_url": settings.REALTIME_URL, "version": settings.VERSION}
