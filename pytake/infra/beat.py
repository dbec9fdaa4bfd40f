"""The scheduler of Celery's beat: django-celery-beat's, ended by a signal without waiting for itself."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Final

from django_celery_beat.schedulers import DatabaseScheduler

# Far more than the way out takes; what interrupts a destructor is lost there, so somebody must insist.
END_S: Final = 5


class Scheduler(DatabaseScheduler):  # type: ignore[misc]  # the package has no types
    """Celery's own handler saves the schedule within the signal. A query that the signal interrupts holds the
    connection's lock, which the handler then waits for without end; so the handler only ends the loop, and beat
    saves the schedule on its way out, as it does anyway.
    """

    def setup_schedule(self) -> None:
        """Read the schedule, and from now on end when asked to."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, _end)
        super().setup_schedule()


def _end(number: int, frame: FrameType | None) -> Any:
    signal.alarm(END_S)
    raise SystemExit
