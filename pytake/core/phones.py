"""Phone numbers as WhatsApp sees them: the key that matching uses, and forms for people.

The canonical key of a Brazilian mobile drops the ninth digit, because accounts older than the change
keep an eight-digit `wa_id`; Mexican and Argentine mobile markers are dropped likewise. What a provider
reports is keyed, never corrected. Source: WhatsApp Cloud API, "Phone numbers", read 2026-11-01.
"""

from __future__ import annotations

import re
from typing import Final

_NOT_DIGITS: Final = re.compile(r"[^0-9]")
BSUID: Final = re.compile(r"^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$")
COUNTRY_CODES: Final = {"BR": "55", "MX": "52", "AR": "54", "PT": "351", "US": "1"}


class InvalidPhoneError(ValueError):
    """The text cannot be read as a phone number."""


def digits_of(text: str) -> str:
    """Return the digits of a text."""
    return _NOT_DIGITS.sub("", text)


def canonical_key(kind: str, value: str) -> str:
    """Return the key under which an identity is unique in its organization.

    `kind` is phone, wa_id, bsuid or lid; an address shaped like a BSUID is one whatever its kind says.
    """
    if kind == "bsuid" or BSUID.match(value):
        return f"bsuid:{value}"
    if kind == "lid":
        return f"lid:{digits_of(value)}"
    return f"tel:{_without_markers(digits_of(value))}"


def _without_markers(digits: str) -> str:
    """Drop the ninth digit (Brazil) and the mobile markers (Mexico, Argentina)."""
    # Only 9 followed by 6-9 ever had an eight-digit form; newer ranges would collide with landlines.
    if len(digits) == 13 and digits.startswith("55") and digits[4] == "9" and digits[5] in "6789":
        return digits[:4] + digits[5:]
    if len(digits) == 13 and digits.startswith("521"):
        return "52" + digits[3:]
    if digits.startswith("54"):
        return _argentine(digits)
    return digits


def _argentine(digits: str) -> str:
    if len(digits) == 13 and digits.startswith("549"):
        return "54" + digits[3:]
    # 54 + area (2-4) + 15 + number: together 14 digits, of which the 15 goes.
    if len(digits) == 14:
        for area in (2, 3, 4):
            if digits[2 + area : 4 + area] == "15":
                return digits[: 2 + area] + digits[4 + area :]
    return digits


def normalize_phone(text: str, *, country: str = "BR") -> str:
    """Return typed input as digits with country code, or raise InvalidPhoneError.

    A leading + or 00 marks the international form; carrier codes (0XX) are dropped; ten or eleven
    digits get the code of `country`.
    """
    stripped = text.strip()
    digits = digits_of(stripped)
    international = stripped.startswith("+")
    if not international and digits.startswith("00"):
        international, digits = True, digits[2:]
    if not international and digits.startswith("0"):
        single = not digits.startswith("00")
        digits = digits.lstrip("0")
        if single and len(digits) in {12, 13}:
            digits = digits[2:]
    if not international and len(digits) in {10, 11}:
        digits = COUNTRY_CODES.get(country, "55") + digits
    if not 8 <= len(digits) <= 15:
        raise InvalidPhoneError(text)
    return digits


def format_phone(digits: str) -> str:
    """Return digits as people write them: +55 (11) 98765-4321, else + and the digits."""
    if digits.startswith("55") and len(digits) in {12, 13}:
        area, rest = digits[2:4], digits[4:]
        return f"+55 ({area}) {rest[:-4]}-{rest[-4:]}"
    return f"+{digits}" if digits else ""


def mask_phone(digits: str) -> str:
    """Return the form shown to people who may not see the number: (11) 9****-4321."""
    national = digits[2:] if digits.startswith("55") and len(digits) in {12, 13} else digits
    if len(national) < 8:
        return "****"
    return f"({national[:2]}) {national[2]}****-{national[-4:]}"
