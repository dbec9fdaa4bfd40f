"""Regular expressions of flow authors, matched in linear time by RE2.

Python's engine backtracks: `.*.*.*x` on a long message can hold a worker for hours. RE2 has no back
references and no look-around, which is why it never does. `\\d` and `\\w` mean ASCII; letters with accents
are `\\pL`. The tested text is cut at 1,000 characters.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import re2

from pytake.core.text import clean

LENGTH_MAX: Final = 200
TEXT_MAX: Final = 1000
_OPTIONS: Final = re2.Options()
# What cannot be compiled is reported to the author, not to the error stream.
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 1024 * 1024


class PatternError(ValueError):
    """The pattern is invalid or not allowed."""


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Any:
    """Return the compiled pattern, or raise PatternError with the reason."""
    if len(pattern) > LENGTH_MAX:
        raise PatternError(f"the pattern is longer than {LENGTH_MAX} characters")
    try:
        return re2.compile(clean(pattern), _OPTIONS)
    except re2.error as exc:
        reason = exc.args[0].decode("utf-8", "replace") if exc.args and isinstance(exc.args[0], bytes) else exc
        raise PatternError(f"the pattern is not valid: {reason}") from exc


def matches(pattern: str, text: str) -> bool:
    """Return whether the pattern is found in the text (anchors as written)."""
    return compile_pattern(pattern).search(clean(text[:TEXT_MAX])) is not None
