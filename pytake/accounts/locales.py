"""The language and zone in which a person reads."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfoNotFoundError

from django.conf import settings
from django.utils import timezone, translation

from pytake.accounts.models import User

ZONE_DEFAULT = "America/Sao_Paulo"


def activate_for(user: User, request: Any) -> None:
    """Use the person's language and zone, else those of the organization.

    A language chosen in this browser (cookie) or asked for by an API client (Accept-Language) wins.
    """
    organization = user.organization
    language = user.language or (organization.language if organization else "")
    asked = settings.LANGUAGE_COOKIE_NAME in request.COOKIES or (
        "Accept-Language" in request.headers and "Authorization" in request.headers
    )
    if language and not asked:
        translation.activate(language)
    try:
        timezone.activate(user.timezone or (organization.timezone if organization else ZONE_DEFAULT))
    except ZoneInfoNotFoundError:
        timezone.activate(ZONE_DEFAULT)
