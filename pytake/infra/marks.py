"""Places in lists that travel in addresses: people may change them, so they are read with suspicion."""

from __future__ import annotations

from datetime import datetime
from typing import Final

_YEARS: Final = range(1970, 10_000)


def instant(text: object) -> datetime:
    """Return an aware instant of our time; raises ValueError for anything else."""
    if not isinstance(text, str):
        raise ValueError("not a text")  # noqa: TRY004  # one kind of error for what people send
    at = datetime.fromisoformat(text)
    if at.tzinfo is None or at.year not in _YEARS:
        raise ValueError("not an instant of our time")
    return at
