"""The sockets of pages and API clients: thin; the hub hands out events, the handshake decides who may enter."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import Any

import structlog
from channels.generic.websocket import AsyncWebsocketConsumer
from django.utils import timezone

from notifications import actions, frames, handshake, hub, threads
from notifications.sockets import Socket
from pytake.infra import metrics

log = structlog.get_logger(__name__)


class PageSocket(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """`/api/v1/ws`."""

    # The hub has one subscription for all sockets of the process.
    channel_layer_alias = "none"

    async def connect(self) -> None:
        """Let the client in, or say why not and close."""
        self.socket: Socket | None = None
        self.sender: asyncio.Task[None] | None = None
        try:
            admission = await threads.run(handshake.admit, self.scope, socket_id=uuid.uuid4(), now=timezone.now())
        except handshake.RefusedError as refusal:
            await refuse(self, refusal)
            return
        structlog.contextvars.bind_contextvars(
            user_id=str(admission.user.pk), organization_id=str(admission.credential.organization_id)
        )
        await self.accept(subprotocol=admission.subprotocol)
        self.socket = Socket(
            socket_id=admission.socket_id,
            user=admission.user,
            credential=admission.credential,
            password_mark=admission.user.get_session_auth_hash(),
        )
        self.sender = asyncio.get_running_loop().create_task(self._send_waiting(self.socket))
        await actions.welcome(hub.of_this_loop(), self.socket)

    async def disconnect(self, code: int) -> None:
        """Forget the socket."""
        if self.sender is not None:
            self.sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.sender
        if self.socket is None:
            return
        await actions.farewell(hub.of_this_loop(), self.socket)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Do what the client asks."""
        socket = self.socket
        if socket is None or socket.closing is not None:
            return
        if not socket.may_speak():
            socket.offer(frames.error("RATE_LIMITED"))
            socket.close(frames.TRY_LATER, "RATE_LIMITED")
            return
        try:
            frame = frames.read(text_data, bytes_data)
        except frames.BadFrameError as exc:
            socket.offer(frames.error(str(exc)))
            if str(exc) == "FRAME_TOO_LARGE":
                socket.close(frames.TRY_LATER, str(exc))
            return
        await actions.act(hub.of_this_loop(), socket, frame, now=timezone.now())

    async def _send_waiting(self, socket: Socket) -> None:
        """Send what is offered, at the client's pace."""
        while True:
            await socket.ready.wait()
            socket.ready.clear()
            while socket.outgoing:
                await self.base_send({"type": "websocket.send", "text": socket.outgoing.popleft()})
            if socket.closing is not None:
                await self.close(code=socket.closing[0], reason=socket.closing[1])
                return


class LostSocket(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """Any other path."""

    channel_layer_alias = "none"

    async def connect(self) -> None:
        """Refuse: without this, the server would answer with an error of its own."""
        await refuse(self, handshake.RefusedError("NOT_FOUND"))


async def refuse(consumer: Any, refusal: handshake.RefusedError) -> None:
    """Accept and close, because browsers show neither code nor reason of a socket that was not accepted."""
    metrics.SOCKETS_REFUSED.labels(refusal.code).inc()
    log.warning(
        "socket.refused",
        reason=refusal.code,
        ip=handshake.address_of(consumer.scope),
        path=str(consumer.scope.get("path", ""))[:100],
    )
    more = {"retry_after": refusal.retry_after_s} if refusal.retry_after_s else {}
    # A client that offered "bearer" ends the connection itself if no subprotocol is chosen.
    offered = consumer.scope.get("subprotocols") or []
    await consumer.accept(subprotocol=handshake.SUBPROTOCOL if handshake.SUBPROTOCOL in offered else None)
    await consumer.send(text_data=frames.error(refusal.code, **more))
    await consumer.close(code=refusal.close, reason=refusal.code)
