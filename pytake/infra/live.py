"""Wake-ups for socket processes through Redis: one small message per organization, never content.

Hints are ephemeral (somebody types, who looks at a thread): small facts without a number, lost without harm.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Final

import orjson

from pytake.infra import redis_client

CHANNEL: Final = "wake"
HINTS: Final = "hint"


def channel_pattern() -> str:
    """Return the pattern that a socket process subscribes to."""
    return redis_client.key(CHANNEL, "*")


def hint_pattern() -> str:
    """Return the pattern of ephemeral hints."""
    return redis_client.key(HINTS, "*")


def wake(organization_id: uuid.UUID, seq: int) -> None:
    """Tell socket processes that the organization has facts up to `seq`. Raises redis.RedisError."""
    redis_client.client().publish(redis_client.key(CHANNEL, organization_id), seq)


def hint(organization_id: uuid.UUID, content: dict[str, Any]) -> None:
    """Tell the sockets of a room something that is not kept. Raises redis.RedisError."""
    redis_client.client().publish(redis_client.key(HINTS, organization_id), orjson.dumps(content, default=str))


def note_tick(now: datetime) -> None:
    """Note that a periodic task has reached a worker. Raises redis.RedisError."""
    redis_client.client().set(redis_client.key("tick"), now.timestamp())


def last_tick() -> float | None:
    """Return when a periodic task last reached a worker (Unix seconds). Raises redis.RedisError."""
    kept = redis_client.client().get(redis_client.key("tick"))
    return float(kept) if isinstance(kept, bytes) else None


def read(channel: bytes) -> tuple[str, uuid.UUID]:
    """Return the kind and the organization of a channel's name."""
    kind, _, key = channel.decode().rpartition(":")
    return kind.rpartition(":")[2], uuid.UUID(key)
