"""What clients may ask on a socket: rooms, resync, typing, presence, another token, figures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import redis
import structlog
from django.utils import timezone

from notifications import frames, handshake, history, presence, registry, rooms, threads
from notifications.sockets import ROOMS_MAX, Socket
from pytake.infra import live

if TYPE_CHECKING:
    from notifications.hub import Hub

log = structlog.get_logger(__name__)
_THREAD: Final = "conversation:"

Frame = dict[str, Any]
Action = Callable[["Hub", Socket, Frame, datetime], Awaitable[None]]


async def welcome(hub: Hub, socket: Socket) -> None:
    """Put the socket into its own rooms and say where the log stands."""
    now = timezone.now()
    organization_id = socket.organization_id
    # Registered first: the number must not be older than what the socket hears.
    await hub.enter(socket, rooms.own(socket.user, organization_id))
    data = {
        "user_id": socket.user.pk,
        "organization_id": organization_id,
        "latest_seq": hub.sent.get(organization_id, 0),
        "server_time": now,
        "heartbeat": frames.HEARTBEAT_S,
    }
    socket.offer(frames.frame("connected", data))
    await threads.run(presence.came, socket.user.pk, organization_id, now=now)


async def farewell(hub: Hub, socket: Socket) -> None:
    """Forget a closed socket, and tell the threads it looked at."""
    now = timezone.now()
    looked_at = [room for room in socket.rooms if room.startswith(_THREAD)]
    hub.leave(socket)
    try:
        await threads.run(registry.leave, socket.user.pk, socket.socket_id)
        for room in looked_at:
            await _tell_viewers(socket, room, registry.look_away, now)
    except redis.RedisError:
        log.warning("hint.lost", action="leave")
    await threads.run(presence.seen, {socket.user.pk}, now=now)


async def act(hub: Hub, socket: Socket, frame: Frame, *, now: datetime) -> None:
    """Do one action; unknown ones get an error."""
    action = ACTIONS.get(str(frame.get("action")))
    if action is None:
        socket.offer(frames.error("ACTION_UNKNOWN"))
        return
    try:
        await action(hub, socket, frame, now)
    except redis.RedisError:
        # Presence and typing are luxuries.
        log.warning("hint.lost", action=frame["action"])


async def join_room(hub: Hub, socket: Socket, frame: Frame, now: datetime) -> None:
    """Let the socket hear a room. With `since`, what happened there after that number is told first."""
    room = _room_of(frame)
    if len(socket.rooms) >= ROOMS_MAX:
        socket.offer(frames.error("TOO_MANY_ROOMS", room=room))
        return
    if not await threads.run(rooms.may_join, socket.user, socket.organization_id, room):
        log.warning("room.refused", user_id=str(socket.user.pk), room=room)
        socket.offer(frames.error("ROOM_FORBIDDEN", room=room))
        return
    if socket.closing is not None:
        return
    hub.join(socket, room)
    socket.offer(frames.frame("room:joined", {"room": room}))
    if isinstance(frame.get("since"), int):
        await _replay(hub, socket, [room], after_seq=frame["since"])
    if room.startswith(_THREAD):
        await _tell_viewers(socket, room, registry.look, now)


async def leave_room(hub: Hub, socket: Socket, frame: Frame, now: datetime) -> None:
    """Let the socket hear a room no more; its own rooms stay."""
    room = _room_of(frame)
    if room in socket.rooms and room not in rooms.own(socket.user, socket.organization_id):
        hub.part(socket, room)
        if room.startswith(_THREAD):
            await _tell_viewers(socket, room, registry.look_away, now)
    socket.offer(frames.frame("room:left", {"room": room}))


async def resync(hub: Hub, socket: Socket, frame: Frame, now: datetime) -> None:
    """Replay what the client missed in its rooms."""
    last = frame.get("last_seq")
    if not isinstance(last, int) or isinstance(last, bool):
        socket.offer(frames.error("FRAME_INVALID"))
        return
    replay = await _replay(hub, socket, socket.rooms, after_seq=last)
    if not replay.reload:
        socket.offer(frames.frame("resync:done", {"seq": replay.seq, "replayed": len(replay.events)}))


async def _replay(hub: Hub, socket: Socket, names: Any, *, after_seq: int) -> history.Replay:
    """Send what happened in the rooms before what happens now, in order."""
    socket.hold()
    replay = history.Replay(seq=0, events=[])
    try:
        up_to = hub.sent.get(socket.organization_id, 0)
        replay = await threads.run(
            history.replay, socket.organization_id, list(names), after_seq=after_seq, up_to=up_to
        )
    finally:
        texts = [frames.of_event(event) for event in replay.events]
        socket.release([frames.frame("resync:reload", {"seq": replay.seq})] if replay.reload else texts)
    return replay


async def ping(hub: Hub, socket: Socket, frame: Frame, now: datetime) -> None:
    """Answer with the client's own timestamp."""
    stamp = frame.get("timestamp")
    socket.offer(frames.frame("pong", {"timestamp": stamp if isinstance(stamp, int | float | str) else None}))


async def get_stats(hub: Hub, socket: Socket, frame: Frame, now: datetime) -> None:
    """Tell administrators the figures of their organization."""
    if not await threads.run(socket.user.can, "organization.manage"):
        socket.offer(frames.error("FORBIDDEN"))
        return
    figures = await threads.run(registry.totals, organization_id=socket.organization_id, now=now)
    socket.offer(frames.frame("stats", figures))


async def type_start(hub: Hub, socket: Socket, frame: Frame, now: datetime) -> None:
    """Tell the others in the thread that the person writes."""
    await _tell_typing(socket, frame, typing=True)


async def type_stop(hub: Hub, socket: Socket, frame: Frame, now: datetime) -> None:
    """Tell the others in the thread that the person has stopped writing."""
    await _tell_typing(socket, frame, typing=False)


async def _tell_typing(socket: Socket, frame: Frame, *, typing: bool) -> None:
    room = f"{_THREAD}{frame.get('conversation_id')}"
    if room not in socket.rooms:
        socket.offer(frames.error("ROOM_FORBIDDEN", room=room[:100]))
        return
    person = str(socket.user.pk)
    data = {"conversation_id": frame["conversation_id"], "user_id": person, "typing": typing}
    hint = {"type": "user_typing", "room": room, "data": data, "except_user": person}
    await threads.run(live.hint, socket.organization_id, hint)


async def set_presence(hub: Hub, socket: Socket, frame: Frame, now: datetime) -> None:
    """Choose one's status by hand, or "auto"."""
    status = str(frame.get("status"))
    if not await threads.run(presence.choose, socket.user.pk, socket.organization_id, status, now=now):
        socket.offer(frames.error("FRAME_INVALID"))


async def reauthenticate(hub: Hub, socket: Socket, frame: Frame, now: datetime) -> None:
    """Take a newer token of the same person for the same organization."""
    try:
        user, credential = await threads.run(handshake.of_token, str(frame.get("token")), now=now)
    except handshake.RefusedError as refusal:
        socket.offer(frames.error(refusal.code))
        return
    if (user.pk, credential.organization_id) != (socket.user.pk, socket.organization_id):
        socket.offer(frames.error("AUTH_FORBIDDEN"))
        return
    socket.user, socket.credential, socket.warned = user, credential, False
    socket.password_mark = user.get_session_auth_hash()
    socket.offer(frames.frame("auth:renewed", {"expires_at": credential.expires_at}))


Look = Callable[..., list[str]]


async def _tell_viewers(socket: Socket, room: str, look: Look, now: datetime) -> None:
    """Tell the thread who is looking at it."""
    people = await threads.run(look, room, socket.user.pk, socket.socket_id, now=now)
    data = {"conversation_id": room.removeprefix(_THREAD), "user_ids": people}
    await threads.run(live.hint, socket.organization_id, {"type": "presence:viewing", "room": room, "data": data})


def _room_of(frame: Frame) -> str:
    """Return the room that a frame names; the aliases give the thread's id."""
    if "conversation_id" in frame and "room" not in frame:
        return f"{_THREAD}{frame['conversation_id']}"[:100]
    return str(frame.get("room"))[:100]


ACTIONS: Final[dict[str, Action]] = {
    "join_room": join_room,
    "join_conversation": join_room,
    "leave_room": leave_room,
    "leave_conversation": leave_room,
    "resync": resync,
    "ping": ping,
    "get_stats": get_stats,
    "typing_start": type_start,
    "typing_stop": type_stop,
    "presence": set_presence,
    "reauth": reauthenticate,
}
