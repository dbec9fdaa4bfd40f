"""One open socket as its process sees it: its rooms, what waits to be sent, what it may still say."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from notifications import frames
from notifications.tickets import Credential
from pytake.accounts.models import User

BUFFER: Final = 256
ROOMS_MAX: Final = 100
FRAMES_PER_S: Final = 20
FRAMES_BURST: Final = 40


@dataclass(slots=True, kw_only=True, eq=False)
class Socket:
    """Frames are offered without waiting; a task of the consumer sends them at the client's pace."""

    socket_id: uuid.UUID
    user: User
    credential: Credential
    password_mark: str
    rooms: set[str] = field(default_factory=set)
    # While events are replayed, live ones wait here, so that order is kept.
    held: list[str] | None = None
    warned: bool = False
    closing: tuple[int, str] | None = None
    outgoing: deque[str] = field(default_factory=deque)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _frames: float = FRAMES_BURST
    _refilled_at: float = field(default_factory=time.monotonic)

    @property
    def organization_id(self) -> uuid.UUID:
        """Return the organization that the socket is for."""
        return self.credential.organization_id

    def offer(self, text: str) -> None:
        """Queue a frame; a client that is too slow reloads and comes back later."""
        if self.closing is not None:
            return
        if self.held is not None:
            self.held.append(text)
            if len(self.held) > BUFFER:
                self._overflow()
            return
        self.outgoing.append(text)
        if len(self.outgoing) > BUFFER:
            self._overflow()
        self.ready.set()

    def hold(self) -> None:
        """Keep live events back until `release`."""
        self.held = []

    def release(self, replayed: list[str]) -> None:
        """Send what was replayed, then what was held back. A replay may be larger than the buffer."""
        held, self.held = self.held or [], None
        if self.closing is None:
            self.outgoing.extend([*replayed, *held])
            self.ready.set()

    def close(self, code: int, reason: str) -> None:
        """Close after what waits has been sent."""
        if self.closing is None:
            self.closing = (code, reason)
            self.ready.set()

    def may_speak(self) -> bool:
        """Count a frame of the client; False when it says too much."""
        instant = time.monotonic()
        self._frames = min(FRAMES_BURST, self._frames + (instant - self._refilled_at) * FRAMES_PER_S)
        self._refilled_at = instant
        if self._frames < 1:
            return False
        self._frames -= 1
        return True

    def _overflow(self) -> None:
        self.outgoing.clear()
        self.outgoing.append(frames.frame("resync:reload", {}))
        self.close(frames.TRY_LATER, "BUFFER_FULL")
