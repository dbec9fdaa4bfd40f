"""What the socket processes know of each other, in Redis: a person's sockets, who looks at a thread, statistics.

Entries expire by themselves, so a killed process is forgotten; losing all of it costs nothing but hints.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson
import redis

from pytake.infra import redis_client

SOCKETS_PER_USER: Final = 10
FORGOTTEN_AFTER_S: Final = 75


def enter(user_id: uuid.UUID, socket_id: uuid.UUID, *, now: datetime) -> bool:
    """Register a socket of a person; False (and not registered) when there are too many. True without Redis."""
    key = redis_client.key("sockets", user_id)
    instant = now.timestamp()
    try:
        pipe = redis_client.client().pipeline()
        pipe.zremrangebyscore(key, "-inf", instant - FORGOTTEN_AFTER_S)
        pipe.zadd(key, {str(socket_id): instant})
        pipe.zcard(key)
        pipe.expire(key, FORGOTTEN_AFTER_S)
        if pipe.execute()[2] <= SOCKETS_PER_USER:
            return True
        redis_client.client().zrem(key, str(socket_id))
    except redis.RedisError:
        return True
    return False


def leave(user_id: uuid.UUID, socket_id: uuid.UUID) -> None:
    """Forget a socket. Raises redis.RedisError."""
    redis_client.client().zrem(redis_client.key("sockets", user_id), str(socket_id))


def refresh(sockets: Sequence[tuple[uuid.UUID, uuid.UUID, Sequence[str]]], *, now: datetime) -> None:
    """Keep (person, socket, threads looked at) from being forgotten. Raises redis.RedisError."""
    pipe = redis_client.client().pipeline(transaction=False)
    for user_id, socket_id, rooms in sockets:
        for key, member in [
            (redis_client.key("sockets", user_id), str(socket_id)),
            *((redis_client.key("viewers", room), f"{user_id}|{socket_id}") for room in rooms),
        ]:
            pipe.zadd(key, {member: now.timestamp()})
            pipe.expire(key, FORGOTTEN_AFTER_S)
    pipe.execute()


def look(room: str, user_id: uuid.UUID, socket_id: uuid.UUID, *, now: datetime) -> list[str]:
    """Add a viewer of a thread; returns the ids of those present. Raises redis.RedisError."""
    key = redis_client.key("viewers", room)
    pipe = redis_client.client().pipeline()
    pipe.zadd(key, {f"{user_id}|{socket_id}": now.timestamp()})
    pipe.expire(key, FORGOTTEN_AFTER_S)
    pipe.zrangebyscore(key, now.timestamp() - FORGOTTEN_AFTER_S, "+inf")
    return _people(pipe.execute()[2])


def look_away(room: str, user_id: uuid.UUID, socket_id: uuid.UUID, *, now: datetime) -> list[str]:
    """Remove a viewer of a thread; returns the ids of those present. Raises redis.RedisError."""
    key = redis_client.key("viewers", room)
    pipe = redis_client.client().pipeline()
    pipe.zrem(key, f"{user_id}|{socket_id}")
    pipe.zrangebyscore(key, now.timestamp() - FORGOTTEN_AFTER_S, "+inf")
    return _people(pipe.execute()[1])


def _people(members: Sequence[bytes]) -> list[str]:
    return sorted({member.decode().partition("|")[0] for member in members})


def report(process: str, figures: Mapping[str, Any], *, now: datetime) -> None:
    """Publish a process's statistics. Raises redis.RedisError."""
    key = redis_client.key("sockets-of-processes")
    content = {**figures, "at": now.timestamp()}
    redis_client.client().hset(key, process, orjson.dumps(content, default=str).decode())


def totals(*, organization_id: uuid.UUID | None = None, now: datetime) -> dict[str, Any]:
    """Return the statistics of all processes that live; of one organization if given. Zeros without Redis."""
    users: set[str] = set()
    rooms: Counter[str] = Counter()
    sockets = 0
    for process in _processes(now=now):
        for key, figures in process["organizations"].items():
            if organization_id is None or key == str(organization_id):
                sockets += figures["sockets"]
                users |= set(figures["users"])
                rooms.update(figures["rooms"])
    return {
        "totalConnections": sockets,
        "subscribedUsers": len(users),
        "subscribedCampaigns": sum(room.startswith("campaign:") for room in rooms),
        "total_rooms": len(rooms),
        "rooms": dict(rooms),
    }


def _processes(*, now: datetime) -> list[dict[str, Any]]:
    key = redis_client.key("sockets-of-processes")
    try:
        kept: Any = redis_client.client().hgetall(key)
        reports = {name: orjson.loads(text) for name, text in kept.items()}
        dead = [name for name, figures in reports.items() if figures["at"] < now.timestamp() - 30]
        if dead:
            redis_client.client().hdel(key, *dead)
    except redis.RedisError:
        return []
    return [figures for name, figures in reports.items() if name not in dead]
