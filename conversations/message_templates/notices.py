"""Telling people what happened to templates: open pages at once, administrators by e-mail when one cannot be sent."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation

from conversations.message_templates import wording
from conversations.models import WhatsAppTemplateEvent
from notifications import events
from pytake.accounts.models import User
from pytake.infra import tenancy

log = structlog.get_logger(__name__)
AT_ONCE: Final = 50


def to_pages(happened: Sequence[WhatsAppTemplateEvent], *, now: datetime) -> None:
    """Tell the organization's open pages of changes, in the caller's transaction."""
    events.emit_many(
        [
            events.EventDraft(
                organization_id=row.organization_id,
                room=f"org:{row.organization_id}",
                event_type="template:changed",
                now=now,
                data={
                    "template_id": str(row.template_id),
                    "name": row.template.name,
                    "language": row.template.language,
                    "kind": row.kind,
                    "old": row.old,
                    "new": row.new,
                    "category": "template",
                },
            )
            for row in happened
        ]
    )


def tell_waiting(*, now: datetime) -> int:
    """Mail what administrators have not been told of yet. Returns how many changes were told."""
    with tenancy.platform_scope("find organizations with untold template changes"):
        rows = WhatsAppTemplateEvent.objects.filter(told_at__isnull=True)
        waiting = list(rows.values_list("organization_id", flat=True).distinct()[:AT_ONCE])
    return sum(_tell(organization_id, now=now) for organization_id in waiting)


@transaction.atomic
def _tell(organization_id: uuid.UUID, *, now: datetime) -> int:
    """Mark and mail in one transaction: a mail that fails leaves the changes untold."""
    with tenancy.organization_context(organization_id):
        rows = list(
            WhatsAppTemplateEvent.objects.filter(told_at__isnull=True)
            .select_related("template")
            .select_for_update(skip_locked=True, of=("self",))
            .order_by("id")[:AT_ONCE]
        )
        if not rows:
            return 0
        WhatsAppTemplateEvent.objects.filter(pk__in=[row.pk for row in rows]).update(told_at=now)
        people = User.objects.filter(organization_id=organization_id, role=User.Role.ORG_ADMIN, is_active=True)
        get_connection().send_messages([_mail(person, rows) for person in people])
    log.info("templates.told", changes=len(rows))
    return len(rows)


def _mail(person: User, rows: Sequence[WhatsAppTemplateEvent]) -> EmailMessage:
    with translation.override(person.language or settings.LANGUAGE_CODE):
        first = rows[0]
        subject = wording.headline(first.template.name, first.new, others=len(rows) - 1)
        lines = [(row, wording.headline(row.template.name, row.new), wording.reason(row.reason)) for row in rows]
        body = render_to_string(
            "message_templates/mail.txt", {"person": person, "lines": lines, "site": settings.SITE_URL.rstrip("/")}
        )
    return EmailMessage(subject=subject, body=body, to=[person.email])
