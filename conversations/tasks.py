"""Celery's entry points of the channel. Each does whatever waits, whoever called it and however often."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, Final

from celery import shared_task
from django.utils import timezone

from conversations import handling, inbound, outbound, sweeping
from conversations.media import fetching

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
    """Send what is due, for one number or for all."""
    until = timezone.now() + BUDGET
    if number_id is None:
        outbound.drain_waiting(until=until, clock=timezone.now)
        return
    for waiting in outbound.numbers_waiting(timezone.now(), number_id=uuid.UUID(number_id)):
        outbound.drain(waiting, until=until, clock=timezone.now)


@shared_task(name="conversations.sweep_sending")
def sweep_sending(**_: Any) -> None:
    """Heal what crashes left behind."""
    sweeping.sweep(now=timezone.now())


@shared_task(name="conversations.fetch_media")
def fetch_media(**_: Any) -> None:
    """Fetch files of messages that are due, some at a time, on one worker: others stay free for messages."""
    fetching.fetch_together(until=timezone.now() + BUDGET, clock=timezone.now)
