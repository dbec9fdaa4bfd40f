"""The cheapest possible provider: accepts every send after a latency. `python -m benchmarks.responder PORT MS`."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time

from aiohttp import web

counter = itertools.count(time.time_ns())  # no id twice, across restarts too


def application(latency_ms: float) -> web.Application:
    """Return the server."""
    pause = latency_ms / 1000

    async def send(request: web.Request) -> web.Response:
        await request.read()
        if pause:
            await asyncio.sleep(pause)
        body = (
            '{"messaging_product":"whatsapp","contacts":[{"input":"x","wa_id":"x"}],'
            f'"messages":[{{"id":"wamid.RESPONDER{next(counter)}"}}]}}'
        )
        return web.Response(text=body, content_type="application/json")

    app = web.Application()
    app.router.add_post("/{version}/{phone_id}/messages", send)
    return app


if __name__ == "__main__":
    import uvloop

    uvloop.install()
    web.run_app(application(float(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
