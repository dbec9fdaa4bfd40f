"""Tell workers that rows are waiting, after the commit and never before.

A nudge is a hint: losing one costs a few seconds until the next tick, repeating one costs nothing.
It may be lost silently (Redis down), because periodic ticks nudge everything that waits.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Final

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)
# After a failure nobody tries for so long: a broker that hangs would cost every caller its time-out.
_AWAY_S: Final = 1.0
_away_until = 0.0
_sparse_lock = threading.Lock()
_sparse_last: dict[str, float] = {}
_sparse_waiting: set[str] = set()


def nudge(task_name: str, **arguments: str | int) -> None:
    """Send the named task after the running transaction commits (at once outside of one)."""
    transaction.on_commit(partial(_send, task_name, arguments), robust=True)


def nudge_sparsely(task_name: str, *, every_s: float, lane: str = "") -> None:
    """Nudge for something that arrives in hundreds a second: at most once in `every_s`, and once after the last.

    For callers outside of transactions. The first goes out at once, a later one when its turn has come, from a
    thread of its own, so that what arrived just after a worker had looked does not wait for the next tick. Callers
    in different lanes do not wait for each other's turns.
    """
    turn = f"{lane}:{task_name}"
    with _sparse_lock:
        wait = _sparse_last.get(turn, -every_s) + every_s - time.monotonic()
        if wait <= 0:
            _sparse_last[turn] = time.monotonic()
        elif turn in _sparse_waiting:
            return
        else:
            _sparse_waiting.add(turn)
    if wait <= 0:
        _send(task_name, {})
        return
    timer = threading.Timer(wait, _send_late, [task_name, turn])
    timer.daemon = True
    timer.start()


def _send_late(task_name: str, turn: str) -> None:
    with _sparse_lock:
        _sparse_waiting.discard(turn)
        _sparse_last[turn] = time.monotonic()
    _send(task_name, {})


def _send(task_name: str, arguments: dict[str, str | int]) -> None:
    global _away_until  # noqa: PLW0603  # a plain number, written whole; a race costs one attempt more
    if time.monotonic() < _away_until:
        return
    try:
        current_app.send_task(task_name, kwargs=arguments, retry=False)
    except (OperationalError, OSError):
        _away_until = time.monotonic() + _AWAY_S
        log.warning("nudge.lost", task=task_name)
