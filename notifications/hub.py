"""The sockets of one process: one Redis subscription and one read of the log per organization serve them all.

A wake-up says only "new events up to N". The hub then reads the log from where it stopped and hands each
event to the sockets in its room. Lost wake-ups are healed by looking every few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import defaultdict
from collections.abc import Coroutine, Iterable
from typing import Any, Final
from weakref import WeakKeyDictionary

import orjson
import redis
import structlog
from django.conf import settings
from django.db import DatabaseError
from redis import asyncio as redis_asyncio

from notifications import frames, history, threads, upkeep
from notifications.sockets import Socket
from pytake.infra import live

log = structlog.get_logger(__name__)
_SILENCE_S: Final = 15.0
_PAUSE_S: Final = 1.0


class Hub:
    """Sockets by organization and room, and how far each organization's events have been handed out."""

    def __init__(self) -> None:
        self.process = uuid.uuid4().hex
        self.sockets: dict[uuid.UUID, set[Socket]] = defaultdict(set)
        self.rooms: dict[tuple[uuid.UUID, str], set[Socket]] = defaultdict(set)
        self.sent: dict[uuid.UUID, int] = {}
        self._wanted: set[uuid.UUID] = set()
        self._pumping: set[uuid.UUID] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: list[asyncio.Task[None]] = []

    async def enter(self, socket: Socket, rooms: Iterable[str]) -> None:
        """Add a socket; from now on it hears its rooms."""
        self._run()
        organization_id = socket.organization_id
        if organization_id not in self.sent:
            found = await threads.run(history.newest_of, [organization_id])
            self.sent.setdefault(organization_id, found.get(organization_id, 0))
        self.sockets[organization_id].add(socket)
        for room in rooms:
            self.join(socket, room)
        # What was published between the reading of the number and now.
        self.wake(organization_id)

    def leave(self, socket: Socket) -> None:
        """Forget a socket."""
        organization_id = socket.organization_id
        for room in list(socket.rooms):
            self.part(socket, room)
        self.sockets[organization_id].discard(socket)
        if not self.sockets[organization_id]:
            del self.sockets[organization_id]
            self.sent.pop(organization_id, None)

    def join(self, socket: Socket, room: str) -> None:
        """Let a socket hear a room; whether it may was decided before."""
        socket.rooms.add(room)
        self.rooms[socket.organization_id, room].add(socket)

    def part(self, socket: Socket, room: str) -> None:
        """Let a socket hear a room no more."""
        key = (socket.organization_id, room)
        socket.rooms.discard(room)
        self.rooms[key].discard(socket)
        if not self.rooms[key]:
            del self.rooms[key]

    def all_sockets(self) -> list[Socket]:
        """Return the sockets of all organizations."""
        return [socket for sockets in self.sockets.values() for socket in sockets]

    def wake(self, organization_id: uuid.UUID) -> None:
        """Read the organization's new events soon; once, however often it is asked meanwhile."""
        if organization_id not in self.sent:
            return
        self._wanted.add(organization_id)
        if organization_id not in self._pumping:
            self._pumping.add(organization_id)
            self.start(self._pump(organization_id))

    def whisper(self, organization_id: uuid.UUID, hint: dict[str, Any]) -> None:
        """Hand an ephemeral hint to the sockets of its room, but not to those of `except_user`."""
        text = frames.frame(hint["type"], hint["data"], room=hint["room"])
        for socket in list(self.rooms.get((organization_id, hint["room"]), ())):
            if str(socket.user.pk) != hint.get("except_user"):
                socket.offer(text)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside; the loop itself keeps only weak references to tasks."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End the subscription and the upkeep (tests; a process just ends)."""
        for task in self._running:
            task.cancel()
        for task in [*self._running, *self._tasks]:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._running = []

    def _run(self) -> None:
        if not self._running:
            loop = asyncio.get_running_loop()
            self._running = [loop.create_task(self._listen()), loop.create_task(upkeep.run(self))]

    async def _pump(self, organization_id: uuid.UUID) -> None:
        try:
            while organization_id in self._wanted and organization_id in self.sent:
                self._wanted.discard(organization_id)
                await self._hand_out(organization_id)
        except DatabaseError:
            # The next look heals it.
            log.warning("events.unread", organization_id=str(organization_id), exc_info=True)
        finally:
            self._pumping.discard(organization_id)
            self._wanted.discard(organization_id)

    async def _hand_out(self, organization_id: uuid.UUID) -> None:
        while organization_id in self.sent:
            events = await threads.run(history.after, organization_id, self.sent[organization_id])
            for event in events:
                if organization_id not in self.sent or event.seq is None or event.seq <= self.sent[organization_id]:
                    continue
                self.sent[organization_id] = event.seq
                listeners = self.rooms.get((organization_id, event.room))
                if listeners:
                    text = frames.of_event(event)
                    for socket in listeners:
                        socket.offer(text)
            if len(events) < history.SLICE:
                return

    async def _listen(self) -> None:
        """Follow the wake-ups for ever; Redis may come and go."""
        while True:
            try:
                async with (
                    redis_asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2.0) as client,
                    client.pubsub() as subscription,
                ):
                    await subscription.psubscribe(live.channel_pattern(), live.hint_pattern())
                    # Whatever was said while nobody listened.
                    for organization_id in list(self.sent):
                        self.wake(organization_id)
                    while True:
                        await self._hear(subscription)
            except (redis.RedisError, OSError):
                log.warning("wakes.unheard", exc_info=True)
                await asyncio.sleep(_PAUSE_S)

    async def _hear(self, subscription: Any) -> None:
        message = await subscription.get_message(ignore_subscribe_messages=True, timeout=_SILENCE_S)
        if message is None:
            await subscription.ping()
        elif message["type"] == "pmessage":
            kind, organization_id = live.read(message["channel"])
            if kind == live.HINTS:
                self.whisper(organization_id, orjson.loads(message["data"]))
            else:
                self.wake(organization_id)


# Tasks and events belong to a loop; a process has one, tests have many.
_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def of_this_loop() -> Hub:
    """Return the hub of the running loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())
