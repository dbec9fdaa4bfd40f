"""Celery's entry points of realtime."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from notifications import events, presence


@shared_task(name="notifications.publish_pending")
def publish_pending(**_: Any) -> None:
    """Number and announce events whose publication was lost."""
    events.publish_pending(now=timezone.now())


@shared_task(name="notifications.forget_old")
def forget_old(**_: Any) -> None:
    """Delete events that no page will ask for any more."""
    events.forget_old(now=timezone.now())


@shared_task(name="notifications.settle_presence")
def settle_presence(**_: Any) -> None:
    """Set those offline whose last socket has gone."""
    presence.settle(now=timezone.now())
