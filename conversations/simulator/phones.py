"""Phone numbers as this world keys them: digits, and one key for the two spellings of a Brazilian mobile."""

from __future__ import annotations

import re
from typing import Final

BSUID: Final = re.compile(r"^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$")
_ALLOWED: Final = re.compile(r"^\+?[0-9 ().-]+$")
LOCAL_LENGTH: Final = 11
COUNTRIES: Final = {"55": "BR", "52": "MX", "54": "AR", "351": "PT", "1": "US", "34": "ES"}


def digits_of(text: str, *, home: str = "55") -> str | None:
    """Return the digits of a `to` as Meta reads it, None if it is no phone number.

    Without a `+`, up to 11 digits are taken for a local number and get the business's country code `home`.
    """
    if text.isdecimal():
        digits = text
    elif _ALLOWED.match(text):
        digits = re.sub(r"[^0-9]", "", text)
    else:
        return None
    if not text.startswith("+") and len(digits) <= LOCAL_LENGTH:
        digits = home + digits
    return digits if 8 <= len(digits) <= 15 else None


def key(digits: str) -> str:
    """Return the key of the account: Brazil without the ninth digit, Mexico and Argentina without the mobile mark."""
    if len(digits) == 13 and digits.startswith("55") and digits[4] == "9" and digits[5] in "6789":
        return digits[:4] + digits[5:]
    if len(digits) == 13 and digits.startswith(("521", "549")):
        return digits[:2] + digits[3:]
    return digits


def country(digits: str) -> str:
    """Return the ISO country of a number, ZZ if this small table does not know it."""
    return next((name for code, name in COUNTRIES.items() if digits.startswith(code)), "ZZ")
