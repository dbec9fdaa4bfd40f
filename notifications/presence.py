"""Who is there: online with the first socket, offline 45 s after the last. A status chosen by hand wins.

Socket processes refresh `last_seen_at`; a periodic task settles who has gone, also after a killed process.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from notifications import events
from pytake.accounts.models import User
from pytake.infra import tenancy

GRACE: Final = timedelta(seconds=45)
_PRESENT: Final = (User.Status.ONLINE, User.Status.AWAY)


def came(user_id: uuid.UUID, organization_id: uuid.UUID, *, now: datetime) -> None:
    """Note that somebody has opened a socket."""
    User.objects.get_queryset().filter(pk=user_id).update(last_seen_at=now)
    _move([user_id], organization_id, User.Status.ONLINE, before=[User.Status.OFFLINE], now=now)


def seen(user_ids: Collection[uuid.UUID], *, now: datetime) -> None:
    """Note that these people have sockets."""
    User.objects.get_queryset().filter(pk__in=user_ids).update(last_seen_at=now)


def choose(user_id: uuid.UUID, organization_id: uuid.UUID, status: str, *, now: datetime) -> bool:
    """Set the status by hand, or leave it to the sockets again ("auto"); False for an unknown word."""
    if status == User.StatusSource.AUTO:
        source, wanted = User.StatusSource.AUTO, User.Status.ONLINE.value
    elif status in User.Status.values:
        source, wanted = User.StatusSource.MANUAL, status
    else:
        return False
    with tenancy.organization_context(organization_id), transaction.atomic():
        person = User.objects.get_queryset().filter(pk=user_id)
        person.update(status=wanted, status_source=source, status_changed_at=now)
        events.emit_many([_draft(user_id, organization_id, wanted, now=now)])
    return True


def settle(*, now: datetime) -> int:
    """Set those offline who were not seen for a while. Returns how many."""
    gone = User.objects.get_queryset().filter(
        status__in=_PRESENT, status_source=User.StatusSource.AUTO, last_seen_at__lt=now - GRACE
    )
    grouped: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for user_id, organization_id in gone.exclude(organization=None).values_list("pk", "organization_id"):
        assert organization_id is not None, "excluded above"
        grouped[organization_id].append(user_id)
    return sum(
        _move(people, organization_id, User.Status.OFFLINE, before=_PRESENT, now=now, unseen=True)
        for organization_id, people in grouped.items()
    )


def _move(
    user_ids: Collection[uuid.UUID],
    organization_id: uuid.UUID,
    status: User.Status,
    *,
    before: Collection[User.Status],
    now: datetime,
    unseen: bool = False,
) -> int:
    """Change automatic statuses, and tell the organization of those that changed."""
    with tenancy.organization_context(organization_id), transaction.atomic():
        people = User.objects.get_queryset().filter(
            pk__in=user_ids, status__in=before, status_source=User.StatusSource.AUTO
        )
        if unseen:
            people = people.filter(last_seen_at__lt=now - GRACE)
        changed = list(people.select_for_update().order_by("pk").values_list("pk", flat=True))
        User.objects.get_queryset().filter(pk__in=changed).update(status=status, status_changed_at=now)
        events.emit_many([_draft(user_id, organization_id, status, now=now) for user_id in changed])
    return len(changed)


def _draft(user_id: uuid.UUID, organization_id: uuid.UUID, status: str, *, now: datetime) -> events.EventDraft:
    return events.EventDraft(
        organization_id=organization_id,
        room=f"org:{organization_id}",
        event_type="user:status",
        data={"user_id": str(user_id), "status": str(status)},
        now=now,
        actor=user_id,
    )
