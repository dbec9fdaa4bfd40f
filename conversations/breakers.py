"""Circuit breakers of a number: what they hold back, what outcomes do to them, who is told."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import transaction
from django.db.models import Q

from conversations import circuit, number_health
from conversations.claimed import Claimed
from conversations.gateway.base import Accepted, NotSent, Outcome, Refused, Unknown
from conversations.models import CircuitBreaker, Message, SendingLane, WhatsAppNumber
from notifications import events
from pytake.accounts import audit
from pytake.accounts.models import User
from pytake.infra.nudge import nudge

log = structlog.get_logger(__name__)
_SCOPE: Final = CircuitBreaker.Scope
HELD: Final = "held_"
# Breakers that nobody touched for so long count from zero.
REMEMBERED: Final = timedelta(days=1)
_COLUMNS: Final = (
    "state", "reason_code", "reason_detail", "opened_at", "retry_at", "probe_message", "closed_at", "failures",
    "reopenings", "sends", "failed_sends", "updated_at",
)  # fmt: skip


@dataclass
class Gates:
    """A number's breakers as they stood before a slice."""

    rows: dict[tuple[str, str], CircuitBreaker] = field(default_factory=dict)

    @property
    def is_holding(self) -> bool:
        """Return whether any of them is not closed."""
        return not all(circuit.is_closed(row) for row in self.rows.values())

    def of_number(self) -> CircuitBreaker | None:
        """Return the breaker of the whole number if it is not closed."""
        row = self.rows.get((_SCOPE.NUMBER, ""))
        return None if row is None or circuit.is_closed(row) else row

    def holding(self, message: Claimed) -> list[CircuitBreaker]:
        """Return those that concern the message and are not closed."""
        rows = [self.rows.get(key) for key in _scopes_of(message)]
        return [row for row in rows if row is not None and not circuit.is_closed(row)]


def _scopes_of(message: Claimed) -> list[tuple[str, str]]:
    keys: list[tuple[str, str]] = [(_SCOPE.NUMBER, "")]
    if message.is_promotion:
        keys.append((_SCOPE.PROMOTIONS, ""))
    if message.template:
        keys.append((_SCOPE.TEMPLATE, message.template))
    if message.scope:
        keys.append((_SCOPE.CAMPAIGN, message.scope))
    return keys


def gates(number: WhatsAppNumber, *, now: datetime, locked: bool = False) -> Gates:
    """Return the breakers of a number that matter now."""
    rows = CircuitBreaker.objects.filter(number=number).filter(
        ~Q(state=CircuitBreaker.State.CLOSED) | Q(updated_at__gt=now - REMEMBERED)
    )
    if locked:
        rows = rows.order_by("pk").select_for_update(of=("self",))
    return Gates({(row.scope, row.scope_key): row for row in rows})


def admit(
    gates: Gates, batch: Sequence[Claimed], *, now: datetime
) -> tuple[list[Claimed], list[tuple[Claimed, float, str]]]:
    """Split into what may leave and what is held (with seconds and breaker); one message may be a try."""
    admitted: list[Claimed] = []
    held: list[tuple[Claimed, float, str]] = []
    for message in batch:
        rows = gates.holding(message)
        stopping = next((row for row in rows if not circuit.may_try(row, now)), None)
        if stopping is not None:
            held.append((message, _wait_s(stopping, now), f"{HELD}{stopping.scope}"))
            continue
        for row in rows:
            circuit.tries(row, message.id, now=now)
            row.save(update_fields=["state", "probe_message", "retry_at", "updated_at"])
        admitted.append(message)
    return admitted, held


def _wait_s(row: CircuitBreaker, now: datetime) -> float:
    until = row.retry_at or now + circuit.COOL
    return (until - now).total_seconds() * (1 + random.random() / 5)  # noqa: S311  # a spread, not a secret


def judge(
    number: WhatsAppNumber, gates_before: Gates, results: Sequence[tuple[Claimed, Outcome]], *, now: datetime
) -> None:
    """Open, close or count by what became of a slice. Costs nothing while everything goes well."""
    if not _matters(gates_before, results):
        return
    judging = _Judging(number, gates(number, now=now, locked=True), now)
    judging.number(results)
    for message, outcome in results:
        judging.message(message, outcome)
    judging.write()


def heard(number: WhatsAppNumber, failures: Sequence[tuple[int, str, str]], *, now: datetime) -> None:
    """Judge by failures that statuses reported: (priority, error class's scope, code)."""
    if not failures:
        return
    judging = _Judging(number, gates(number, now=now, locked=True), now)
    for priority, scope, code in failures:
        judging.status(priority, scope, code)
    judging.write()


def _matters(before: Gates, results: Sequence[tuple[Claimed, Outcome]]) -> bool:
    return any(not isinstance(outcome, Accepted) or message.is_promotion for message, outcome in results) or any(
        row.failures or not circuit.is_closed(row) for row in before.rows.values()
    )


class _Judging:
    """The breakers of one number while outcomes are applied to them."""

    def __init__(self, number: WhatsAppNumber, current: Gates, now: datetime) -> None:
        self._number = number
        self._rows = current.rows
        self._now = now
        self._was_closed = {key: circuit.is_closed(row) for key, row in current.rows.items()}
        self._touched: set[tuple[str, str]] = set()

    def number(self, results: Sequence[tuple[Claimed, Outcome]]) -> None:
        """Judge the whole number: one refusal of the account opens, one answer closes, six silences open."""
        outcomes = [outcome for _, outcome in results]
        refusal = next((o for o in outcomes if isinstance(o, Refused) and o.scope == "account"), None)
        if refusal is not None:
            circuit.trip(self._row(_SCOPE.NUMBER), code=refusal.code, detail=refusal.detail, now=self._now)
            return
        answered = any(isinstance(outcome, Accepted | Refused) for outcome in outcomes)
        silences = [o for o in outcomes if isinstance(o, Unknown) or (isinstance(o, NotSent) and not o.throttled)]
        if answered and (_SCOPE.NUMBER, "") in self._rows:
            circuit.succeed(self._row(_SCOPE.NUMBER), now=self._now)
        elif not answered:
            for silence in silences:
                if isinstance(silence, Unknown | NotSent):
                    circuit.fail(self._row(_SCOPE.NUMBER), code=silence.code, detail=silence.detail, now=self._now)

    def message(self, message: Claimed, outcome: Outcome) -> None:
        """Judge the narrower scopes of one message."""
        for scope, key in _scopes_of(message)[1:]:
            if isinstance(outcome, Accepted):
                if scope != _SCOPE.TEMPLATE or (scope, key) in self._rows:
                    circuit.succeed(self._row(scope, key), now=self._now)
            elif isinstance(outcome, Refused):
                self._refused(scope, key, outcome)
            elif isinstance(outcome, Unknown) and scope == _SCOPE.CAMPAIGN:
                circuit.fail(self._row(scope, key), code=outcome.code, detail=outcome.detail, now=self._now)

    def _refused(self, scope: str, key: str, outcome: Refused) -> None:
        at_once = {"template": _SCOPE.TEMPLATE, "promotions": _SCOPE.PROMOTIONS}.get(outcome.scope)
        if at_once == scope:
            circuit.trip(self._row(scope, key), code=outcome.code, detail=outcome.detail, now=self._now)
        elif outcome.scope in {"account", "promotions"} or scope == _SCOPE.TEMPLATE:
            return
        elif scope == _SCOPE.CAMPAIGN or outcome.scope == "recipient":
            circuit.fail(self._row(scope, key), code=outcome.code, detail=outcome.detail, now=self._now)

    def status(self, priority: int, scope: str, code: str) -> None:
        """Judge by a failure that a status reported."""
        if scope == "account":
            circuit.trip(self._row(_SCOPE.NUMBER), code=code, detail="", now=self._now)
        elif scope == "promotions":
            circuit.trip(self._row(_SCOPE.PROMOTIONS), code=code, detail="", now=self._now)
        elif scope == "recipient" and priority >= number_health.PROMOTIONS_FROM:
            circuit.fail_later(self._row(_SCOPE.PROMOTIONS), code=code, detail="", now=self._now)

    def write(self) -> None:
        """Save what changed, bring the number's health up to date, tell people."""
        if not self._touched:
            return
        rows = [self._rows[key] for key in sorted(self._touched)]
        for row in rows:
            row.updated_at = self._now
        CircuitBreaker.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["number", "scope", "scope_key"], update_fields=_COLUMNS
        )
        changed = [
            row for row in rows if self._was_closed.get((row.scope, row.scope_key), True) != circuit.is_closed(row)
        ]
        if changed:
            announce(self._number, changed, self._rows.values(), now=self._now)

    def _row(self, scope: str, key: str = "") -> CircuitBreaker:
        self._touched.add((scope, key))
        fresh = CircuitBreaker(
            organization_id=self._number.organization_id, number=self._number, scope=scope, scope_key=key
        )
        return self._rows.setdefault((scope, key), fresh)


def announce(
    number: WhatsAppNumber, changed: Sequence[CircuitBreaker], rows: Iterable[CircuitBreaker], *, now: datetime
) -> None:
    """Show it as the number's health, tell pages, and let go what closed breakers held."""
    number_health.show(number, [row for row in rows if not circuit.is_closed(row)])
    for row in changed:
        log.warning("breaker.changed", number_id=str(number.pk), scope=row.scope, key=row.scope_key, state=row.state)
    closed = [row for row in changed if circuit.is_closed(row)]
    if closed:
        _let_go(number, closed, now=now)
    events.emit_many([_announcement(number, row, now) for row in changed])


def _let_go(number: WhatsAppNumber, rows: Sequence[CircuitBreaker], *, now: datetime) -> None:
    codes = {f"{HELD}{row.scope}" for row in rows} | {row.reason_code for row in rows if row.reason_code}
    waiting = Message.objects.filter(number=number, dispatch_state=Message.DispatchState.QUEUED, not_before__gt=now)
    waiting.filter(error_code__in=codes).update(not_before=now, error_code="")
    SendingLane.objects.filter(number=number).update(resting_until=None, limits={})
    nudge("conversations.send_messages", number_id=str(number.pk))


def _announcement(number: WhatsAppNumber, row: CircuitBreaker, now: datetime) -> events.EventDraft:
    return events.EventDraft(
        organization_id=number.organization_id,
        room=f"org:{number.organization_id}",
        event_type="number:health",
        now=now,
        data={
            "number_id": str(number.pk),
            "state": number.health_state,
            "reason": row.reason_code,
            "breaker": {"scope": row.scope, "of": row.scope_key, "state": row.state},
        },
    )


@transaction.atomic
def reset(breaker: CircuitBreaker, *, by: User, now: datetime) -> bool:
    """Let everything pass again because a person says so; returns whether it was open. Raises nothing."""
    row = CircuitBreaker.objects.select_for_update(of=("self",)).select_related("number").get(pk=breaker.pk)
    if circuit.is_closed(row):
        return False
    was = row.state
    circuit.close(row, now=now)
    row.reset_at = now
    row.save()
    rows = gates(row.number, now=now).rows.values()
    announce(row.number, [row], rows, now=now)
    audit.record(action="breaker.reset", entity=row, by=by, changes={"state": [was, row.state]}, now=now)
    return True
