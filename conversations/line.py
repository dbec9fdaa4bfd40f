"""The line to the provider for the length of a drain: one event loop and one pool of connections for all slices."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

import aiohttp
from django.conf import settings

from conversations.claimed import Claimed
from conversations.gateway.base import Gateway, NotSent, Outcome, Outgoing
from conversations.gateway.cloud_api import CloudApi
from conversations.models import WhatsAppNumber
from conversations.settling import Result

try:
    import uvloop
except ImportError:  # no wheel for this platform
    _new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    _new_loop = uvloop.new_event_loop

# Enough for the fastest tier of the provider (1,000 a second) at 400 ms.
IN_FLIGHT: Final = 400


class Line:
    """Sends slices of one number's messages; use as a context manager."""

    def __init__(self, number: WhatsAppNumber, *, token: str) -> None:
        self._number = number
        self._token = token
        self._runner = asyncio.Runner(loop_factory=_new_loop)
        self._session: aiohttp.ClientSession | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            self._runner.run(self._session.close())
        self._runner.close()

    def send(self, messages: Sequence[Claimed]) -> list[Result]:
        """Send concurrently across contacts, in order within one; every message gets exactly one outcome."""
        return self._runner.run(self._send_all(messages)) if messages else []

    async def _send_all(self, messages: Sequence[Claimed]) -> list[Result]:
        queues: dict[uuid.UUID, list[Claimed]] = {}
        for message in messages:
            queues.setdefault(message.contact_id, []).append(message)
        gateway = self._gateway()
        gate = asyncio.Semaphore(IN_FLIGHT)
        groups = await asyncio.gather(*(_send_in_order(gateway, queue, gate) for queue in queues.values()))
        return [result for group in groups for result in group]

    def _gateway(self) -> Gateway:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=settings.GRAPH_TIMEOUT_S, sock_connect=5)
            connector = aiohttp.TCPConnector(limit=IN_FLIGHT, keepalive_timeout=30)
            # The provider sets no cookies worth keeping, and looking for some costs time on every request.
            jar = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(timeout=timeout, connector=connector, cookie_jar=jar)
        return CloudApi(
            self._session,
            base_url=settings.GRAPH_BASE_URL,
            version=settings.GRAPH_API_VERSION,
            phone_number_id=self._number.phone_number_id or "",
            token=self._token,
        )


async def _send_in_order(gateway: Gateway, queue: Sequence[Claimed], gate: asyncio.Semaphore) -> list[Result]:
    results: list[Result] = []
    async with gate:
        for message in queue:
            outcome: Outcome = await gateway.send(
                Outgoing(
                    to_kind=message.address_kind,
                    to=message.address_value,
                    content=message.content,
                    callback=str(message.id),
                )
            )
            results.append(Result(message, outcome))
            if isinstance(outcome, NotSent):
                # What follows must not overtake it.
                rest = queue[len(results) :]
                return results + [Result(later, _after(outcome)) for later in rest]
    return results


def _after(outcome: NotSent) -> NotSent:
    return NotSent(code="after_earlier", detail="", wait_s=outcome.wait_s * 1.5 + 0.5, throttled=True)
