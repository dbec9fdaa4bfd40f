"""What does it cost to accept a webhook durably?

Single-update posts, one after the other on some connections, against four servers in one run: a WSGI application
that only answers 200, PyTake's view, a conventional DRF + ORM view under gunicorn (two workers each), and PyTake's
fast entrance (one process of `realtime`). Then 3,000 updates a second in mixed batches for 60 s, by both entrances,
and a count of what was stored.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time

import aiohttp
import psycopg

from benchmarks import harness, payloads, world

PATH = "/api/v1/whatsapp/webhook"
POSTS = 2000 if harness.quick() else 6000
SECONDS = 5 if harness.quick() else 60
UPDATES_PER_SECOND = 3000
CONNECTIONS = (8, 32)


async def closed_loop(url: str, posts: int, connections: int) -> tuple[float, list[float]]:
    """Post `posts` single updates over some connections; return the seconds taken and the latencies."""
    bodies = [payloads.body([payloads.text_message(payloads.person(i % 1000), "oi")]) for i in range(posts)]
    queue = iter(bodies)
    latencies: list[float] = []

    async def worker(session: aiohttp.ClientSession) -> None:
        for raw in queue:
            began = time.perf_counter()
            async with session.post(url, data=raw, headers=payloads.headers(raw)) as response:
                assert response.status == 200, await response.text()
            latencies.append(time.perf_counter() - began)

    async with aiohttp.ClientSession() as session:
        began = time.perf_counter()
        await asyncio.gather(*(worker(session) for _ in range(connections)))
        return time.perf_counter() - began, latencies


async def open_loop(url: str) -> tuple[int, int, list[float]]:
    """Send UPDATES_PER_SECOND in batches of 1 to 200; return posts, updates and latencies."""
    rng = random.Random(7)
    latencies: list[float] = []
    pending: set[asyncio.Task[None]] = set()
    posts = updates = 0

    async def post(session: aiohttp.ClientSession, raw: bytes) -> None:
        began = time.perf_counter()
        async with session.post(url, data=raw, headers=payloads.headers(raw)) as response:
            assert response.status == 200, await response.text()
        latencies.append(time.perf_counter() - began)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=40)) as session:
        start = time.perf_counter()
        while (elapsed := time.perf_counter() - start) < SECONDS:
            while updates < elapsed * UPDATES_PER_SECOND:
                size = rng.choice([1, 1, 5, 20, 50, 200])
                raw, _ = payloads.mixed(rng, size)
                updates += size
                posts += 1
                task = asyncio.create_task(post(session, raw))
                pending.add(task)
                task.add_done_callback(pending.discard)
            await asyncio.sleep(0.005)
        await asyncio.gather(*pending)
    return posts, updates, latencies


GRANIAN = [sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "2", "--port", "{port}"]
GUNICORN = [sys.executable, "-m", "gunicorn", "--workers", "2", "--log-level", "warning", "-b", "127.0.0.1:{port}"]
UVICORN = [sys.executable, "-m", "uvicorn", "--log-level", "warning", "--lifespan", "off", "--no-access-log"]
VIEW, FAST, USUAL = "PyTake's view (granian)", "PyTake's fast entrance (uvicorn)", "DRF + ORM (gunicorn)"
SERVERS = {
    "answering 200 (granian)": [*GRANIAN, "benchmarks.baselines.plain:application"],
    VIEW: [*GRANIAN, "pytake.wsgi:application"],
    USUAL: [*GUNICORN, "benchmarks.baselines.conventional_wsgi:application"],
    FAST: [*UVICORN, "--no-proxy-headers", "--port", "{port}", "pytake.asgi:application"],
}


def main() -> None:
    """Run and report."""
    with harness.fresh_database() as database:
        world.setup_django()
        world.create()
        # Everything comes from one address here.
        limits = {"WEBHOOK_POSTS_PER_MINUTE": "0", "WEBHOOK_POSTS_PER_MINUTE_OF_NUMBER": "0"}
        environment = {"BENCH_APP_SECRET": payloads.SECRET, "LOG_LEVEL": "WARNING", **limits}
        for connections in CONNECTIONS:
            acceptance(connections, environment)
        sustained(database, environment)


def acceptance(connections: int, environment: dict[str, str]) -> None:
    """What each server needs for a post when so many come at a time."""
    rows: list[dict[str, object]] = []
    for name, command in SERVERS.items():
        port = harness.free_port()
        url = f"http://127.0.0.1:{port}{PATH}"
        with harness.Server([word.format(port=port) for word in command], url, environment) as server:
            asyncio.run(closed_loop(url, 200, connections))
            before = server.cpu_seconds()
            took, latencies = asyncio.run(closed_loop(url, POSTS, connections))
            cpu = server.cpu_seconds() - before
        rows.append(
            {
                "server": name,
                "posts/s": POSTS / took,
                "server CPU µs/post": cpu / POSTS * 1e6,
                "median ms": harness.percentile(latencies, 0.5) * 1e3,
                "p99 ms": harness.percentile(latencies, 0.99) * 1e3,
            }
        )
    usual = next(float(str(row["server CPU µs/post"])) for row in rows if row["server"] == USUAL)
    for row in rows:
        row["× cheaper than DRF + ORM"] = usual / float(str(row["server CPU µs/post"]))
    title = f"Accepting a webhook, one update a post, {connections} at a time"
    harness.report(f"webhook_acceptance_{connections}", title, rows, f"load average {os.getloadavg()[0]:.1f}")


def sustained(database: str, environment: dict[str, str]) -> None:
    """3,000 updates a second by each entrance; every post must be a row afterwards."""
    rows: list[dict[str, object]] = []
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SELECT set_config('app.organization_id', '*', false)")
        count = "SELECT count(*) FROM conversations_webhookevent"
        for name in (VIEW, FAST):
            port = harness.free_port()
            url = f"http://127.0.0.1:{port}{PATH}"
            before = connection.execute(count).fetchone()
            command = [word.format(port=port) for word in SERVERS[name]]
            with harness.Server(command, url, environment):
                posts, updates, latencies = asyncio.run(open_loop(url))
            after = connection.execute(count).fetchone()
            assert before and after
            rows.append(
                {
                    "entrance": name,
                    "updates": updates,
                    "posts": posts,
                    "stored": after[0] - before[0],
                    "lost": posts - (after[0] - before[0]),
                    "median ms": harness.percentile(latencies, 0.5) * 1e3,
                    "p99 ms": harness.percentile(latencies, 0.99) * 1e3,
                }
            )
    title = f"{UPDATES_PER_SECOND} updates a second for {SECONDS} s, batches of 1-200"
    harness.report("webhook_sustained", title, rows, f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
