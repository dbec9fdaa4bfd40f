"""Nudges: after the commit, sparing, and harmless when the broker is away."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from celery import Celery, current_app
from django.db import transaction

from pytake.infra import nudge as nudge_module
from pytake.infra import redis_client
from pytake.infra.embedded.ports import free_port
from pytake.infra.nudge import nudge, nudge_sparsely

QUEUE = "nudge-test"


@pytest.fixture
def queue(settings: object) -> Iterator[str]:
    """Route a task that nobody runs into a list of its own."""
    old = current_app.conf.task_routes
    current_app.conf.task_routes = {"tests.*": {"queue": QUEUE}}
    forget_routes()
    key = f"{current_app.conf.broker_transport_options['global_keyprefix']}{QUEUE}"
    redis_client.client().delete(key)
    yield key
    redis_client.client().delete(key)
    current_app.conf.task_routes = old
    forget_routes()


def forget_routes() -> None:
    """Have Celery read its routes again, also when something was sent before."""
    current_app.amqp.flush_routes()
    current_app.amqp.__dict__.pop("router", None)


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


def test_who_may_wait_longer_holds_up_nobody(queue: str) -> None:
    for _ in range(5):
        nudge_sparsely("tests.lanes", every_s=60.0, lane="delayed")
    assert waiting(queue) == 1

    nudge_sparsely("tests.lanes", every_s=60.0)
    assert waiting(queue) == 2


@pytest.fixture
def elsewhere() -> Iterator[Callable[[int], None]]:
    """Return a function that makes another port the broker, with the settings of ours."""
    ours = current_app._get_current_object()  # type: ignore[attr-defined]  # a proxy; the stubs know the app alone
    apps: list[Celery] = []

    def use(port: int) -> None:
        apps.append(Celery("elsewhere", broker=f"redis://127.0.0.1:{port}/0"))
        apps[-1].conf.broker_transport_options = ours.conf.broker_transport_options
        apps[-1].set_current()

    yield use
    ours.set_current()
    for app in apps:
        app.close()
    time.sleep(nudge_module._AWAY_S)


def test_a_broker_that_is_gone_costs_a_moment(elsewhere: Callable[[int], None]) -> None:
    elsewhere(free_port())
    began = time.monotonic()

    for _ in range(5):
        nudge_sparsely("tests.gone", every_s=0.0)

    assert time.monotonic() - began < 0.5


def test_a_broker_that_hangs_costs_one_caller_a_second_or_two(elsewhere: Callable[[int], None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        elsewhere(silent.getsockname()[1])
        began = time.monotonic()

        for _ in range(5):
            nudge_sparsely("tests.hangs", every_s=0.0)

        assert time.monotonic() - began < 2.5
