"""The HTTP server: one world behind three surfaces (Graph API, admin API, phone page).

It works below aiohttp's application and router: a load test must measure the client, not the simulator.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from conversations.simulator import admin, graph, media, phone
from conversations.simulator.call import answer
from conversations.simulator.config import Config, Json, as_json, merge
from conversations.simulator.config import read as read_config
from conversations.simulator.errors import GraphError
from conversations.simulator.evolution import routes as evolution
from conversations.simulator.simulator import Simulator, build

log = logging.getLogger("simulator")

KEPT_BODY: Final = 2000
# What a reset may change besides the behaviour.
RESET_KEYS: Final = frozenset({"seed", "speed", "start_at", "config", "behaviour"})


class SimulatorServer:
    """Holds the current world and answers everything."""

    def __init__(self, config: Config, *, ledger_path: Path | None = None) -> None:
        self._initial = as_json(config)
        self._ledger_path = ledger_path
        self.sim: Simulator = build(config, ledger_path=ledger_path)
        self._runner: web.ServerRunner | None = None

    async def start(self, *, host: str, port: int) -> int:
        """Listen, ask the callbacks for their handshakes, return the port (0 asks for any)."""
        server = web.Server(self.handle, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, backlog=2048)
        await site.start()
        self.sim.start()
        bound: int = self._runner.addresses[0][1]
        return bound

    async def close(self) -> None:
        """Stop listening and everything that is under way."""
        await self.sim.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def reset(self, changes: Json) -> None:
        """Start a new world from the first configuration, or from `config`; the ledger's file goes on."""
        strange = set(changes) - RESET_KEYS
        if strange:
            raise ValueError(f"no such key: {', '.join(sorted(strange))}")
        whole = changes.get("config") or self._initial
        config = read_config(whole, environment={})
        merge(config, {key: value for key, value in changes.items() if key != "config"})
        new = build(config)
        old, self.sim = self.sim, new
        await old.close()
        if self._ledger_path is not None:
            self._ledger_path.unlink(missing_ok=True)
            new.ledger = type(new.ledger)(self._ledger_path)
        new.start()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request, whatever it is for."""
        path = request.path
        if path.startswith(("/v", "/oauth/")) or path[1:2].isdecimal() or path == "/debug_token":
            return await self._graph(request, path)
        if path.startswith("/_sim/"):
            return await self._admin(request, path)
        if path.startswith("/evolution/") or path == "/evolution":
            return await self._evolution(request, path)
        if path in {"/", "/phone", "/phone/"}:
            return phone.page()
        if path.startswith("/static/"):
            return phone.asset(path.removeprefix("/static/"))
        if path.startswith("/_media/"):
            return await media.download(self.sim, request, path.removeprefix("/_media/"))
        if path == "/health":
            return admin.reply({"status": "ok", "ledger": len(self.sim.ledger)})
        return await self._graph(request, path)

    async def _admin(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        parts = path.removeprefix("/_sim/").strip("/").split("/")
        if parts[0] == "phone" and len(parts) == 2:
            return await phone.answer(self.sim, request, parts[1])
        return await admin.answer(self, request, parts)

    async def _evolution(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        sim = self.sim
        sim.metrics.requests += 1
        response = await evolution.answer(sim, request, path.removeprefix("/evolution").strip("/").split("/"))
        at = sim.clock.now()
        sim.requests.append({"at": at, "method": request.method, "path": path, "status": response.status, "code": 0})
        return response

    async def _graph(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        sim = self.sim
        sim.metrics.requests += 1
        started = asyncio.get_running_loop().time()
        code = 0
        response: web.StreamResponse
        try:
            response = await graph.answer(sim, request, path)
        except GraphError as error:
            code = error.code
            sim.metrics.rejected[str(code)] += 1
            status = error.status(throttle_http=int(sim.behaviour.limits.throttle_http))
            response = answer(error.body(), status=status)
        elapsed_ms = (asyncio.get_running_loop().time() - started) * 1000
        entry: Json = {
            "at": sim.clock.now(),
            "method": request.method,
            "path": path,
            "status": response.status,
            "code": code,
            "ms": elapsed_ms,
        }
        if code:
            entry["body"] = await _shown_body(request)
        sim.requests.append(entry)
        return response


async def _shown_body(request: web.BaseRequest) -> str:
    """Return the start of a rejected request's body; uploads are not shown."""
    if request.content_type.startswith("multipart/"):
        return ""
    raw: Any = await request.read()
    return bytes(raw[:KEPT_BODY]).decode("utf-8", "replace")
