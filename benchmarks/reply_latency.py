"""From the post of a customer's message to the bot's answer at the provider, while nothing else happens.

The real processes (web, one worker of two); the provider is this process and answers at once.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time

import aiohttp
from aiohttp import web

from benchmarks import harness, payloads, world

MESSAGES = 20 if harness.quick() else 100
PAUSE_S = 0.25
PATH = "/api/v1/whatsapp/webhook"


class Provider:
    """Accepts every send and notes when the first one to each person arrived."""

    def __init__(self) -> None:
        self.arrived: dict[str, asyncio.Future[float]] = {}
        self._ids = itertools.count(time.time_ns())

    async def send(self, request: web.Request) -> web.Response:
        """Answer like the Cloud API."""
        body = await request.json()
        waiting = self.arrived.get(body["to"])
        if waiting is not None and not waiting.done():
            waiting.set_result(time.perf_counter())
        return web.json_response({"messages": [{"id": f"wamid.LATENCY{next(self._ids)}"}]})

    async def start(self, port: int) -> web.AppRunner:
        """Listen."""
        app = web.Application()
        app.router.add_post("/{version}/{phone_id}/messages", self.send)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        return runner


async def measure(url: str, port: int) -> list[float]:
    """Let people write one after the other; return the milliseconds to the answer of each."""
    provider = Provider()
    runner = await provider.start(port)
    took: list[float] = []
    async with aiohttp.ClientSession() as session:
        for index in range(MESSAGES + 5):
            person = payloads.person(40_000 + index)
            provider.arrived[person] = asyncio.get_running_loop().create_future()
            raw = payloads.body([payloads.text_message(person, "oi")])
            began = time.perf_counter()
            async with session.post(url, data=raw, headers=payloads.headers(raw)) as response:
                assert response.status == 200
            ended = await asyncio.wait_for(provider.arrived[person], 20)
            took.append((ended - began) * 1e3)
            await asyncio.sleep(PAUSE_S)
    await runner.cleanup()
    return took[5:]


def main() -> None:
    """Run and report."""
    with harness.fresh_database():
        world.setup_django()
        world.create()
        world.gather_statistics()
        web_port, provider_port = harness.free_port(), harness.free_port()
        url = f"http://127.0.0.1:{web_port}{PATH}"
        granian = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(web_port)]
        queues = "inbound,outbound,automations,maintenance"
        celery = [
            sys.executable,
            "-m",
            "celery",
            "-q",
            "-A",
            "pytake",
            "worker",
            "-c",
            "2",
            "-Q",
            queues,
            "-l",
            "ERROR",
        ]
        with (
            harness.graph_at(f"http://127.0.0.1:{provider_port}"),
            harness.Server([*granian, "pytake.wsgi:application"], url, {"LOG_LEVEL": "ERROR"}),
            harness.Server([*celery, "--without-gossip", "--without-mingle"], "", {"LOG_LEVEL": "ERROR"}),
        ):
            time.sleep(6)
            took = asyncio.run(measure(url, provider_port))
    shares = {"p50 ms": 0.5, "p95 ms": 0.95, "p99 ms": 0.99}
    row: dict[str, object] = {"messages": len(took)}
    row |= {name: harness.percentile(took, share) for name, share in shares.items()}
    harness.report("reply_latency", "Webhook to answer at the provider, idle", [row], "target: p50 ≤ 100 ms")


if __name__ == "__main__":
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    main()
