"""Reading the log of events: what came after a number, for one process or for one page."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from django.db import connection

from notifications.models import RealtimeEvent
from pytake.infra import tenancy

REPLAY_MAX: Final = 1000
SLICE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What a page missed; `reload` when the log cannot tell it any more. `seq` = state after the replay."""

    seq: int
    events: list[RealtimeEvent]
    reload: bool = False


def after(organization_id: uuid.UUID, seq: int, *, limit: int = SLICE) -> list[RealtimeEvent]:
    """Return the organization's next published events, in order, of all rooms."""
    with tenancy.organization_context(organization_id):
        return list(RealtimeEvent.objects.filter(seq__gt=seq).order_by("seq")[:limit])


def replay(organization_id: uuid.UUID, rooms: Collection[str], *, after_seq: int, up_to: int) -> Replay:
    """Return the events of the rooms in (after_seq, up_to], or that the page must reload."""
    if after_seq == up_to:
        return Replay(seq=up_to, events=[])
    with tenancy.organization_context(organization_id):
        retained = RealtimeEvent.objects.filter(seq__gt=after_seq).order_by("seq").values_list("seq", flat=True)
        if not 0 <= up_to - after_seq <= REPLAY_MAX or retained.first() != after_seq + 1:
            return Replay(seq=up_to, events=[], reload=True)
        missed = RealtimeEvent.objects.filter(seq__gt=after_seq, seq__lte=up_to, room__in=rooms)
        return Replay(seq=up_to, events=list(missed.order_by("seq")))


def newest_of(organization_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return the newest number of each organization with one query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, event_seq FROM accounts_organization WHERE id = ANY(%s)", [list(organization_ids)])
        return dict(cursor.fetchall())
