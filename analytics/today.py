"""Figures of the home page: what happened today, what waits for somebody. Counted, never stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, F, Min, Q
from django.db.models.functions import TruncHour
from django.utils import timezone

from conversations.inbox import failures, people
from conversations.models import Conversation, Message, UnhandledMessage, WebhookItem, WhatsAppNumber
from flows.models import Flow, NodeVisit
from pytake.accounts.models import User
from pytake.core import clock

SHOWN: Final = 6
_S = Conversation.Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """A bar pair of the day's chart; heights and places in units of the drawing (0-100)."""

    hour: int
    received: int
    sent: int
    x: int
    received_height: int
    sent_height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A message that needs a look, with the name of its contact and why it failed."""

    message: Message
    title: str
    reason: str


def midnight(now: datetime) -> datetime:
    """Return the beginning of today in the active zone."""
    zone: Any = timezone.get_current_timezone()
    return clock.to_instant(clock.local_day(now, zone), datetime.min.time(), zone)


def threads(user: User) -> dict[str, Any]:
    """Return how many threads are with whom, and since when the first one waits (one query)."""
    rows = Conversation.objects.visible_to(user).live()
    return rows.aggregate(
        live=Count("pk"),
        bot=Count("pk", filter=Q(status=_S.OPEN, is_bot_active=True)),
        queued=Count("pk", filter=Q(status=_S.QUEUED) | Q(status=_S.OPEN, is_bot_active=False)),
        active=Count("pk", filter=Q(status=_S.ACTIVE)),
        oldest=Min("waiting_since", filter=~Q(status=_S.OPEN, is_bot_active=True)),
    )


def messages(*, now: datetime) -> dict[str, int]:
    """Return today's messages by direction and outcome (one query over today's part of the index)."""
    rows = Message.objects.filter(created_at__gte=midnight(now), is_internal_note=False, is_test=False)
    return rows.aggregate(
        received=Count("pk", filter=Q(direction="inbound")),
        sent=Count("pk", filter=Q(direction="outbound")),
        bot=Count("pk", filter=Q(direction="outbound", sender_type="bot")),
        agent=Count("pk", filter=Q(direction="outbound", sender_type="agent")),
        failed=Count("pk", filter=Q(direction="outbound", status=Message.Status.FAILED)),
        unconfirmed=Count("pk", filter=Q(dispatch_state__in=["unknown", "abandoned"])),
    )


def hours(*, now: datetime) -> list[Hour]:
    """Return today's messages by hour, ready to be drawn."""
    zone = timezone.get_current_timezone()
    rows = (
        Message.objects.filter(created_at__gte=midnight(now), is_internal_note=False, is_test=False)
        .annotate(hour=TruncHour("created_at", tzinfo=zone))
        .values("hour", "direction")
        .annotate(count=Count("pk"))
        .order_by()
    )
    counts = {(row["hour"].hour, row["direction"]): row["count"] for row in rows}
    top = max(counts.values(), default=0) or 1
    return [
        Hour(
            hour=hour,
            received=counts.get((hour, "inbound"), 0),
            sent=counts.get((hour, "outbound"), 0),
            x=hour * 20,
            received_height=round(90 * counts.get((hour, "inbound"), 0) / top),
            sent_height=round(90 * counts.get((hour, "outbound"), 0) / top),
        )
        for hour in range(24)
    ]


def waiting(user: User) -> list[tuple[Conversation, str]]:
    """Return the threads that wait longest for a person."""
    rows = (
        Conversation.objects.visible_to(user)
        .filter(status__in=[_S.QUEUED, _S.ACTIVE, _S.PENDING, _S.OPEN], waiting_since__isnull=False)
        .exclude(status=_S.OPEN, is_bot_active=True)
        .select_related("contact", "department", "current_agent")
        .prefetch_related(people.PRIMARY_IDENTITY)
        .order_by("waiting_since")[:SHOWN]
    )
    return [(row, people.title(row.contact, user)) for row in rows]


def failed(user: User, *, now: datetime) -> list[Failed]:
    """Return the latest messages of two days that failed or whose outcome is unknown."""
    rows = (
        Message.objects.filter(conversation__in=Conversation.objects.visible_to(user))
        .filter(created_at__gte=now - timedelta(days=2), direction="outbound")
        .filter(Q(status=Message.Status.FAILED) | Q(dispatch_state__in=["unknown", "abandoned"]))
        .select_related("contact")
        .prefetch_related(people.PRIMARY_IDENTITY)
        .order_by("-created_at")[:SHOWN]
    )
    return [Failed(message=row, title=people.title(row.contact, user), reason=failures.reason(row)) for row in rows]


def ailing_numbers() -> list[WhatsAppNumber]:
    """Return active numbers that are not connected, or not well."""
    rows = WhatsAppNumber.objects.alive().filter(is_active=True)
    return list(rows.exclude(status="connected", health_state="ok").order_by("display_name")[:SHOWN])


def dead_items() -> int:
    """Return how many stored items could not be processed and wait for people."""
    return WebhookItem.objects.filter(state="dead").count() + UnhandledMessage.objects.filter(is_dead=True).count()


def failing_flows(*, now: datetime) -> list[dict[str, Any]]:
    """Return the flows whose nodes failed today, worst first."""
    rows = (
        NodeVisit.objects.filter(visited_at__gte=midnight(now))
        .exclude(error_code="")
        .values(flow_id=F("flow_version__flow_id"), name=F("flow_version__flow__name"))
        .annotate(errors=Count("pk"))
        .order_by("-errors")[:SHOWN]
    )
    return [dict(row) for row in rows]


def first_steps() -> dict[str, bool]:
    """Return what an organization has set up already (three small queries)."""
    return {
        "number": WhatsAppNumber.objects.alive().exists(),
        "flow": Flow.objects.alive().filter(published_version__isnull=False).exists(),
        "message": Message.objects.filter(direction="inbound").exists(),
    }
