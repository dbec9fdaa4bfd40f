"""What a socket process does at intervals: expiry, standing, healing, heartbeats, statistics."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog
from django.utils import timezone

from notifications import frames, history, presence, registry, rooms, standing, threads
from notifications.sockets import Socket
from pytake.accounts.models import User

if TYPE_CHECKING:
    from notifications.hub import Hub

log = structlog.get_logger(__name__)
_WARNING: Final = timedelta(seconds=60)

Chore = Callable[["Hub", datetime], Awaitable[None]]


async def run(hub: Hub) -> None:
    """Do each chore in its interval, for ever."""
    tick = 0
    while True:
        await asyncio.sleep(1)
        tick += 1
        for period, chore in CHORES:
            if tick % period == 0 and hub.sockets:
                try:
                    await chore(hub, timezone.now())
                except Exception:  # a chore that fails must not end the others
                    log.exception("upkeep.failed", chore=getattr(chore, "__name__", ""))


async def expire(hub: Hub, now: datetime) -> None:
    """Warn a minute before a token expires, and close when it does."""
    for socket in hub.all_sockets():
        expires_at = socket.credential.expires_at
        if expires_at is None:
            continue
        if expires_at <= now:
            socket.close(frames.POLICY, "AUTH_EXPIRED")
        elif expires_at - now <= _WARNING and not socket.warned:
            socket.warned = True
            socket.offer(frames.frame("auth_expiring", {"expires_at": expires_at}))


async def check_standing(hub: Hub, now: datetime) -> None:
    """Close the sockets of people who were switched off or signed out."""
    sockets = {socket.socket_id: socket for socket in hub.all_sockets()}
    held = [
        standing.Held(socket_id=key, credential=socket.credential, password_mark=socket.password_mark)
        for key, socket in sockets.items()
    ]
    for key in await threads.run(standing.lost, held, now=now):
        log.info("socket.closed", user_id=str(sockets[key].user.pk), reason="AUTH_FORBIDDEN")
        sockets[key].close(frames.POLICY, "AUTH_FORBIDDEN")


async def check_rooms(hub: Hub, now: datetime) -> None:
    """Take rooms away from people who may not hear them any more."""
    for socket in hub.all_sockets():
        lost = await threads.run(_lost_rooms, socket)
        for room in lost & socket.rooms:
            hub.part(socket, room)
            socket.offer(frames.frame("room:left", {"room": room, "code": "ROOM_FORBIDDEN"}))


def _lost_rooms(socket: Socket) -> set[str]:
    # Asked anew: permissions are remembered on the object.
    user = User.objects.get_queryset().select_related("organization").filter(pk=socket.user.pk).first()
    if user is None:
        # Deleted: the check of standing closes the socket.
        return set()
    user.limited_to = socket.user.limited_to
    socket.user = user
    return {room for room in list(socket.rooms) if not rooms.may_join(user, socket.organization_id, room)}


async def heal(hub: Hub, now: datetime) -> None:
    """Read events whose wake-up was lost; note who is here."""
    newest = await threads.run(history.newest_of, list(hub.sent))
    for organization_id, seq in newest.items():
        if seq > hub.sent.get(organization_id, seq):
            hub.wake(organization_id)
    await threads.run(presence.seen, {socket.user.pk for socket in hub.all_sockets()}, now=now)


async def beat(hub: Hub, now: datetime) -> None:
    """Send the heartbeat: how far the organization's log is, and how far this socket."""
    newest = await threads.run(history.newest_of, list(hub.sent))
    for organization_id, sockets in list(hub.sockets.items()):
        sent = hub.sent.get(organization_id, 0)
        latest = max(sent, newest.get(organization_id, 0))
        text = frames.frame("heartbeat", {"latest_seq": latest, "sent_seq": sent, "server_time": now})
        for socket in list(sockets):
            socket.offer(text)


async def register(hub: Hub, now: datetime) -> None:
    """Keep this process's sockets registered."""
    sockets = [
        (socket.user.pk, socket.socket_id, [room for room in socket.rooms if room.startswith("conversation:")])
        for socket in hub.all_sockets()
    ]
    await threads.run(registry.refresh, sockets, now=now)


async def report(hub: Hub, now: datetime) -> None:
    """Publish this process's statistics."""
    await threads.run(registry.report, hub.process, {"organizations": figures(hub)}, now=now)


def figures(hub: Hub) -> dict[str, Any]:
    """Return the sockets, people and rooms of each organization in this process."""
    counted: dict[uuid.UUID, Counter[str]] = {key: Counter() for key in hub.sockets}
    for (organization_id, room), sockets in hub.rooms.items():
        if organization_id in counted:
            counted[organization_id][room] = len(sockets)
    return {
        str(key): {
            "sockets": len(sockets),
            "users": sorted({str(socket.user.pk) for socket in sockets}),
            "rooms": dict(counted[key]),
        }
        for key, sockets in hub.sockets.items()
    }


# Seconds between two runs. Deactivated people are out within 5 s, statistics are at most 5 s old.
CHORES: Final[tuple[tuple[int, Chore], ...]] = (
    (1, expire),
    (5, check_standing),
    (5, report),
    (10, heal),
    (frames.HEARTBEAT_S, beat),
    (frames.HEARTBEAT_S, register),
    (60, check_rooms),
)
