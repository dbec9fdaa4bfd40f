"""When a circuit breaker opens, tries and closes. Pure rules on one row; nothing here is saved."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from conversations.models import CircuitBreaker

_STATE: Final = CircuitBreaker.State
_SCOPE: Final = CircuitBreaker.Scope
# The sixth failure in a row opens it.
IN_A_ROW: Final = 5
_IN_A_ROW_OF: Final = frozenset({_SCOPE.NUMBER, _SCOPE.CAMPAIGN})
# So does a failure share above this, once so many were sent.
SHARE: Final = 0.30
SENDS: Final = 100
# After this many failed tries only a person sets it going again.
TRIES: Final = 3
COOL: Final = timedelta(minutes=5)
# Customers wait for answers, and somebody may have repaired the account: a number is tried more often, for ever.
COOL_NUMBER: Final = timedelta(seconds=60)


def cooling(breaker: CircuitBreaker) -> timedelta:
    """Return how long it stays open before one message is tried."""
    return COOL_NUMBER if breaker.scope == _SCOPE.NUMBER else COOL


def is_closed(breaker: CircuitBreaker) -> bool:
    """Return whether messages pass."""
    return breaker.state == _STATE.CLOSED


def may_try(breaker: CircuitBreaker, now: datetime) -> bool:
    """Return whether one message may be tried now."""
    return not is_closed(breaker) and breaker.retry_at is not None and breaker.retry_at <= now


def tries(breaker: CircuitBreaker, message_id: object, *, now: datetime) -> None:
    """Note the message that is tried; should its outcome be lost, another is tried after the next cooling."""
    breaker.state = _STATE.HALF_OPEN
    breaker.probe_message = message_id  # type: ignore[assignment]  # a key of a message
    breaker.retry_at = now + cooling(breaker)


def trip(breaker: CircuitBreaker, *, code: str, detail: str, now: datetime) -> None:
    """Open it, or open it again after a failed try."""
    if is_closed(breaker):
        breaker.opened_at, breaker.reopenings = now, 0
    elif breaker.state == _STATE.HALF_OPEN:
        breaker.reopenings += 1
    elif breaker.retry_at is None:
        return
    breaker.state = _STATE.OPEN
    breaker.reason_code, breaker.reason_detail = code[:40], detail[:500]
    breaker.probe_message = None
    given_up = breaker.scope != _SCOPE.NUMBER and breaker.reopenings >= TRIES
    breaker.retry_at = None if given_up else now + cooling(breaker)


def succeed(breaker: CircuitBreaker, *, now: datetime) -> None:
    """Count a message that got through; it closes what was open for tries."""
    breaker.failures = 0
    _count(breaker)
    if breaker.state == _STATE.HALF_OPEN:
        close(breaker, now=now)


def fail(breaker: CircuitBreaker, *, code: str, detail: str, now: datetime) -> None:
    """Count a message that did not get through. Failures in a row tell of a number or a campaign only."""
    breaker.failures += 1
    _count(breaker)
    breaker.failed_sends += 1
    in_a_row = breaker.scope in _IN_A_ROW_OF and breaker.failures > IN_A_ROW
    if breaker.state == _STATE.HALF_OPEN or in_a_row or _is_too_much(breaker):
        trip(breaker, code=code, detail=detail, now=now)


def fail_later(breaker: CircuitBreaker, *, code: str, detail: str, now: datetime) -> None:
    """Count a failure that was reported after the send had been accepted: only the share tells."""
    breaker.failed_sends += 1
    if is_closed(breaker) and _is_too_much(breaker):
        trip(breaker, code=code, detail=detail, now=now)


def _count(breaker: CircuitBreaker) -> None:
    if breaker.sends >= 2 * SENDS:
        breaker.sends //= 2
        breaker.failed_sends //= 2
    breaker.sends += 1


def _is_too_much(breaker: CircuitBreaker) -> bool:
    if breaker.scope == _SCOPE.NUMBER or breaker.sends < SENDS:
        return False
    return breaker.failed_sends > SHARE * breaker.sends


def close(breaker: CircuitBreaker, *, now: datetime) -> None:
    """Let everything pass again; counting begins anew."""
    breaker.state, breaker.closed_at = _STATE.CLOSED, now
    breaker.retry_at = breaker.probe_message = None
    breaker.failures = breaker.reopenings = breaker.sends = breaker.failed_sends = 0
