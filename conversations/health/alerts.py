"""Mail to those who manage numbers, of what is serious: every event once, all that wait in one letter."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from conversations.health import words
from conversations.models import NumberEvent
from pytake.accounts import mail
from pytake.accounts.models import User

AT_ONCE: Final = 20


def send(organization_id: uuid.UUID, *, now: datetime) -> int:
    """Mail what was not told yet; returns how many events. Inside the organization's context."""
    with transaction.atomic():
        waiting = NumberEvent.objects.filter(severity=NumberEvent.Severity.CRITICAL, told_at__isnull=True)
        rows = list(waiting.select_related("number").select_for_update(of=("self",), skip_locked=True)[:AT_ONCE])
        NumberEvent.objects.filter(pk__in=[row.pk for row in rows]).update(told_at=now)
    people = User.objects.alive().filter(organization_id=organization_id, is_active=True)
    for person in [user for user in people if rows and user.can("numbers.manage")]:
        _tell(person, rows)
    return len(rows)


def _tell(person: User, rows: list[NumberEvent]) -> None:
    with translation.override(mail.language_of(person)):
        lines = [f"{row.number.display_name}: {words.event(row)}" for row in rows]
        link = settings.SITE_URL + reverse("numbers:health", args=[rows[0].number_id])
    text = _("This happened to your WhatsApp numbers:\n\n%(lines)s\n\nSee what it means and what to do:\n%(link)s")
    mail.send(person, _("Your WhatsApp number needs attention"), text, lines="\n".join(lines), link=link)
