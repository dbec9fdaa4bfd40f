"""What the provider's error codes mean for us. Pure.

Classes: T throttled (surely not sent), U unknown, R recipient, M message, P template, A account.
Source: WhatsApp Cloud API, "Error codes", read 2026-11-01. An unknown code is judged by its HTTP status.
"""

from __future__ import annotations

from typing import Final, Literal

ErrorClass = Literal["T", "U", "R", "M", "P", "A"]

_BY_CLASS: Final[dict[ErrorClass, tuple[int, ...]]] = {
    "T": (4, 80007, 130429, 131056, 131057, 132069, 133004, 133009, 133015, 134101, 2494100),
    "U": (1, 2, 131000, 131016),
    "R": (130403, 130472, 130497, 131020, 131026, 131041, 131047, 131049, 131050, 131062, 137000),
    "M": (100, 131008, 131009, 131021, 131030, 131051, 131052, 131053, 131055, 131059, 132005, 132008, 132018, 135000),
    "P": (131063, 132000, 132001, 132007, 132012, 132015, 132016, 132068, 134100, 134102, 139000, 139001,
          139002, 139003, 139004, 141002),
    "A": (
        0, 3, 10, 33, 190, 368, 131005, 131031, 131037, 131042, 131044, 131045, 131048, 131064, 133000, 133005,
        133006, 133008, 133010, 133016, 134011, 136024,
    ),
}  # fmt: skip
CLASSES: Final[dict[int, ErrorClass]] = {code: name for name, codes in _BY_CLASS.items() for code in codes}
# Seconds to wait after a throttle; pair limits wait longer each time.
WAITS_S: Final[dict[int, float]] = {
    4: 120.0, 80007: 120.0, 130429: 2.0, 131056: 4.0, 131057: 60.0, 132069: 3600.0, 133015: 300.0, 134101: 600.0,
}  # fmt: skip
DEFAULT_WAIT_S: Final = 5.0
# Throttles of one person, of the number's throughput, and of the number or its account as a whole.
PAIR: Final = "131056"
NUMBER: Final = "130429"
NUMBER_WIDE: Final = frozenset({"4", "80007", "131057", "133004", "133009", "133015", "2494100", "130429", "http_429"})
# The provider still takes answers, but no promotions.
PROMOTIONS: Final = frozenset({131048})
SCOPES: Final[dict[ErrorClass, str]] = {"R": "recipient", "M": "message", "P": "template", "A": "account"}


def classify(code: int | None, http_status: int) -> ErrorClass:
    """Return the class of an error."""
    if code is not None and code in CLASSES:
        return CLASSES[code]
    if code is not None and 200 <= code <= 299:
        return "A"
    if http_status in {401, 403}:
        return "A"
    if http_status == 429:
        return "T"
    return "M" if 400 <= http_status < 500 else "U"


def scope_of(code: int | None, http_status: int) -> str:
    """Return what a refusal concerns: message, recipient, template, promotions, account; empty for T and U."""
    if code in PROMOTIONS:
        return "promotions"
    return SCOPES.get(classify(code, http_status), "")


def wait_s(code: int | None, attempt: int) -> float:
    """Return how long to wait after a throttle; the pair limit quadruples with each attempt."""
    if code == 131056:
        return float(min(4 ** max(attempt, 1), 600))
    return WAITS_S.get(code or 0, DEFAULT_WAIT_S)
