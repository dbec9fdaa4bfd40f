"""People a day: how many different ones a business portfolio may write to outside of service windows.

The counter lives in Redis; when it was lost it is filled again from the messages of the last 24 hours.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from conversations import service_window
from conversations.claimed import Claimed
from conversations.models import Message, WhatsAppNumber
from pytake.infra import redis_client
from pytake.infra.buckets import Crowd

DAY: Final = timedelta(hours=24)
# We stop before the provider does: its count is not ours.
SHARE: Final = 0.95
_TIER: Final = re.compile(r"^TIER_(\d+)(K|M)?$")
_TIMES: Final = {"": 1, "K": 1_000, "M": 1_000_000}


@dataclass(frozen=True, slots=True)
class People:
    """The limit of a portfolio."""

    name: str
    limit: int

    def crowd(self, contact_id: uuid.UUID) -> Crowd:
        """Return what a message to this contact asks for."""
        return Crowd(self.name, self.limit, str(contact_id))


def people_of(tier: str) -> int | None:
    """Return how many people a tier allows; None for no limit and for words that we do not know."""
    found = _TIER.match(tier.strip().upper())
    return int(found[1]) * _TIMES[found[2] or ""] if found else None


def name_of(number: WhatsAppNumber) -> str:
    """Return the name of the portfolio's counter; an account, or a number, stands for one that is not known."""
    known = (number.settings or {}).get("business_portfolio_id") or getattr(number, "business_portfolio_id", "")
    return f"people:{number.organization_id}:{known or number.whatsapp_business_account_id or number.pk}"


def limit_of(number: WhatsAppNumber, messages: Sequence[Claimed], *, now: datetime) -> People | None:
    """Return the limit for a slice; None when nothing in it counts or nothing limits it. Raises redis.RedisError."""
    allowed = people_of(number.messaging_limit_tier)
    if allowed is None or number.connection_type != number.ConnectionType.OFFICIAL:
        return None
    if all(service_window.is_open(message.window_expires_at, now) for message in messages):
        return None
    people = People(name_of(number), max(int(allowed * SHARE), 1))
    _remember(number, people, now=now)
    return people


def used(number: WhatsAppNumber, *, now: datetime) -> int:
    """Return how many people were written to in the last 24 hours. Raises redis.RedisError."""
    people = People(name_of(number), 0)
    _remember(number, people, now=now)
    since = (now - DAY).timestamp() * 1000
    found: Any = redis_client.client().zcount(redis_client.key("crowd", people.name), since, "+inf")
    return int(found)


def _remember(number: WhatsAppNumber, people: People, *, now: datetime) -> None:
    """Fill the counter from the database if Redis has lost it."""
    client = redis_client.client()
    known = redis_client.key("crowd-known", people.name)
    if client.exists(known):
        return
    members: dict[Any, float] = {
        str(contact_id): at.timestamp() * 1000 for contact_id, at in _written_to(number, now=now)
    }
    if members:
        key = redis_client.key("crowd", people.name)
        client.zadd(key, members, gt=True)
        client.expire(key, DAY + timedelta(hours=1))
    client.set(known, "1", ex=DAY)


def _written_to(number: WhatsAppNumber, *, now: datetime) -> list[tuple[uuid.UUID, datetime]]:
    """Return who got something outside of a window. A template may have gone inside of one: then we count too many."""
    numbers = WhatsAppNumber.objects.filter(organization_id=number.organization_id)
    same = [row.pk for row in numbers if name_of(row) == name_of(number)]
    rows = Message.objects.filter(
        organization_id=number.organization_id,
        number_id__in=same,
        direction=Message.Direction.OUTBOUND,
        message_type="template",
        dispatch_state__in=["accepted", "unknown", "abandoned"],
        created_at__gt=now - DAY,
    )
    return list(
        rows.order_by("contact_id", "-created_at").distinct("contact_id").values_list("contact_id", "created_at")
    )
