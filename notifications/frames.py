"""What is said on a socket: the envelope of events and the reading of what clients send."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import orjson

from notifications.models import RealtimeEvent

HEARTBEAT_S: Final = 30
# WebSocket close codes.
POLICY: Final = 1008
TRY_LATER: Final = 1013
FRAME_MAX_BYTES: Final = 16 * 1024
# Everybody who may see some threads hears these rooms, so they do not repeat what a message says.
_WIDE_ROOMS: Final = ("inbox:", "org:")
_NARROW_KEYS: Final = ("preview",)


class BadFrameError(Exception):
    """A client's frame is too large or not a JSON object."""


def frame(
    event_type: str,
    data: dict[str, Any],
    *,
    room: str | None = None,
    seq: int | None = None,
    occurred_at: datetime | None = None,
) -> str:
    """Return the text of a frame; ephemeral frames have no `seq`."""
    content: dict[str, Any] = {"type": event_type, "data": data}
    if room is not None:
        content["room"] = room
    if seq is not None:
        content["seq"] = seq
    if occurred_at is not None:
        content["occurred_at"] = occurred_at
    return orjson.dumps(content, default=str).decode()


def envelope(event: RealtimeEvent) -> dict[str, Any]:
    """Return the envelope of a durable event, as sockets and the API give it."""
    data = event.data
    if event.room.startswith(_WIDE_ROOMS):
        data = {key: value for key, value in data.items() if key not in _NARROW_KEYS}
    return {
        "seq": event.seq,
        "type": event.event_type,
        "room": event.room,
        "occurred_at": event.created_at,
        "data": data,
    }


def of_event(event: RealtimeEvent) -> str:
    """Return the frame of a durable event."""
    return orjson.dumps(envelope(event), default=str).decode()


def error(code: str, **more: Any) -> str:
    """Return an error frame; `code` is stable and English."""
    return frame("error", {"code": code, **more})


def read(text: str | None, binary: bytes | None) -> dict[str, Any]:
    """Return what a client sent; raises BadFrameError."""
    raw = text.encode(errors="surrogatepass") if text is not None else binary or b""
    if len(raw) > FRAME_MAX_BYTES:
        raise BadFrameError("FRAME_TOO_LARGE")
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        raise BadFrameError("FRAME_INVALID") from exc
    if not isinstance(content, dict):
        raise BadFrameError("FRAME_INVALID")
    return content
