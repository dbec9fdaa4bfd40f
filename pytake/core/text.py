"""Comparing and cutting texts that people type."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_OTHERS: Final = re.compile(r"[^a-z0-9]+")
_SPACES: Final = re.compile(r"\s+")
_BREAKS: Final = ("\n\n", "\n", ". ", "! ", "? ", " ")


def without_accents(text: str) -> str:
    """Return the text with accents removed: 'não' becomes 'nao'."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))


@lru_cache(maxsize=16384)
def fold(text: str) -> str:
    """Return the form in which answers are compared: no case, accents, emoji, punctuation, doubled spaces."""
    if text.isascii():
        return _OTHERS.sub(" ", text.lower()).strip()
    plain = without_accents(text).casefold()
    kept = "".join(letter if unicodedata.category(letter)[0] in "LN" else " " for letter in plain)
    return _SPACES.sub(" ", kept).strip()


def split(text: str, limit: int) -> list[str]:
    """Cut a text into parts of at most `limit` characters, at paragraphs, sentences or words where possible."""
    parts: list[str] = []
    rest = text
    while len(rest) > limit:
        cut = _cut(rest, limit)
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [part for part in [*parts, rest] if part]


def _cut(text: str, limit: int) -> int:
    for mark in _BREAKS:
        at = text.rfind(mark, limit // 2, limit)
        if at > 0:
            return at + len(mark.rstrip("\n")) if mark.strip() else at
    return limit


def clean(text: str) -> str:
    """Remove what PostgreSQL cannot store: NUL characters and lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode("utf-8")
