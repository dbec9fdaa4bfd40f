"""How fast a number may send: per second, minute, hour, day, gap, and per contact. Over the limit = later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from conversations.claimed import Claimed
from conversations.models import WhatsAppNumber
from pytake.infra import buckets
from pytake.infra.buckets import Bucket

# The provider tolerates 45 at once, borrowed from the future; we stay well below, but above a whole dialogue of
# somebody who taps fast (a booking has ten messages): what is held back would be overtaken by an agent's reply.
PAIR_SECONDS: Final = 6.0
PAIR_BURST: Final = 20


def of_number(number: WhatsAppNumber) -> list[Bucket]:
    """Return the buckets of a number; a limit of 0 has none."""
    periods = (
        ("s", number.limit_per_second, 1),
        ("m", number.limit_per_minute, 60),
        ("h", number.limit_per_hour, 3600),
        ("d", number.limit_per_day, 86400),
    )
    found = [
        Bucket(f"number:{number.pk}:{name}", per=limit, seconds=seconds, burst=limit)
        for name, limit, seconds in periods
        if limit
    ]
    if number.min_gap_ms:
        found.append(Bucket(f"number:{number.pk}:gap", per=1, seconds=number.min_gap_ms / 1000, burst=1))
    return found


def waits(number: WhatsAppNumber, messages: Sequence[Claimed], *, now: datetime) -> list[int]:
    """Take tokens for a slice; return for each message 0 or the milliseconds to wait. Raises redis.RedisError."""
    shared = of_number(number)
    paired = bool((number.settings or {}).get("pair_limit", True))
    requests = [
        [*shared, Bucket(f"pair:{number.pk}:{m.contact_id}", per=1, seconds=PAIR_SECONDS, burst=PAIR_BURST)]
        if paired
        else shared
        for m in messages
    ]
    return buckets.take(requests, now=now.timestamp())
