"""Dates and times as people write them in flows."""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import lru_cache
from typing import Final

_TOKENS: Final = {
    "YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d", "HH": "%H", "mm": "%M", "ss": "%S",
}  # fmt: skip
_TOKEN: Final = re.compile("|".join(sorted(_TOKENS, key=len, reverse=True)))
# Longer texts and patterns are not worth remembering.
_KEPT_MAX: Final = 40
_KNOWN: Final = ("%d/%m/%Y %H:%M", "%d/%m/%Y", "%d/%m/%y", "%d-%m-%Y")


def directives(pattern: str) -> str:
    """Return `DD/MM/YYYY HH:mm` as `%d/%m/%Y %H:%M`; patterns with % stay."""
    return pattern if "%" in pattern else _TOKEN.sub(lambda match: _TOKENS[match.group()], pattern)


def format_moment(moment: date | datetime, pattern: str) -> str:
    """Return the date in the pattern."""
    if type(moment) is date and len(pattern) <= _KEPT_MAX:
        return _format_day(moment, pattern)
    return moment.strftime(directives(pattern))


@lru_cache(maxsize=4096)
def _format_day(day: date, pattern: str) -> str:
    """Remember days alone: two datetimes may be equal and yet read differently in their zones."""
    return day.strftime(directives(pattern))


def parse_moment(text: str, pattern: str | None = None) -> date | datetime | None:
    """Return the date or datetime that a text means (pattern, ISO or DD/MM/YYYY), or None."""
    if pattern:
        return _strptime(text.strip(), directives(pattern))
    return _remembered(text) if len(text) <= _KEPT_MAX else _read(text)


def _read(text: str) -> date | datetime | None:
    stripped = text.strip()
    try:
        return datetime.fromisoformat(stripped) if len(stripped) > 10 else date.fromisoformat(stripped)
    except ValueError:
        return next((moment for known in _KNOWN if (moment := _strptime(stripped, known))), None)


_remembered: Final = lru_cache(maxsize=4096)(_read)


def _strptime(text: str, pattern: str) -> date | datetime | None:
    try:
        moment = datetime.strptime(text, pattern)  # noqa: DTZ007  # wall time, no zone known here
    except ValueError:
        return None
    return moment if "%H" in pattern else moment.date()
