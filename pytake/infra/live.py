"""Wake-ups for socket processes through Redis: one small message per organization, never content."""

from __future__ import annotations

import uuid

from pytake.infra import redis_client

CHANNEL = "wake"


def channel_pattern() -> str:
    """Return the pattern that a socket process subscribes to."""
    return redis_client.key(CHANNEL, "*")


def wake(organization_id: uuid.UUID, seq: int) -> None:
    """Tell socket processes that the organization has facts up to `seq`. Raises redis.RedisError."""
    redis_client.client().publish(redis_client.key(CHANNEL, organization_id), seq)
