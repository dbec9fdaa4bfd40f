"""Celery's entry points of flows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery import shared_task
from django.utils import timezone

from flows import timers


@shared_task(name="flows.fire_timers")
def fire_timers(**_: Any) -> None:
    """Wake sessions whose timer is due."""
    timers.fire_due(until=timezone.now() + timedelta(seconds=20), clock=timezone.now)


@shared_task(name="flows.expire_sessions")
def expire_sessions(**_: Any) -> None:
    """End sessions whose time is over."""
    timers.expire(now=timezone.now())
