"""ASGI entry point: sockets, the webhook's fast entrance, and everything that the WSGI entry point serves.

`uvicorn pytake.asgi:application`. Sockets have their own authentication (`notifications.handshake`), which
also checks the Origin.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pytake.settings")

# Loads the apps: models may be imported only afterwards.
_http = get_asgi_application()

from conversations.entrance import Entrance  # noqa: E402  # the apps must be loaded first
from notifications.routing import sockets  # noqa: E402  # the apps must be loaded first

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


async def _lifespan(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Acknowledge start and stop; nothing of ours waits for them."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


application = ProtocolTypeRouter({"http": Entrance(_http), "websocket": sockets, "lifespan": _lifespan})
