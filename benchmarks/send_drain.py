"""Sending what waits: one drain against a provider of 0 ms and of 100 ms, and one Celery task a recipient.

The third case is the whole channel: the simulator answers after 100 ms and posts three statuses a message to
the web process, while a worker applies them. CPU is that of the sender and of PostgreSQL.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from benchmarks import crowd, harness, payloads, world

MANY = 4000 if harness.quick() else 30_000
FEW = 300 if harness.quick() else 2000
TOKEN = "benchmark-access-token"


@contextmanager
def provider(latency_ms: float) -> Iterator[str]:
    """Run the cheapest provider there is; give its address."""
    port = harness.free_port()
    base = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "benchmarks.responder", str(port), str(latency_ms)]
    with harness.Server(command, f"{base}/"):
        yield base


def drain_all(count: int) -> dict[str, object]:
    """Drain in this process, as a worker's task does; return the figures."""
    from django.utils import timezone

    from conversations import outbound

    began, cpu, database = time.perf_counter(), time.process_time(), harness.postgres_cpu_seconds()
    sent = 0
    while sent < count:
        done = outbound.drain_waiting(until=timezone.now() + timedelta(seconds=120), clock=timezone.now)
        assert done, f"only {sent} of {count} left"
        sent += done
    took = time.perf_counter() - began
    used = time.process_time() - cpu + harness.postgres_cpu_seconds() - database
    return {"messages/s": count / took, "CPU µs/message": used / count * 1e6}


def one_task_each(count: int, organization_id: str) -> dict[str, object]:
    """Send with the usual pattern; return the figures."""
    from benchmarks.baselines import task_per_recipient
    from conversations.models import Message

    waiting = Message.objects.filter(dispatch_state="queued")
    ids = list(waiting.values_list("pk", flat=True)[:count])
    command = [sys.executable, "-m", "celery", "-A", "benchmarks.baselines.task_per_recipient", "worker", "-c", "2"]
    with harness.Server([*command, "-Q", "usual", "-l", "ERROR", "--without-gossip", "--without-mingle"], "") as worker:
        time.sleep(6)
        cpu, database = worker.cpu_seconds(), harness.postgres_cpu_seconds()
        began = time.perf_counter()
        for message_id in ids:
            task_per_recipient.send.delay(organization_id, str(message_id))
        while waiting.filter(pk__in=ids).exists():
            assert time.perf_counter() - began < 120, "the worker does not send"
            time.sleep(0.1)
        took = time.perf_counter() - began
        used = worker.cpu_seconds() - cpu + harness.postgres_cpu_seconds() - database
    return {"messages/s": count / took, "CPU µs/message": used / count * 1e6}


def _after(seconds: float, count: Callable[[], int]) -> int:
    time.sleep(seconds)
    return count()


def with_statuses(threads: list[UUID], count: int) -> dict[str, object]:
    """Send through the simulator while its statuses come back; return the figures."""
    from django.utils import timezone

    from conversations.models import Message

    web, simulator = harness.free_port(), harness.free_port()
    base = f"http://127.0.0.1:{simulator}"
    granian = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(web), "pytake.wsgi:application"]
    celery = [sys.executable, "-m", "celery", "-q", "-A", "pytake", "worker", "-c", "1", "-Q", "inbound", "-l", "ERROR"]
    environment = {
        "SIMULATOR_APP_SECRET": payloads.SECRET,
        "SIMULATOR_ACCESS_TOKEN": TOKEN,
        "SIMULATOR_VERIFY_TOKEN": "benchmark-verify-token",
        "SIMULATOR_CALLBACK_URL": f"http://127.0.0.1:{web}/api/v1/whatsapp/webhook",
    }
    judge = [sys.executable, "-m", "conversations.simulator", "--port", str(simulator), "--responder"]
    with (
        harness.Server(granian, f"http://127.0.0.1:{web}/api/v1/ping"),
        harness.Server([*celery, "--without-gossip", "--without-mingle"], ""),
        harness.Server([*judge, "--latency-ms", "100"], f"{base}/health", environment),
        harness.graph_at(base),
    ):
        time.sleep(6)
        began_at = timezone.now()
        crowd.queue(threads[:count], now=began_at)
        figures = drain_all(count)
        began = time.perf_counter()
        told = Message.objects.filter(conversation_id__in=threads[:count], created_at__gte=began_at)
        arrived = told.filter(status__in=["delivered", "read"])
        settled = arrived.count()
        while (more := _after(2.0, arrived.count)) > settled and time.perf_counter() - began < 120:
            settled = more
    return {**figures, "statuses": f"{settled} of {count} delivered, {time.perf_counter() - began:.1f} s later"}


def main() -> None:
    """Run and report."""
    with harness.fresh_database():
        world.setup_django()
        gc.collect()
        gc.freeze()  # as workers do
        from django.utils import timezone

        from pytake.infra import tenancy

        number_id = world.create()
        organization_id = world.organization_id()
        rows: list[dict[str, object]] = []
        with tenancy.organization_context(organization_id):
            threads = crowd.create(number_id, MANY, now=timezone.now())
            world.gather_statistics()
            for latency in (0, 100):
                with provider(latency) as base, harness.graph_at(base):
                    crowd.queue(threads, now=timezone.now())
                    rows.append({"case": f"drain, provider {latency} ms", **drain_all(MANY)})
            with provider(0) as base, harness.graph_at(base):
                crowd.queue(threads[:FEW], now=timezone.now())
                rows.append({"case": "task a recipient, provider 0 ms", **one_task_each(FEW, organization_id)})
            rows.append({"case": "drain, simulator 100 ms + statuses", **with_statuses(threads, MANY // 2)})
    usual = float(str(rows[2]["messages/s"]))
    for row in rows:
        row["× the usual"] = float(str(row["messages/s"])) / usual
    harness.report("send_drain", f"Sending {MANY:,} waiting messages (one sender process)", rows)


if __name__ == "__main__":
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    main()
