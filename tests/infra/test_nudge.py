"""Nudges: after the commit, sparing, and harmless when the broker is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from celery import current_app
from django.db import transaction

from pytake.infra import redis_client
from pytake.infra.nudge import nudge, nudge_sparsely

QUEUE = "nudge-test"


@pytest.fixture
def queue(settings: object) -> Iterator[str]:
    """Route a task that nobody runs into a list of its own."""
    old = current_app.conf.task_routes
    current_app.conf.task_routes = {"tests.*": {"queue": QUEUE}}
    current_app.amqp.flush_routes()
    key = f"{current_app.conf.broker_transport_options['global_keyprefix']}{QUEUE}"
    redis_client.client().delete(key)
    yield key
    redis_client.client().delete(key)
    current_app.conf.task_routes = old
    current_app.amqp.flush_routes()


def waiting(key: str) -> int:
    return int(redis_client.client().llen(key))


@pytest.mark.django_db(transaction=True)
def test_a_nudge_leaves_after_the_commit_and_not_at_all_after_a_rollback(queue: str) -> None:
    with transaction.atomic():
        nudge("tests.committed")
        assert waiting(queue) == 0
    assert waiting(queue) == 1

    with transaction.atomic():
        nudge("tests.rolled_back")
        transaction.set_rollback(True)
    assert waiting(queue) == 1


def test_hundreds_of_arrivals_make_two_nudges_the_last_one_after_all_of_them(queue: str) -> None:
    for _ in range(300):
        nudge_sparsely("tests.sparse", every_s=0.2)
    assert waiting(queue) == 1

    deadline = time.monotonic() + 3
    while waiting(queue) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)

    assert waiting(queue) == 2
    assert threading.active_count() < 20
