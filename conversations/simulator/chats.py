"""Chats as the people on the phone page see them, and the pages that watch."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from conversations.simulator.config import Json

KEPT_BUBBLES: Final = 500
MAX_BEHIND: Final = 1000


@dataclass(slots=True)
class Chats:
    """Bubbles by (person, number), and the queues of open pages. Only people with `page` are kept."""

    _bubbles: dict[tuple[str, str], deque[Json]] = field(default_factory=dict)
    _watchers: set[asyncio.Queue[Json | None]] = field(default_factory=set)

    def bubbles(self, user_id: str, number_id: str) -> list[Json]:
        """Return a chat, oldest bubble first."""
        return list(self._bubbles.get((user_id, number_id), ()))

    def last(self, user_id: str) -> Json | None:
        """Return the newest bubble of a person, whatever the number."""
        mine = [chat[-1] for (owner, _), chat in self._bubbles.items() if owner == user_id and chat]
        return max(mine, key=lambda bubble: float(bubble["at"]), default=None)

    def add(self, user_id: str, number_id: str, bubble: Json) -> None:
        """Append a bubble and show it to whoever watches."""
        self._bubbles.setdefault((user_id, number_id), deque(maxlen=KEPT_BUBBLES)).append(bubble)
        self.tell(user_id, {"event": "bubble", "number": number_id, "bubble": bubble})

    def mark(self, user_id: str, number_id: str, wamid: str, **changes: object) -> None:
        """Change a bubble, ticks for instance, and show it."""
        for bubble in reversed(self._bubbles.get((user_id, number_id), ())):
            if bubble["id"] == wamid:
                bubble.update(changes)
                self.tell(user_id, {"event": "mark", "number": number_id, "id": wamid, **changes})
                return

    def find(self, user_id: str, number_id: str, wamid: str) -> Json | None:
        """Return a bubble by its message id."""
        return next((bubble for bubble in self._bubbles.get((user_id, number_id), ()) if bubble["id"] == wamid), None)

    def tell(self, user_id: str, event: Json) -> None:
        """Send an event to the open pages; one that cannot follow is dropped and reconnects."""
        for queue in list(self._watchers):
            if queue.qsize() > MAX_BEHIND:
                self.unwatch(queue)
                queue.put_nowait(None)
            else:
                queue.put_nowait({"as": user_id, **event})

    def watch(self) -> asyncio.Queue[Json | None]:
        """Return a queue of everybody's events from now on; None ends it."""
        queue: asyncio.Queue[Json | None] = asyncio.Queue()
        self._watchers.add(queue)
        return queue

    def unwatch(self, queue: asyncio.Queue[Json | None]) -> None:
        """Stop watching."""
        self._watchers.discard(queue)

    def close(self) -> None:
        """End every page's stream."""
        for queue in self._watchers:
            queue.put_nowait(None)
        self._watchers.clear()
