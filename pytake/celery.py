"""The Celery application. Rows are the queue; tasks are hints that may be lost, repeated or late."""

from __future__ import annotations

import gc
import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from pytake.infra import observability

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pytake.settings")

# First: Celery asks at the start whether somebody else sets up logging.
observability.connect_celery()
app = Celery("pytake")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Celery's current application is per thread; without a default, a nudge from another thread (a page in a
# server's pool) would go to a broker on localhost.
app.set_default()


@worker_process_init.connect
def _leave_the_program_to_itself(**_: Any) -> None:
    """Take what was loaded at the start out of the garbage collector's rounds: a quarter of the CPU of a send."""
    gc.collect()
    gc.freeze()
