"""The business page of a number in WhatsApp: its limits, reading it, writing it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from conversations import numbers
from conversations.models import WhatsAppNumber
from conversations.official import proofs
from pytake.accounts import audit
from pytake.accounts.models import User

# Characters, as WhatsApp counts them.
LIMITS: Final = {"about": 139, "address": 256, "description": 512, "email": 128}
WEBSITES_MAX: Final = 2
WEBSITE_MAX: Final = 256
VERTICALS: Final = {
    "UNDEFINED": _("Not said"),
    "AUTO": _("Automotive"),
    "BEAUTY": _("Beauty, spa and salon"),
    "APPAREL": _("Clothing"),
    "EDU": _("Education"),
    "ENTERTAIN": _("Entertainment"),
    "EVENT_PLAN": _("Event planning and service"),
    "FINANCE": _("Finance and banking"),
    "GROCERY": _("Food and groceries"),
    "GOVT": _("Public service"),
    "HOTEL": _("Hotel and lodging"),
    "HEALTH": _("Medical and health"),
    "NONPROFIT": _("Non-profit"),
    "PROF_SERVICES": _("Professional services"),
    "RETAIL": _("Shopping and retail"),
    "TRAVEL": _("Travel and transport"),
    "RESTAURANT": _("Restaurant"),
    "OTHER": _("Other"),
}
FIELDS: Final = (*LIMITS, "websites", "vertical")


def read(number: WhatsAppNumber) -> dict[str, Any]:
    """Ask WhatsApp for the profile and keep it. Raises ProviderError, DecryptionError."""
    line = proofs.management(numbers.access_token(number))
    found = {name: value for name, value in line.profile(number.phone_number_id or "").items() if name in _KEPT}
    number.profile = found
    WhatsAppNumber.objects.filter(pk=number.pk).update(profile=found)
    return found


def write(number: WhatsAppNumber, values: Mapping[str, Any], *, by: User, now: datetime) -> None:
    """Change the profile at WhatsApp, then here. Raises ProviderError, DecryptionError."""
    changes = {name: value for name, value in values.items() if value != (number.profile or {}).get(name, _blank(name))}
    if not changes:
        return
    proofs.management(numbers.access_token(number)).change_profile(number.phone_number_id or "", changes)
    number.profile = {**(number.profile or {}), **changes}
    with transaction.atomic():
        WhatsAppNumber.objects.filter(pk=number.pk).update(profile=number.profile)
        audit.record(action="number.profile_changed", entity=number, by=by, changes=changes, now=now)


_KEPT: Final = (*FIELDS, "profile_picture_url")


def _blank(name: str) -> Any:
    return [] if name == "websites" else "UNDEFINED" if name == "vertical" else ""
