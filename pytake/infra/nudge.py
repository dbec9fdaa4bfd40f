"""Tell workers that rows are waiting, after the commit and never before.

A nudge is a hint: losing one costs a few seconds until the next tick, repeating one costs nothing.
It may be lost silently (Redis down), because periodic ticks nudge everything that waits.
"""

from __future__ import annotations

from functools import partial

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


def nudge(task_name: str, **arguments: str | int) -> None:
    """Send the named task after the running transaction commits (at once outside of one)."""
    transaction.on_commit(partial(_send, task_name, arguments), robust=True)


def _send(task_name: str, arguments: dict[str, str | int]) -> None:
    try:
        current_app.send_task(task_name, kwargs=arguments, retry=False)
    except (OperationalError, OSError):
        log.warning("nudge.lost", task=task_name)
