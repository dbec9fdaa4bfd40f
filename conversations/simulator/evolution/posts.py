"""Webhooks of instances: each event is a POST of its own, unordered, tried again until it is taken.

Nothing is signed; with the header `jwt_key` the value becomes the key of a token (HS256, ten minutes).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import aiohttp
import orjson

from conversations.simulator.clock import Scheduler
from conversations.simulator.config import Behaviour, Json
from conversations.simulator.world import World

KEPT: Final = 2000
TIMEOUT_S: Final = 30.0
NEVER_AGAIN: Final = frozenset({400, 401, 403, 404, 422})


@dataclass(slots=True, kw_only=True)
class Event:
    """One POST and what became of it."""

    url: str
    name: str
    body: bytes
    headers: dict[str, str]
    on_ack: Callable[[], None] | None = None
    attempts: list[int] = field(default_factory=list)
    state: str = "queued"


class Posts:
    """Delivers events, with the disorder that is configured."""

    def __init__(self, *, behaviour: Behaviour, scheduler: Scheduler, world: World) -> None:
        self._behaviour = behaviour
        self._scheduler = scheduler
        self._rng = world.rng
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.log: deque[Event] = deque(maxlen=KEPT)

    def send(self, webhook: Json, envelope: Json, *, on_ack: Callable[[], None] | None = None) -> None:
        """Deliver an event if the webhook wants it."""
        name = str(envelope["event"])
        wanted = webhook.get("events") or []
        if not webhook.get("enabled", True) or (wanted and name.upper().replace(".", "_") not in wanted):
            return
        settings = self._behaviour.evolution
        url = str(webhook["url"]) + (f"/{name.replace('.', '-')}" if webhook.get("byEvents") else "")
        headers = {str(key): str(value) for key, value in (webhook.get("headers") or {}).items()}
        event = Event(url=url, name=name, body=orjson.dumps(envelope), headers=headers, on_ack=on_ack)
        self.log.append(event)
        if self._rng.random() < settings.lost:
            event.state = "lost"
            return
        copies = 2 if self._rng.random() < settings.duplicate else 1
        for _ in range(copies):
            pause = self._rng.uniform(0, settings.shuffle_s) if settings.shuffle_s else 0.0
            if pause:
                self._scheduler.after(pause, self._start, event)
            else:
                self._start(event)

    def _start(self, event: Event) -> None:
        task = asyncio.ensure_future(self._deliver(event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, event: Event) -> None:
        status = await self._attempt(event)
        event.attempts.append(status)
        if 200 <= status < 300:
            event.state = "delivered"
            if event.on_ack is not None:
                event.on_ack()
            return
        pauses = self._behaviour.evolution.retry_s
        if status in NEVER_AGAIN or len(event.attempts) > len(pauses):
            event.state = "dropped"
            return
        event.state = "retrying"
        self._scheduler.after(pauses[len(event.attempts) - 1], self._start, event)

    async def _attempt(self, event: Event) -> int:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        headers = {"Content-Type": "application/json", **event.headers}
        key = headers.pop("jwt_key", "")
        if key:
            # The token is made anew for every attempt, on the real clock: the receiver's is no other.
            headers["Authorization"] = f"Bearer {token(key, now=datetime.now(UTC).timestamp())}"
        try:
            async with self._session.post(event.url, data=event.body, headers=headers) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0

    async def close(self) -> None:
        """Stop what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()


def token(key: str, *, now: float) -> str:
    """Return the token that Evolution API makes of a `jwt_key`."""
    claims = {"iat": int(now), "exp": int(now) + 600, "app": "evolution", "action": "webhook"}
    parts = b".".join(_encoded(orjson.dumps(part)) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    signature = hmac.new(key.encode(), parts, hashlib.sha256).digest()
    return (parts + b"." + _encoded(signature)).decode()


def _encoded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
