"""Wall time to instants: the only place where a zone is applied to a calendar day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


def to_instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return the UTC instant of wall time `at` on `day` in `zone`.

    A time that the clocks skip fires later by the skip; a time shown twice fires the first time
    (`fold=0`), both of which Python's zone arithmetic gives by converting through UTC.
    """
    return datetime.combine(day, at, tzinfo=zone).replace(fold=0).astimezone(UTC)


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """Return the calendar day of an aware `instant` as seen in `zone`."""
    return instant.astimezone(zone).date()
