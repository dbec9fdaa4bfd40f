"""Celery's entry points of the channel. Each does whatever waits, whoever called it and however often."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta
from typing import Any, Final

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from conversations import handling, inbound, lanes, outbound, receipts, sweeping
from conversations.health import alerts, watch
from conversations.media import fetching, uploading
from conversations.message_templates import notices, sync
from conversations.official import refresh
from conversations.people import importing, merge_queue
from conversations.qr import watch as qr_watch
from pytake.infra import tenancy
from pytake.infra.nudge import nudge

BUDGET: Final = timedelta(seconds=20)


@shared_task(name="conversations.process_webhooks")
def process_webhooks(**_: Any) -> None:
    """Read new deliveries and handle what they brought, by turns: nobody waits for the end of a stream."""
    until = timezone.now() + BUDGET
    while timezone.now() < until:
        taken = inbound.process_round(until=until, clock=timezone.now)
        handled = handling.handle_waiting(until=until, clock=timezone.now)
        if not taken and not handled:
            break


@shared_task(name="conversations.handle_messages")
def handle_messages(**_: Any) -> None:
    """Handle messages that wait."""
    handling.handle_waiting(until=timezone.now() + BUDGET, clock=timezone.now)


@shared_task(name="conversations.send_messages")
def send_messages(*, number_id: str | None = None, **_: Any) -> None:
    """Send what is due: for all numbers, or a turn of one; what is left of it queues up behind the others."""
    until = timezone.now() + BUDGET
    if number_id is None:
        outbound.drain_waiting(until=until, clock=timezone.now, pause=time.sleep, together=settings.SEND_TOGETHER)
        return
    for waiting in lanes.waiting(timezone.now(), number_id=uuid.UUID(number_id)):
        turn = outbound.take_turn(waiting, until=until, clock=timezone.now, slices=outbound.SLICES_A_TURN)
        if turn and turn.has_more:
            nudge("conversations.send_messages")


@shared_task(name="conversations.sweep_sending")
def sweep_sending(**_: Any) -> None:
    """Heal what crashes left behind."""
    sweeping.sweep(now=timezone.now())


@shared_task(name="conversations.watch_qr_numbers")
def watch_qr_numbers(**_: Any) -> None:
    """Look after numbers paired by QR code."""
    qr_watch.watch(now=timezone.now())


@shared_task(name="conversations.fetch_media")
def fetch_media(**_: Any) -> None:
    """Fetch files of messages that are due, some at a time, on one worker: others stay free for messages."""
    fetching.fetch_together(until=timezone.now() + BUDGET, clock=timezone.now)


@shared_task(name="conversations.upload_media")
def upload_media(**_: Any) -> None:
    """Bring files to the provider that messages wait for."""
    uploading.upload_waiting(until=timezone.now() + BUDGET, clock=timezone.now)


@shared_task(name="conversations.send_receipts")
def send_receipts(**_: Any) -> None:
    """Tell people that their messages were read."""
    receipts.send_waiting(until=timezone.now() + BUDGET, clock=timezone.now)


@shared_task(name="conversations.sync_templates")
def sync_templates(**_: Any) -> None:
    """Read templates of accounts that are due."""
    sync.run_due(until=timezone.now() + BUDGET, clock=timezone.now)


@shared_task(name="conversations.tell_of_templates")
def tell_of_templates(**_: Any) -> None:
    """Mail administrators what happened to templates."""
    notices.tell_waiting(now=timezone.now())


@shared_task(name="conversations.refresh_numbers")
def refresh_numbers(*, number_id: str | None = None, **_: Any) -> None:
    """Ask WhatsApp about numbers that were not asked about lately, or about one."""
    until = timezone.now() + BUDGET
    for organization_id, pk in refresh.due(now=timezone.now(), number_id=uuid.UUID(number_id) if number_id else None):
        with tenancy.organization_context(organization_id):
            refresh.refresh(pk, now=timezone.now())
        if timezone.now() >= until:
            break


@shared_task(name="conversations.watch_numbers")
def watch_numbers(*, organization_id: str | None = None, **_: Any) -> None:
    """Judge the risk of numbers, hold what endangers them, and mail what was not told yet."""
    for pk in [uuid.UUID(organization_id)] if organization_id else watch.organizations():
        with tenancy.organization_context(pk):
            watch.watch(pk, now=timezone.now())
            alerts.send(pk, now=timezone.now())


@shared_task(name="conversations.mail_number_alerts")
def mail_number_alerts(*, organization_id: str, **_: Any) -> None:
    """Mail what happened to numbers and is serious."""
    with tenancy.organization_context(uuid.UUID(organization_id)):
        alerts.send(uuid.UUID(organization_id), now=timezone.now())


@shared_task(name="conversations.import_contacts")
def import_contacts(**_: Any) -> None:
    """Import rows of contacts that wait, a slice of each import in turn; go on in another task when time is over."""
    until = timezone.now() + BUDGET
    importing.import_waiting(until=until, clock=timezone.now)
    if timezone.now() >= until:
        nudge(importing.TASK)
    else:
        importing.forget(now=timezone.now())


@shared_task(name="conversations.merge_matches")
def merge_matches(**_: Any) -> None:
    """Merge contacts that the provider proved to be one."""
    merge_queue.merge_waiting(until=timezone.now() + BUDGET, clock=timezone.now)
