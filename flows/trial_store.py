"""Where trials live between two requests: in Redis, one for each person and flow, for two hours."""

from __future__ import annotations

import uuid
from typing import Final

import orjson
import redis

from flows import trial
from flows.trial import Trial
from pytake.accounts.models import User
from pytake.infra import redis_client

KEPT_S: Final = 2 * 3600
BYTES_MAX: Final = 2 * 1024 * 1024


class TrialLostError(Exception):
    """The trial cannot be kept: it grew too large, or Redis is away."""


def read(person: User, flow_id: uuid.UUID) -> Trial | None:
    """Return the person's trial of a flow."""
    try:
        kept = redis_client.client().get(_key(person, flow_id))
    except redis.RedisError:
        return None
    if not isinstance(kept, bytes):
        return None
    try:
        return trial.from_json(orjson.loads(kept))
    except (KeyError, TypeError, ValueError):  # kept by another release
        return None


def keep(person: User, flow_id: uuid.UUID, kept: Trial) -> None:
    """Store it; the time it is kept begins again."""
    try:
        raw = orjson.dumps(kept.to_json())
    except TypeError as exc:  # a number beyond what JSON libraries share
        raise TrialLostError from exc
    if len(raw) > BYTES_MAX:
        raise TrialLostError
    try:
        redis_client.client().set(_key(person, flow_id), raw, ex=KEPT_S)
    except redis.RedisError as exc:
        raise TrialLostError from exc


def drop(person: User, flow_id: uuid.UUID) -> None:
    """Forget it."""
    try:
        redis_client.client().delete(_key(person, flow_id))
    except redis.RedisError as exc:
        raise TrialLostError from exc


def _key(person: User, flow_id: uuid.UUID) -> str:
    return redis_client.key("trial", person.organization_id, person.pk, flow_id)
