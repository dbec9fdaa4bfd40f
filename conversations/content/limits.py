"""The provider's limits, and the one way in which breaking them is said.

Lengths count Unicode code points (WhatsApp Cloud API, "Messages", read 2026-11-01).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

TEXT_MAX: Final = 4096
CAPTION_MAX: Final = 1024
FILE_NAME_MAX: Final = 240
LINK_MAX: Final = 2000
BUTTON_BODY_MAX: Final = 1024
LIST_BODY_MAX: Final = 4096
HEADER_MAX: Final = 60
FOOTER_MAX: Final = 60
BUTTON_TITLE_MAX: Final = 20
BUTTON_ID_MAX: Final = 256
BUTTONS_MAX: Final = 3
LIST_BUTTON_MAX: Final = 20
SECTIONS_MAX: Final = 10
ROWS_MAX: Final = 10
SECTION_TITLE_MAX: Final = 24
ROW_ID_MAX: Final = 200
ROW_TITLE_MAX: Final = 24
ROW_DESCRIPTION_MAX: Final = 72
LINK_TITLE_MAX: Final = 20
FLOW_BUTTON_MAX: Final = 20
CONTACTS_MAX: Final = 257
PLACE_MAX: Final = 1000
NAME_MAX: Final = 1024
EMOJI_MAX: Final = 16
MESSAGE_ID_MAX: Final = 1000
TEMPLATE_NAME_MAX: Final = 512
LANGUAGE_MAX: Final = 20
TEMPLATE_BODY_MAX: Final = 1024
TEMPLATE_BUTTONS_MAX: Final = 10
PAYLOAD_MAX: Final = 256
COUPON_MAX: Final = 20
OTP_MAX: Final = 15
CARDS_MIN: Final = 2
CARDS_MAX: Final = 10
CARD_BODY_MAX: Final = 160
SPACES_MAX: Final = 4

# What an error says: fixed texts, so that the edges can translate them.
EMPTY: Final = "must not be empty"
TOO_LONG: Final = "at most %(limit)d characters, not %(found)d"
COUNT: Final = "%(low)d to %(limit)d, not %(found)d"
OUT_OF_RANGE: Final = "from -%(limit)d to %(limit)d"
REPEATED: Final = "must not repeat"
ONE_SOURCE: Final = "needs exactly one of a media id, a link and a file"
NOT_UPLOADED: Final = "the file has not been uploaded yet"
NOT_ALLOWED: Final = "is not possible here"
NOT_A_LINK: Final = "must begin with http:// or https://"
NOT_ONE_LINE: Final = "must not contain line breaks, tabs or more than %(limit)d spaces in a row"
ALIKE: Final = "must all be of the same kind"
UNREADABLE: Final = "cannot be read"
MESSAGES: Final = (
    EMPTY, TOO_LONG, COUNT, OUT_OF_RANGE, REPEATED, ONE_SOURCE, NOT_UPLOADED, NOT_ALLOWED, NOT_A_LINK, NOT_ONE_LINE,
    ALIKE, UNREADABLE,
)  # fmt: skip
_SPREAD: Final = re.compile(rf"[\n\r\t]| {{{SPACES_MAX + 1},}}")


class ContentError(ValueError):
    """A field breaks a limit of the provider. `message` is one of MESSAGES, with `params` to fill in."""

    def __init__(self, field: str, limit: int, message: str, **params: int) -> None:
        self.field = field
        self.limit = limit
        self.message = message
        self.params: dict[str, int] = {"limit": limit, **params}
        super().__init__(f"{field}: {message % self.params}")


def length(field: str, value: str, limit: int, *, required: bool = True) -> None:
    """Refuse a text that is too long, or blank although it is required."""
    if required and not value.strip():
        raise ContentError(field, 1, EMPTY)
    if len(value) > limit:
        raise ContentError(field, limit, TOO_LONG, found=len(value))


def fits(value: str, limit: int) -> bool:
    """Return whether a required text is there and short enough; names of fields are made for the others only."""
    return len(value) <= limit and not value.isspace() and value != ""


def count(field: str, values: Sequence[Any], *, low: int, high: int) -> None:
    """Refuse too few or too many."""
    if not low <= len(values) <= high:
        raise ContentError(field, high, COUNT, low=low, found=len(values))


def unique(field: str, values: Sequence[str], limit: int) -> None:
    """Refuse the same value twice."""
    if len(set(values)) != len(values):
        raise ContentError(field, limit, REPEATED)


def link(field: str, value: str) -> None:
    """Refuse what is not the address of a web page."""
    length(field, value, LINK_MAX)
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.netloc or any(char.isspace() for char in value):
        raise ContentError(field, LINK_MAX, NOT_A_LINK)


def one_line(field: str, value: str, limit: int) -> None:
    """Refuse what parameters of templates must not contain."""
    length(field, value, limit)
    if _SPREAD.search(value):
        raise ContentError(field, SPACES_MAX, NOT_ONE_LINE)


def one_of(field: str, value: str, allowed: Sequence[str] | frozenset[str]) -> None:
    """Refuse a word that is not among those allowed."""
    if value not in allowed:
        raise ContentError(field, len(allowed), NOT_ALLOWED)
