"""How fast messages may leave: per number, pair, organization and campaign, and people a day. Over it = later.

The number's own limits are looked at before anything is claimed (`room`): a backlog then costs nothing while the
number rests. The others are taken message by message (`judge`), all with one call to Redis.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from conversations import portfolio, service_window
from conversations.claimed import Claimed
from conversations.consent.rules import PROMOTIONS_FROM
from conversations.models import WhatsAppNumber
from pytake.infra import buckets, redis_client
from pytake.infra.buckets import Bucket, Limit, Room, Verdict

# The provider tolerates 45 at once, borrowed from the future; we stay well below, but above a whole dialogue of
# somebody who taps fast (a booking has ten messages): what is held back would be overtaken by an agent's reply.
PAIR_SECONDS: Final = 6.0
PAIR_BURST: Final = 20
# What need not wait longer leaves with its slice, spread over this time, instead of in bursts.
PATIENCE_S: Final = 0.9
# Of the messages a second, so many may come at once; the sustained rate is lower by as many, so that no
# second ever sees more than the limit.
BURST_SHARE: Final = 0.08
CAMPAIGN_PER_S: Final = 2
CAMPAIGN_BURST: Final = 10
# What waits for its pair holds up all later messages to that person, but not for ever.
PAIR_WAIT_MAX_S: Final = 100.0
# People fall out of the day one by one; we look again at least so often.
CROWD_WAIT_MAX_S: Final = 3600.0
# After the provider's "too fast" the rate is halved; then it grows by this share of the full rate a second.
RECOVERY_PER_S: Final = 0.05
SLOWEST: Final = 0.1
PENALTY_FORGOTTEN_S: Final = 600

SECOND: Final = "second"
PAIR: Final = "pair"
TURNS: Final = "turns"
CAMPAIGN: Final = "campaign"
PEOPLE: Final = "people"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """A provider's own rates for its numbers."""

    # Called with number, now and patience in seconds: the buckets of the number (`number:<key>:<what people call it>`),
    # those of `by_columns` among them or not.
    of_number: Callable[[WhatsAppNumber, datetime, float], list[Bucket]]
    # Called with number, a slice and now, when its messages are not all alike: for each message the number's buckets,
    # or at once the verdict.
    of_messages: Callable[[WhatsAppNumber, Sequence[Claimed], datetime], Sequence[Sequence[Bucket] | Verdict]] | None
    # A slice has no more messages.
    most: int


# By connection type; others have the rates of their columns.
BY_CONNECTION: Final[dict[str, Rates]] = {}


def of_number(number: WhatsAppNumber, *, now: datetime, patience_s: float = PATIENCE_S) -> list[Bucket]:
    """Return the buckets of a number, as its provider wants them. Raises redis.RedisError."""
    own = BY_CONNECTION.get(number.connection_type)
    return own.of_number(number, now, patience_s) if own else by_columns(number, now=now, patience_s=patience_s)


def by_columns(number: WhatsAppNumber, *, now: datetime, patience_s: float = PATIENCE_S) -> list[Bucket]:
    """Return the buckets of the number's own columns; a limit of 0 has none. Raises redis.RedisError."""
    periods = (
        ("minute", number.limit_per_minute, 60),
        ("hour", number.limit_per_hour, 3600),
        ("day", number.limit_per_day, 86400),
    )
    found = [
        Bucket(f"number:{number.pk}:{name}", per=limit, seconds=seconds, burst=limit)
        for name, limit, seconds in periods
        if limit
    ]
    if number.limit_per_second:
        found.append(_per_second(number, _pace(number, now), patience_s))
    if number.min_gap_ms:
        gap = f"number:{number.pk}:gap"
        found.append(Bucket(gap, per=1, seconds=number.min_gap_ms / 1000, burst=1, patience_s=patience_s))
    return found


def _per_second(number: WhatsAppNumber, pace: float, patience_s: float) -> Bucket:
    limit = number.limit_per_second
    burst = max(1, int(limit * BURST_SHARE))
    rate = max(limit - burst, 1) * pace
    return Bucket(f"number:{number.pk}:{SECOND}", per=rate, seconds=1, burst=burst, patience_s=patience_s)


def room(number: WhatsAppNumber, *, now: datetime, most: int, patience_s: float = PATIENCE_S) -> Room:
    """Return how many messages of the number may be claimed now. Raises redis.RedisError."""
    if own := BY_CONNECTION.get(number.connection_type):
        most = min(most, own.most)
    return buckets.room(of_number(number, now=now, patience_s=patience_s), now=now.timestamp(), most=most)


def judge(
    number: WhatsAppNumber, messages: Sequence[Claimed], *, now: datetime, patience_s: float = PATIENCE_S
) -> list[Verdict]:
    """Take tokens for a slice, or say how long each has to wait and for which limit. Raises redis.RedisError."""
    shared = _shared(number, messages, now, patience_s)
    people = portfolio.limit_of(number, messages, now=now)
    paired = bool((number.settings or {}).get("pair_limit", True))
    asked = [(message, own) for message, own in zip(messages, shared, strict=True) if not isinstance(own, Verdict)]
    requests = [_limits_of(number, message, own, paired, people, now) for message, own in asked]
    again = [message.was_put_off for message, _ in asked]
    taken = iter(buckets.take(requests, now=now.timestamp(), again=again))
    return [own if isinstance(own, Verdict) else _bounded(next(taken)) for own in shared]


def _shared(
    number: WhatsAppNumber, messages: Sequence[Claimed], now: datetime, patience_s: float
) -> Sequence[Sequence[Bucket] | Verdict]:
    """Return for each message the buckets of the number, or what is clear without asking."""
    own = BY_CONNECTION.get(number.connection_type)
    if own and own.of_messages:
        return own.of_messages(number, messages, now)
    return [of_number(number, now=now, patience_s=patience_s)] * len(messages)


def _limits_of(
    number: WhatsAppNumber,
    message: Claimed,
    shared: Sequence[Bucket],
    paired: bool,  # noqa: FBT001  # the number's setting, read once a slice
    people: portfolio.People | None,
    now: datetime,
) -> list[Limit]:
    limits: list[Limit] = [*shared]
    if paired:
        pair = f"pair:{number.pk}:{message.contact_id}"
        limits.append(Bucket(pair, per=1, seconds=PAIR_SECONDS, burst=PAIR_BURST))
    if turns := _turns(number, message):
        limits.append(turns)
    if message.scope:
        limits += _of_campaign(message.scope)
    if people and not service_window.is_open(message.window_expires_at, now):
        limits.append(people.crowd(message.contact_id))
    return limits


def _turns(number: WhatsAppNumber, message: Claimed) -> Bucket | None:
    """Return the organization's limit of bot turns; all messages of a turn are made in one moment and pay once."""
    per_minute = number.organization.plan.bot_turns_per_minute
    if per_minute <= 0 or message.sender_type != "bot" or message.priority >= PROMOTIONS_FROM:
        return None
    turn = f"{message.conversation_id}:{int(message.created_at.timestamp())}"
    return Bucket(f"turns:{number.organization_id}", per=per_minute, seconds=60, burst=per_minute, paid=turn)


def _of_campaign(scope: str) -> list[Limit]:
    return [
        Bucket(f"campaign:{scope}", per=CAMPAIGN_PER_S, seconds=1, burst=CAMPAIGN_BURST, line=True),
        # Never more than ten in any second, whatever has been saved up.
        Bucket(f"campaign:{scope}:gap", per=CAMPAIGN_BURST, seconds=1, burst=1, patience_s=PATIENCE_S),
    ]


def _bounded(verdict: Verdict) -> Verdict:
    kind = kind_of(verdict.by)
    if kind == PAIR:
        return Verdict(min(verdict.delay_s, PAIR_WAIT_MAX_S), verdict.by)
    if kind == PEOPLE:
        return Verdict(min(verdict.delay_s, CROWD_WAIT_MAX_S), verdict.by)
    return verdict


def kind_of(bucket: str) -> str:
    """Return what people call the limit behind a bucket: second, minute, hour, day, gap, pair, turns, campaign…"""
    head, _, rest = bucket.partition(":")
    return rest.rpartition(":")[2] if head == "number" else head


def _pace(number: WhatsAppNumber, now: datetime) -> float:
    """Return the share of the rate that is used: less for a while after the provider said "too fast"."""
    found: object = redis_client.client().get(redis_client.key("pace", number.pk))
    if not isinstance(found, bytes):
        return 1.0
    share, _, at = found.decode().partition(" ")
    return min(1.0, max(float(share) + (now.timestamp() - float(at)) * RECOVERY_PER_S, SLOWEST))


def slow_down(number: WhatsAppNumber, *, now: datetime) -> None:
    """Halve the number's rate: the provider said that it sends too fast. Raises redis.RedisError."""
    share = max(_pace(number, now) / 2, SLOWEST)
    redis_client.client().set(
        redis_client.key("pace", number.pk), f"{share:.4f} {now.timestamp():.3f}", ex=int(1 / RECOVERY_PER_S) + 1
    )


def penalize_pairs(number: WhatsAppNumber, contacts: Iterable[uuid.UUID], *, now: datetime) -> None:
    """Leave people in peace whom the provider named, 4, 16, 64 s … longer each time. Raises redis.RedisError."""
    client = redis_client.client()
    for contact_id in set(contacts):
        hits_key = redis_client.key("pair-hits", number.pk, contact_id)
        hits = int(client.incr(hits_key))
        client.expire(hits_key, PENALTY_FORGOTTEN_S)
        wait_ms = min(4**hits, PENALTY_FORGOTTEN_S) * 1000
        full = now.timestamp() * 1000 + wait_ms + PAIR_SECONDS * 1000 * (PAIR_BURST - 1)
        key = redis_client.key("bucket", f"pair:{number.pk}:{contact_id}")
        client.set(key, f"{full:.0f}", px=int(full - now.timestamp() * 1000))
