"""Who may listen where. Kinds of rooms that belong to other apps are judged by the functions that settings name."""

from __future__ import annotations

import uuid
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from pytake.accounts.models import User
from pytake.infra import tenancy


class MayJoin(Protocol):
    """A judge of rooms, called inside the organization's context."""

    def __call__(self, user: User, key: uuid.UUID) -> bool:
        """Return whether the person may hear what happens to the row."""


def own(user: User, organization_id: uuid.UUID) -> set[str]:
    """Return the rooms that every socket of the person is in."""
    return {f"user:{user.pk}", f"org:{organization_id}"}


def may_join(user: User, organization_id: uuid.UUID, room: str) -> bool:
    """Return whether the person may be in the room. Unknown kinds and malformed keys are refused."""
    if room in own(user, organization_id):
        return True
    kind, _, key = room.partition(":")
    judge: str | None = settings.REALTIME_ROOMS.get(kind)
    try:
        parsed = uuid.UUID(key)
    except ValueError:
        return False
    # One spelling per room: rooms are compared as text.
    if judge is None or str(parsed) != key:
        return False
    may: MayJoin = import_string(judge)
    with tenancy.organization_context(organization_id):
        return may(user, parsed)
