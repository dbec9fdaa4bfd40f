"""Metrics for Prometheus: what processes have counted, and what the rows say at this moment."""

from __future__ import annotations

import hmac
from datetime import datetime
from ipaddress import ip_address
from typing import Final

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST

from notifications import registry
from pytake.errors import not_found
from pytake.infra import live, metrics, redis_client, tenancy

_QUEUES: Final = ("inbound", "outbound", "automations", "maintenance")

# Name -> (help, SQL for one number). Partial indexes carry all of them.
_FROM_ROWS: Final = {
    "pytake_webhooks_waiting": (
        "Stored webhook deliveries that are not read.",
        "SELECT count(*) FROM conversations_webhookevent WHERE state = 'new'",
    ),
    "pytake_webhooks_oldest_seconds": (
        "Age of the oldest stored webhook delivery that is not read.",
        "SELECT extract(epoch FROM %(now)s - min(received_at)) FROM conversations_webhookevent WHERE state = 'new'",
    ),
    "pytake_turns_waiting": (
        "Inbound messages that wait for a turn.",
        "SELECT count(*) FROM conversations_unhandledmessage WHERE NOT is_dead",
    ),
    "pytake_turns_oldest_seconds": (
        "Age of the oldest inbound message that waits for a turn.",
        "SELECT extract(epoch FROM %(now)s - min(created_at)) FROM conversations_unhandledmessage WHERE NOT is_dead",
    ),
    "pytake_turns_dead": (
        "Inbound messages that could not be handled and wait for a person.",
        "SELECT count(*) FROM conversations_unhandledmessage WHERE is_dead",
    ),
    "pytake_sends_waiting": (
        "Messages that wait to be sent.",
        "SELECT count(*) FROM conversations_message WHERE dispatch_state = 'queued'",
    ),
    "pytake_sends_oldest_seconds": (
        "Age of the oldest message that waits to be sent and may be.",
        (
            "SELECT extract(epoch FROM %(now)s - min(coalesce(not_before, created_at))) FROM conversations_message"
            " WHERE dispatch_state = 'queued' AND (not_before IS NULL OR not_before <= %(now)s)"
        ),
    ),
    "pytake_sends_in_flight": (
        "Messages that a worker is sending.",
        "SELECT count(*) FROM conversations_message WHERE dispatch_state = 'sending'",
    ),
    "pytake_sends_unconfirmed": (
        "Messages whose sending has an unknown outcome.",
        "SELECT count(*) FROM conversations_message WHERE dispatch_state = 'unknown'",
    ),
    "pytake_timers_late_seconds": (
        "How late the oldest timer is that should have fired.",
        "SELECT greatest(extract(epoch FROM %(now)s - min(due_at)), 0) FROM flows_flowtimer WHERE state = 'pending'",
    ),
    "pytake_events_waiting": (
        "Realtime events without a number.",
        "SELECT count(*) FROM notifications_realtimeevent WHERE seq IS NULL",
    ),
}


@require_GET
@login_not_required
def prometheus(request: HttpRequest) -> HttpResponse:
    """Answer to holders of METRICS_TOKEN; without one, to this machine only."""
    if not _may_read(request):
        return not_found(request, Exception())
    return HttpResponse(metrics.page(_figures(now=timezone.now())), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
    # Behind a proxy everybody seems to be on this machine; then there is a forwarding header.
    forwarded = {"X-Forwarded-For", "Forwarded", "X-Real-Ip"} & set(request.headers)
    try:
        return not forwarded and ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _figures(*, now: datetime) -> dict[str, tuple[str, float]]:
    figures: dict[str, tuple[str, float]] = {}
    with tenancy.platform_scope("metrics count waiting rows of all organizations"), connection.cursor() as cursor:
        for name, (text, statement) in _FROM_ROWS.items():
            cursor.execute(statement, {"now": now})
            figures[name] = (text, float(cursor.fetchone()[0] or 0))
    sockets = registry.totals(now=now)
    figures["pytake_sockets"] = ("Open sockets of all processes.", sockets["totalConnections"])
    figures["pytake_socket_rooms"] = ("Rooms that somebody listens to.", sockets["total_rooms"])
    return figures | _from_redis(now=now)


def _from_redis(*, now: datetime) -> dict[str, tuple[str, float]]:
    """Count hints that wait for a worker, and how long ago a tick reached one; absent while Redis is away."""
    try:
        client = redis_client.client()
        lengths = {name: client.llen(redis_client.key("celery", name)) for name in _QUEUES}
        tick = live.last_tick()
    except redis.RedisError:
        return {}
    figures = {
        f"pytake_hints_waiting_{name}": (f"Hints in the queue {name}.", float(str(length)))
        for name, length in lengths.items()
    }
    if tick is not None:
        text = "Time since a periodic task (every 2 s) last reached a worker."
        figures["pytake_scheduler_lag_seconds"] = (text, max(0.0, now.timestamp() - tick))
    return figures
