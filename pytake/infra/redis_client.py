"""The process's connection to Redis for counters and buckets (not for the broker or the sockets)."""

from __future__ import annotations

from functools import lru_cache

import redis
from django.conf import settings


@lru_cache(maxsize=1)
def client() -> redis.Redis:
    """Return the shared client; short time-outs, because its callers have a way out when Redis is gone."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=1.0, socket_connect_timeout=0.5, health_check_interval=30
    )


def key(*parts: object) -> str:
    """Return a key under the installation's prefix."""
    return ":".join([settings.REDIS_PREFIX, *(str(part) for part in parts)])
