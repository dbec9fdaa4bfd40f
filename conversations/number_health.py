"""Whether a number can send: a refusal that concerns the whole account blocks it, the next success frees it.

While a number is blocked its messages wait, and one of them is sent now and then to see whether somebody has
repaired the token, the payment or the registration. `health_state` is what people see of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from conversations.gateway.base import Accepted, Outcome, Refused
from conversations.models import WhatsAppNumber

log = structlog.get_logger(__name__)
TRY_AGAIN: Final = timedelta(seconds=60)
_BLOCKED: Final = WhatsAppNumber.Health.BLOCKED


def is_blocked(number: WhatsAppNumber) -> bool:
    """Return whether only single messages may be tried."""
    return number.health_state == _BLOCKED


def concerns_account(outcome: Outcome) -> bool:
    """Return whether every other message of the number would be refused as well."""
    return isinstance(outcome, Refused) and outcome.scope == "account"


def judge(number: WhatsAppNumber, outcomes: Sequence[Outcome], *, now: datetime) -> None:
    """Block the number, or free it, by what the provider said to a slice."""
    refusal = next((outcome for outcome in outcomes if concerns_account(outcome)), None)
    if isinstance(refusal, Refused):
        if not is_blocked(number):
            log.error("number.blocked", number_id=str(number.pk), code=refusal.code)
            reason = {"code": refusal.code, "detail": refusal.detail, "since": now.isoformat()}
            _set(number, _BLOCKED, [reason])
    elif is_blocked(number) and any(isinstance(outcome, Accepted | Refused) for outcome in outcomes):
        log.info("number.freed", number_id=str(number.pk))
        _set(number, WhatsAppNumber.Health.OK, [])


def _set(number: WhatsAppNumber, state: WhatsAppNumber.Health, reasons: list[dict[str, str]]) -> None:
    number.health_state, number.health_reasons = state, reasons
    WhatsAppNumber.objects.filter(pk=number.pk).update(health_state=state, health_reasons=reasons)
