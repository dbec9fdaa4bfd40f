"""Regular expressions of flow authors, restricted so that matching stays (nearly) linear.

Python's engine backtracks. Refused are the constructs that make it explode or reach elsewhere: back
references, look-around, named groups, possessive tricks, and a repeated group that itself repeats.
The tested text is cut at 1,000 characters.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

LENGTH_MAX: Final = 200
TEXT_MAX: Final = 1000
_REPEATS_MAX: Final = 4


class PatternError(ValueError):
    """The pattern is invalid or not allowed."""


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return the compiled pattern, or raise PatternError with the reason."""
    if len(pattern) > LENGTH_MAX:
        raise PatternError(f"the pattern is longer than {LENGTH_MAX} characters")
    try:
        parsed = re._parser.parse(pattern)  # type: ignore[attr-defined]  # noqa: SLF001  # the only way to see its structure
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as exc:
        raise PatternError(f"the pattern is not valid: {exc}") from exc
    if _repeats(parsed, inside=False) > _REPEATS_MAX:
        raise PatternError(f"the pattern has more than {_REPEATS_MAX} open repetitions")
    return compiled


def _repeats(parsed: Any, *, inside: bool) -> int:
    """Count open repetitions, refusing nested ones and what is not regular."""
    total = 0
    for operation, argument in parsed:
        name = str(operation)
        if name in {"GROUPREF", "GROUPREF_EXISTS", "ASSERT", "ASSERT_NOT", "ATOMIC_GROUP"}:
            raise PatternError("back references and look-around are not allowed")
        if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            _, most, body = argument
            open_ended = int(most) > TEXT_MAX or int(most) > 16
            if open_ended and inside:
                raise PatternError("a repetition inside a repetition is not allowed")
            total += open_ended + _repeats(body, inside=inside or int(most) > 1)
        elif name == "SUBPATTERN":
            total += _repeats(argument[-1], inside=inside)
        elif name == "BRANCH":
            total += sum(_repeats(branch, inside=inside) for branch in argument[1])
    return total


def matches(pattern: str, text: str) -> bool:
    """Return whether the pattern is found in the text (anchors as written)."""
    return compile_pattern(pattern).search(text[:TEXT_MAX]) is not None
