"""From stored webhooks to committed turns: session, log lines, intents. Two workers, one worker, and the ORM's way.

Every customer writes "oi" (a flow begins, its menu is sent) and then taps a button of the menu. Measured is the
time from the commit of the deliveries to the last committed turn, sending excluded.
"""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
import time

from benchmarks import harness, payloads, world

PEOPLE = 1000 if harness.quick() else 5000
FEW = 150 if harness.quick() else 500
BATCH = 10


def tap(wa_id: str) -> dict[str, object]:
    """Return a tap on the menu's first button."""
    message = payloads.text_message(wa_id, "")
    del message["text"]
    answer = {"type": "button_reply", "button_reply": {"id": "book", "title": "Agendar consulta"}}
    return {**message, "type": "interactive", "interactive": answer}


def deliveries(first: int, count: int) -> list[bytes]:
    """Return the bodies: everybody says "oi", then everybody taps."""
    people = [payloads.person(first + index) for index in range(count)]
    random.Random(7).shuffle(people)
    said = [payloads.text_message(who, "oi") for who in people] + [tap(who) for who in people]
    return [payloads.body(said[at : at + BATCH]) for at in range(0, len(said), BATCH)]


def work() -> None:
    """Do what a worker's task does, until told to stop (a process of its own)."""
    world.setup_django()
    gc.collect()
    gc.freeze()  # as workers do
    from datetime import timedelta

    from django.utils import timezone

    from conversations import handling, inbound

    while True:
        until = timezone.now() + timedelta(seconds=20)
        found = inbound.process_waiting(now=timezone.now(), until=until, clock=timezone.now)
        found += handling.handle_waiting(until=until, clock=timezone.now)
        if not found:
            time.sleep(0.01)


def with_workers(count: int, number_id: str, bodies: list[bytes]) -> dict[str, object]:
    """Store the deliveries at once; measure until `count` workers have answered all of them."""
    from django.utils import timezone

    from conversations.models import UnhandledMessage, WebhookEvent, WhatsAppNumber

    number = WhatsAppNumber.objects.get(pk=number_id)
    command = [sys.executable, "-m", "benchmarks.inbound_turns", "--worker"]
    workers = [subprocess.Popen(command, cwd=harness.ROOT) for _ in range(count)]
    try:
        time.sleep(4)
        before = sum(harness.cpu_of(worker.pid) for worker in workers)
        database = harness.postgres_cpu_seconds()
        WebhookEvent.objects.bulk_create(
            WebhookEvent(
                organization_id=number.organization_id,
                number=number,
                raw_body=raw,
                verified_number_ids=[number_id],
                received_at=timezone.now(),
            )
            for raw in bodies
        )
        began = time.perf_counter()
        while WebhookEvent.objects.filter(state="new").exists() or UnhandledMessage.objects.exists():
            assert time.perf_counter() - began < 180, "the workers do not finish"
            time.sleep(0.02)
        took = time.perf_counter() - began
        used = sum(harness.cpu_of(worker.pid) for worker in workers) - before
        used += harness.postgres_cpu_seconds() - database
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    turns = len(bodies) * BATCH
    return {"turns": turns, "turns/s": turns / took, "CPU µs/turn": used / turns * 1e6}


def one_by_one(number_id: str, bodies: list[bytes]) -> dict[str, object]:
    """Take the same kind of deliveries message by message, in this process."""
    from django.utils import timezone

    from benchmarks.baselines import message_by_message
    from conversations.models import WhatsAppNumber

    number = WhatsAppNumber.objects.get(pk=number_id)
    began, cpu, database = time.perf_counter(), time.process_time(), harness.postgres_cpu_seconds()
    turns = sum(message_by_message.take(raw, number=number, now=timezone.now()) for raw in bodies)
    took = time.perf_counter() - began
    used = time.process_time() - cpu + harness.postgres_cpu_seconds() - database
    return {"turns": turns, "turns/s": turns / took, "CPU µs/turn": used / turns * 1e6}


def main() -> None:
    """Run and report."""
    with harness.fresh_database():
        world.setup_django()
        from pytake.infra import tenancy

        number_id = world.create()
        with tenancy.organization_context(world.organization_id()):
            with_workers(1, number_id, deliveries(30_000, 200))
            world.gather_statistics()
            rows: list[dict[str, object]] = [
                {"case": "slices, two workers", **with_workers(2, number_id, deliveries(0, PEOPLE))},
                {"case": "slices, one worker", **with_workers(1, number_id, deliveries(10_000, PEOPLE))},
                {"case": "message by message, one worker", **one_by_one(number_id, deliveries(20_000, FEW))},
            ]
    usual = float(str(rows[2]["turns/s"]))
    for row in rows:
        row["× message by message"] = float(str(row["turns/s"])) / usual
    harness.report("inbound_turns", "Stored deliveries to committed turns", rows)


if __name__ == "__main__":
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    if "--worker" in sys.argv:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pytake.settings")
        work()
    else:
        main()
