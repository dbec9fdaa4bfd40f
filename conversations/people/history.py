"""Figures and history of contacts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Avg, Count, Q

from conversations.models import ConsentEvent, Contact, ContactMerge, ContactTag, Conversation
from pytake.accounts.models import User

LINES_MAX: Final = 100


def totals(user: User, *, now: datetime) -> dict[str, int]:
    """Return the totals of the organization, in one statement."""
    marked = ContactTag.objects.filter(tag__deleted_at=None).values("contact_id")
    return (
        Contact.objects.visible_to(user)
        .alive()
        .aggregate(
            total=Count("pk"),
            with_tags=Count("pk", filter=Q(pk__in=marked)),
            blocked=Count("pk", filter=Q(is_blocked=True)),
            last_7_days=Count("pk", filter=Q(created_at__gte=now - timedelta(days=7))),
        )
    )


def figures(contact: Contact, *, user: User) -> dict[str, Any]:
    """Return the figures of one contact, of conversations that `user` may see."""
    threads = Conversation.objects.visible_to(user).filter(contact=contact)
    known = threads.aggregate(conversations=Count("pk"), average=Avg("first_response_seconds"))
    average = known["average"]
    return {
        "conversations": known["conversations"],
        "messages_received": contact.total_messages_received,
        "messages_sent": contact.total_messages_sent,
        "average_first_response_seconds": None if average is None else round(average),
        "last_interaction_at": contact.last_message_at,
    }


def timeline(contact: Contact, *, user: User) -> list[dict[str, Any]]:
    """Return what happened with a contact, newest first."""
    threads = Conversation.objects.visible_to(user).filter(contact=contact).select_related("number")
    events = ConsentEvent.objects.filter(contact=contact).order_by("-occurred_at", "-pk")
    merges = ContactMerge.objects.filter(kept_contact=contact).order_by("-created_at")
    lines = [
        *(
            _line("conversation", row.created_at, row.pk, f"{row.number.display_name}: {row.get_status_display()}")
            for row in threads.order_by("-created_at")[:LINES_MAX]
        ),
        *(_line("consent", row.occurred_at, row.pk, str(row)) for row in events[:LINES_MAX]),
        *(_line("merge", row.created_at, row.pk, row.reason) for row in merges[:LINES_MAX]),
    ]
    return sorted(lines, key=lambda line: line["at"], reverse=True)[:LINES_MAX]


def _line(kind: str, at: datetime, pk: Any, summary: str) -> dict[str, Any]:
    return {"kind": kind, "at": at, "id": pk, "summary": summary}
