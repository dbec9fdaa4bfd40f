"""The 24-hour customer service window. Pure.

Free-form messages are allowed until 24 hours after the contact's last message; then only templates.
Source: Meta, "Customer service windows", read 2026-11-01.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

LENGTH: Final = timedelta(hours=24)


def closes_at(last_inbound_at: datetime) -> datetime:
    """Return when free-form replies stop being allowed, counted from the message's own timestamp."""
    return last_inbound_at + LENGTH


def may_write(connection_type: str, expires_at: datetime | None, now: datetime) -> bool:
    """Return whether a free-form message may be sent now; only numbers of the official API have a window."""
    return connection_type != "official" or is_open(expires_at, now)


def is_open(expires_at: datetime | None, now: datetime) -> bool:
    """Return whether a free-form message may be sent now; without any inbound message it may not."""
    return expires_at is not None and now < expires_at
