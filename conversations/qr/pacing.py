"""How fast a number paired by QR code may write: like a person, and slowly while it is new.

Everything here is a wait, never a refusal. Gaps between messages vary; what nobody asked for (automations, campaigns)
leaves more rarely than answers; a young number has few messages a day, more with every day that it stays linked.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from conversations import sending_limits, service_window
from conversations.claimed import Claimed
from conversations.models import QrLink, WhatsAppNumber
from conversations.sending_limits import Rates
from pytake.infra.buckets import Bucket, Verdict

# Messages a day to people who have not written lately: on the first day, from day to day, and when warm.
FIRST_DAY: Final = 20
GROWTH: Final = 1.35
WARM: Final = 1000
# Answers are what the number is for: of those it may write many times more.
ANSWERS: Final = 10
DAY_S: Final = 86_400
GAP_SPREAD: Final = (0.8, 2.4)
BULK_SPREAD: Final = (4.0, 12.0)
# Bulk messages of a number whose sends are not acknowledged wait until somebody, or time, has helped.
BRAKE_S: Final = 60.0
# They send one after the other, seconds apart: a slice must not keep its worker for long.
SLICE: Final = 3
FIRST: Final = "first"
UNCONFIRMED: Final = "unconfirmed"


def allowance(age: timedelta) -> int:
    """Return how many people may be written to first within a day, by the age of the link."""
    days = max(0, age.days)
    return WARM if days > 30 else min(WARM, int(FIRST_DAY * GROWTH**days))


def install() -> None:
    """Have the limits of sending ask here about numbers paired by QR code."""
    rates = Rates(of_number=_of_number, of_messages=_of_messages, most=SLICE)
    sending_limits.BY_CONNECTION[WhatsAppNumber.ConnectionType.QRCODE.value] = rates


def _of_number(number: WhatsAppNumber, now: datetime, patience_s: float) -> list[Bucket]:
    """Return what holds for every message. Nothing is taken ahead: who waits seconds in a slice blocks the others."""
    return _common(number, _limit(number, now), GAP_SPREAD, now)


def _of_messages(number: WhatsAppNumber, messages: Sequence[Claimed], now: datetime) -> list[list[Bucket] | Verdict]:
    limit = _limit(number, now)
    # Reasons for it are many; with each of them nobody should write to crowds.
    braked = number.health_state == WhatsAppNumber.Health.DEGRADED
    held = Verdict(BRAKE_S, f"number:{number.pk}:{UNCONFIRMED}")
    return [
        held if braked and message.is_promotion else _of_message(number, message, limit, now) for message in messages
    ]


def _of_message(number: WhatsAppNumber, message: Claimed, limit: int, now: datetime) -> list[Bucket]:
    found = _common(number, limit, BULK_SPREAD if message.is_promotion else GAP_SPREAD, now)
    if not service_window.is_open(message.window_expires_at, now):
        found.append(_day(f"number:{number.pk}:{FIRST}", limit))
    return found


def _limit(number: WhatsAppNumber, now: datetime) -> int:
    linked = QrLink.objects.filter(number=number).values_list("linked_since", flat=True).first()
    return allowance(now - linked if linked else timedelta(0))


def _common(number: WhatsAppNumber, limit: int, spread: tuple[float, float], now: datetime) -> list[Bucket]:
    rows = sending_limits.by_columns(number, now=now, patience_s=0)
    found = [row for row in rows if sending_limits.kind_of(row.name) not in {"gap", "day"}]
    if number.min_gap_ms:
        gap = number.min_gap_ms * random.uniform(*spread) / 1000  # noqa: S311  # jitter
        found.append(Bucket(f"number:{number.pk}:gap", per=1, seconds=gap, burst=1))
    found.append(_day(f"number:{number.pk}:day", number.limit_per_day or limit * ANSWERS))
    return found


def _day(name: str, limit: int) -> Bucket:
    """Return a bucket that lets no more than `limit` pass in any 24 hours: half of them at once, half over the day."""
    burst = max(1, limit // 2)
    return Bucket(name, per=max(1, limit - burst), seconds=DAY_S, burst=burst)
