"""The line to the provider for the length of a drain: one event loop and one pool of connections for all slices."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Final, Self

import aiohttp
from django.conf import settings

from conversations import circuit
from conversations.claimed import Claimed
from conversations.gateway.base import Closed, Gateway, NotSent, Outcome, Outgoing, Refused, Unknown
from conversations.gateway.cloud_api import CloudApi
from conversations.gateway.evolution import EvolutionApi
from conversations.models import WhatsAppNumber
from conversations.settling import Result
from pytake.infra import egress

try:
    import uvloop
except ImportError:  # no wheel for this platform
    _new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    _new_loop = uvloop.new_event_loop

# Enough for the fastest tier of the provider (1,000 a second) at 400 ms.
IN_FLIGHT: Final = 400
# What a stopped slice did not send waits for so long, unless a breaker holds it longer.
STOPPED_S: Final = 5.0
STOPPED: Final = "stopped"
AFTER_EARLIER: Final = "after_earlier"
# Reasons of ours, not of the provider.
OURS: Final = frozenset({STOPPED, AFTER_EARLIER})
_NO_DELAYS: Final[Mapping[uuid.UUID, float]] = MappingProxyType({})
RECEIPTS_AT_A_TIME: Final = 20


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

    def send(self, messages: Sequence[Claimed], delays: Mapping[uuid.UUID, float] = _NO_DELAYS) -> list[Result]:
        """Send concurrently across contacts, in order within one; every message gets exactly one outcome.

        Each leaves so many seconds from now as `delays` says.
        """
        return self._runner.run(self._send_all(messages, delays)) if messages else []

    async def _send_all(self, messages: Sequence[Claimed], delays: Mapping[uuid.UUID, float]) -> list[Result]:
        queues: dict[uuid.UUID, list[Claimed]] = {}
        for message in messages:
            queues.setdefault(message.contact_id, []).append(message)
        sending = _Sending(self._gateway(), delays, in_flight=1 if self._number.is_qr else IN_FLIGHT)
        groups = await asyncio.gather(*(sending.in_order(queue) for queue in queues.values()))
        return [result for group in groups for result in group]

    def mark_read(self, receipts: Sequence[tuple[str, bool]]) -> list[Outcome]:
        """Mark messages as read, some at a time; with each comes whether somebody is writing."""
        return self._runner.run(self._mark_all(receipts)) if receipts else []

    async def _mark_all(self, receipts: Sequence[tuple[str, bool]]) -> list[Outcome]:
        gateway, gate = self._gateway(), asyncio.Semaphore(RECEIPTS_AT_A_TIME)

        async def mark(message_id: str, *, typing: bool) -> Outcome:
            async with gate:
                return await gateway.mark_read(message_id, typing=typing)

        return list(await asyncio.gather(*(mark(message_id, typing=typing) for message_id, typing in receipts)))

    def _gateway(self) -> Gateway:
        if self._number.is_qr:
            return self._evolution()
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

    def _evolution(self) -> Gateway:
        base_url = self._number.evolution_api_url or settings.EVOLUTION_BASE_URL
        try:
            url = egress.checked(base_url)
        except egress.EgressError as exc:
            return Closed(Refused(code=exc.code, detail=exc.host, scope="account"))
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=settings.EVOLUTION_TIMEOUT_S, sock_connect=5)
            self._session = aiohttp.ClientSession(
                timeout=timeout, connector=egress.connector(url), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            )
        return EvolutionApi(
            self._session,
            base_url=base_url,
            instance=self._number.evolution_instance_name or "",
            key=self._token,
            typing=bool((self._number.settings or {}).get("typing", True)),
        )


class _Sending:
    """A slice on its way: paced, and stopped when the answers say that going on makes no sense."""

    def __init__(self, gateway: Gateway, delays: Mapping[uuid.UUID, float], *, in_flight: int) -> None:
        self._gateway = gateway
        self._delays = delays
        self._gate = asyncio.Semaphore(in_flight)
        self._began = asyncio.get_running_loop().time()
        # When the last paced message left, and when it was meant to.
        self._left_at, self._left_delay = self._began, 0.0
        self._failures = 0
        self._is_stopped = False

    async def in_order(self, queue: Sequence[Claimed]) -> list[Result]:
        """Send the messages of one contact one after the other."""
        results: list[Result] = []
        for message in queue:
            outcome = await self._one(message)
            results.append(Result(message, outcome))
            if isinstance(outcome, NotSent):
                # What follows must not overtake it.
                rest = queue[len(results) :]
                return results + [Result(later, _after(outcome)) for later in rest]
        return results

    async def _one(self, message: Claimed) -> Outcome:
        if delay := self._delays.get(message.id):
            await self._wait(delay)
        async with self._gate:
            if self._is_stopped:
                return NotSent(code=STOPPED, detail="", wait_s=STOPPED_S, throttled=True)
            outcome = await self._gateway.send(
                Outgoing(
                    to_kind=message.address_kind,
                    to=message.address_value,
                    content=message.content,
                    callback=str(message.id),
                    reply_to=message.reply_to,
                )
            )
        self._watch(outcome)
        return outcome

    async def _wait(self, delay: float) -> None:
        """Wait for the instant of a message. One that left late moves those behind it: after a stall none catch up."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._began + delay - loop.time())
        now = loop.time()
        leaves = max(now, self._left_at + max(delay - self._left_delay, 0.0))
        self._left_at, self._left_delay = leaves, delay
        if leaves > now:
            await asyncio.sleep(leaves - now)

    def _watch(self, outcome: Outcome) -> None:
        """Stop after a refusal of the account, or when nothing is answered any more."""
        if isinstance(outcome, Unknown) or (isinstance(outcome, NotSent) and not outcome.throttled):
            self._failures += 1
            self._is_stopped |= self._failures > circuit.IN_A_ROW
        elif isinstance(outcome, Refused) and outcome.scope == "account":
            self._is_stopped = True
        else:
            self._failures = 0


def _after(outcome: NotSent) -> NotSent:
    return NotSent(code=AFTER_EARLIER, detail="", wait_s=outcome.wait_s * 1.5 + 0.5, throttled=True)
