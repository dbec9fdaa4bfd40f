"""Takes out of log lines and error reports what must not be kept: secrets, phone numbers, what people wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

HIDDEN: Final = "[redacted]"
_DEPTH_MAX: Final = 8

# Names under which secrets and personal data travel; the value goes, whatever it is.
_KEYS: Final = frozenset(
    {
        "authorization", "cookie", "set-cookie", "password", "secret", "token", "ticket", "api_key", "apikey",
        "access_token", "refresh_token", "csrfmiddlewaretoken", "sessionid", "credential", "credentials",
        "app_secret", "verify_token", "private_key", "signature", "x-hub-signature-256", "x-csrftoken",
        "body", "text", "content", "payload", "preview", "caption", "message_text", "raw", "data",
        "phone", "phone_number", "display_phone_number", "wa_id", "recipient_id", "email", "contact_name",
        "full_name", "canonical_key",
    }
)  # fmt: skip
_SUFFIXES: Final = ("_token", "_secret", "_password", "_key", "_phone", "_email", "_body", "_text")

_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), rf"\1 {HIDDEN}"),
    (
        re.compile(
            r"(?i)([\"']?\b[\w-]*(?:token|ticket|password|secret|api_?key|sessionid|authorization|signature)[\w-]*"
            r"[\"']?\s*[=:]\s*[\"']?)(?!\[redacted)[^\s\"'&,;})\]]+"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), HIDDEN),
    (re.compile(r"\bpt_\w{4,}_[\w-]+"), HIDDEN),
    (re.compile(r"\bEAA[A-Za-z0-9]{16,}"), HIDDEN),
    (re.compile(r"\bgAAAA[\w=-]{20,}"), HIDDEN),
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"), HIDDEN),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w"), "[email]"),
    # Written phone numbers, then plain runs of digits (not parts of identifiers).
    (re.compile(r"\+\d{1,3}[\s.-]?\(?\d{1,4}\)?(?:[\s.-]?\d{2,5}){2,3}(?!\d)"), "[phone]"),
    (re.compile(r"\(\d{2}\)\s?\d{4,5}[\s-]?\d{4}(?!\d)"), "[phone]"),
    (re.compile(r"(?<![\w.-])\d{2}\s\d{4,5}-\d{4}(?!\d)"), "[phone]"),
    (re.compile(r"(?<![\w.-])\+?\d{10,15}(?![\w-])"), "[phone]"),
)


def clean_text(text: str) -> str:
    """Return the text without secrets, addresses and phone numbers."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def clean(value: Any, *, depth: int = 0) -> Any:
    """Return a copy of a JSON-like value in which nothing confidential is left; other objects become text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth > _DEPTH_MAX:
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: _under(str(key), item, depth) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(item, depth=depth + 1) for item in value]
    if isinstance(value, bytes):
        return f"[{len(value)} bytes]"
    return clean_text(str(value))


def _under(key: str, item: Any, depth: int) -> Any:
    name = key.lower()
    if item not in (None, "") and (name in _KEYS or name.endswith(_SUFFIXES)):
        return HIDDEN
    return clean(item, depth=depth + 1)
