"""A minute of full load: one number at 1,000 messages a second, and ten numbers at 80 a second each.

Everything runs here: the simulator with its limits on, the fast entrance that takes its statuses (three a message),
a worker with two processes, beat. The simulator's ledger says how many passed in each second. CPU is that of
the installation (worker, entrance, beat, PostgreSQL) and, apart, of the simulator.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from benchmarks import crowd, harness, payloads, world

SECONDS = 10 if harness.quick() else 60
TOKEN = "benchmark-access-token"
# The first and the last second are not whole.
EDGE_S = 1


@dataclass(frozen=True)
class Load:
    """Numbers that send at their limit."""

    name: str
    first: int
    count: int
    per_second: int
    level: str


LOADS = (Load("1 number at 1,000/s", 0, 1, 1000, "HIGH"), Load("10 numbers at 80/s", 1, 10, 80, "STANDARD"))


def provider_id(index: int) -> str:
    """Return the provider's id of a number."""
    return str(int(payloads.PHONE_NUMBER_ID) + index)


def simulated(callback: str) -> dict[str, Any]:
    """Return the simulator's world: all numbers, everybody reads at once, limits on."""
    numbers = [
        {"id": provider_id(load.first + i), "waba": "200000000000001", "display": f"55119400{load.first + i:05}"}
        | {"level": load.level}
        for load in LOADS
        for i in range(load.count)
    ]
    lifecycle = {"sent_s": [0.05, 0.2], "delivered_s": [0.1, 0.5], "read_s": [0.3, 1.0], "tail_share": 0.0}
    lifecycle |= {"delivered_share": 1.0, "read_share": 1.0, "skip_delivered_share": 0.0}
    app = {
        "id": "700000000000001",
        "name": "Bench",
        "secret": payloads.SECRET,
        "verify_token": "benchmark-verify-token",
    }
    return {
        "apps": [{**app, "callback_url": callback}],
        "tokens": [{"token": TOKEN, "app": app["id"]}],
        "wabas": [{"id": "200000000000001", "name": "Bench", "portfolio": "800000000000001", "apps": [app["id"]]}],
        "numbers": numbers,
        "behaviour": {"latency_ms": 100.0, "lifecycle": lifecycle, "limits": {"window": "off"}},
    }


@contextmanager
def installation(folder: Path) -> Iterator[tuple[list[harness.Server], harness.Server]]:
    """Start everything; give the installation's processes and the simulator."""
    web, port = harness.free_port(), harness.free_port()
    base = f"http://127.0.0.1:{port}"
    (folder / "world.json").write_text(json.dumps(simulated(f"http://127.0.0.1:{web}/api/v1/whatsapp/webhook")))
    python = sys.executable
    celery = [python, "-m", "celery", "-q", "-A", "pytake"]
    quiet = ["-l", "ERROR", "--without-gossip", "--without-mingle"]
    judge = [python, "-m", "conversations.simulator", "--port", str(port), "--config", str(folder / "world.json")]
    uvicorn = [python, "-m", "uvicorn", "pytake.asgi:application", "--port", str(web), "--lifespan", "off"]
    free = {"WEBHOOK_POSTS_PER_MINUTE": "0", "WEBHOOK_POSTS_PER_MINUTE_OF_NUMBER": "0"}
    with (
        harness.Server([*judge, "--ledger", str(folder / "ledger.jsonl")], f"{base}/health") as simulator,
        harness.graph_at(base),
        harness.Server([*uvicorn, "--no-access-log"], f"http://127.0.0.1:{web}/api/v1/ping", free) as entrance,
        harness.Server([*celery, "worker", "-c", "2", "-Q", "inbound,outbound,maintenance", *quiet], "") as worker,
        harness.Server([*celery, "beat", "-l", "ERROR"], "") as beat,
    ):
        time.sleep(8)
        yield [entrance, worker, beat], simulator


def numbers_of(load: Load) -> list[UUID]:
    """Register the load's numbers (the first exists); return their ids."""
    from django.utils import timezone

    from conversations import numbers
    from conversations.models import WhatsAppNumber
    from pytake.accounts.models import User

    owner = User.objects.get(email="bench@example.com")
    assert owner.organization is not None
    for index in range(load.first, load.first + load.count):
        if not WhatsAppNumber.objects.filter(phone_number_id=provider_id(index)).exists():
            numbers.register_official(
                owner.organization,
                phone_number=f"55119400{index:05}",
                display_name=f"Bench {index}",
                phone_number_id=provider_id(index),
                business_account_id="200000000000001",
                access_token=TOKEN,
                app_secret=payloads.SECRET,
                verify_token="benchmark-verify-token",
                by=owner,
                now=timezone.now(),
            )
    ids = [provider_id(index) for index in range(load.first, load.first + load.count)]
    rows = WhatsAppNumber.objects.filter(phone_number_id__in=ids)
    rows.update(
        status="connected",
        limit_per_second=load.per_second,
        limit_per_minute=0,
        limit_per_hour=0,
        limit_per_day=0,
        min_gap_ms=0,
    )
    return [row.pk for row in rows]


def run(load: Load, numbers: Sequence[UUID], threads: Sequence[list[UUID]], folder: Path) -> dict[str, object]:
    """Send for a minute; return the figures."""
    from django.utils import timezone

    from conversations.models import Message, WebhookEvent
    from pytake.infra.nudge import nudge

    ledger = folder / "ledger.jsonl"
    ledger.unlink(missing_ok=True)
    for group in threads:
        crowd.queue(group, now=timezone.now())
    world.gather_statistics()
    with installation(folder) as (processes, simulator):
        used = sum(process.cpu_seconds() for process in processes) + harness.postgres_cpu_seconds()
        judged = simulator.cpu_seconds()
        for number_id in numbers:
            nudge("conversations.send_messages", number_id=str(number_id))
        backlog: list[int] = []
        began = time.monotonic()
        own = Message.objects.filter(number_id__in=numbers, direction="outbound")
        waiting = own.filter(dispatch_state__in=["queued", "sending"])
        while waiting.exists():
            assert time.monotonic() - began < SECONDS * 4, "the worker does not keep up"
            time.sleep(1)
            backlog.append(WebhookEvent.objects.filter(state="new").count())
        began = time.monotonic()
        while own.exclude(status="read").exists():
            assert time.monotonic() - began < SECONDS + 60, "the statuses do not come"
            time.sleep(0.5)
        settled = time.monotonic() - began
        used = sum(process.cpu_seconds() for process in processes) + harness.postgres_cpu_seconds() - used
        judged = simulator.cpu_seconds() - judged
    total = sum(len(group) for group in threads)
    figures = of_ledger(ledger, load)
    costs = {"CPU µs/message": used / total * 1e6, "simulator's": judged / total * 1e6}
    later = {"deliveries waiting (most)": max(backlog), "last status after s": settled}
    return {"case": load.name, "messages": total, **figures, **later, **costs}


def of_ledger(ledger: Path, load: Load) -> dict[str, object]:
    """Return the rate over the whole seconds, and the fullest second of a number against its limit."""
    seconds: Counter[tuple[str, int]] = Counter()
    with ledger.open(encoding="utf-8") as lines:
        for line in lines:
            sent = json.loads(line)
            seconds[sent["phone_number_id"], int(sent["at"])] += 1
    first, last = min(at for _, at in seconds) + EDGE_S, max(at for _, at in seconds) - EDGE_S
    whole = sum(count for (_, at), count in seconds.items() if first <= at <= last)
    return {
        "messages/s": whole / (last - first + 1),
        "fullest second ÷ limit": max(seconds.values()) / load.per_second,
    }


def main() -> None:
    """Run and report."""
    with harness.fresh_database(), TemporaryDirectory(prefix="pytake-load-") as folder:
        world.setup_django()
        from django.utils import timezone

        from pytake.infra import tenancy

        world.create()
        rows: list[dict[str, object]] = []
        with tenancy.organization_context(world.organization_id()):
            first = 0
            for load in LOADS:
                numbers = numbers_of(load)
                each = load.per_second * SECONDS
                threads: list[list[UUID]] = []
                for number_id in numbers:
                    threads.append(crowd.create(str(number_id), each, now=timezone.now(), first=first))
                    first += each
                rows.append(run(load, numbers, threads, Path(folder)))
    harness.report("sustained_load", f"{SECONDS} s at the limit, statuses coming back", rows)


if __name__ == "__main__":
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    main()
