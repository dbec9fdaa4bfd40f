"""Sending what was decided: claim a slice, commit, send, settle. At most once.

One drain works on a number at a time (session-level advisory lock), in turns that are bounded while others
wait. A slice is marked `sending` with a lease and committed before any request leaves; limits and breakers put
back what may not leave yet, with an instant of its own. Messages of one contact leave one after the other. What is
not known afterwards becomes `unknown`: only a status from the provider, or a person, moves it on.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import redis
import structlog
from django.conf import settings
from django.db import connection

from conversations import breakers, circuit, lanes, numbers, sending_limits, settling
from conversations.breakers import Gates
from conversations.claimed import Claimed, claim
from conversations.gateway import error_classes
from conversations.gateway.base import NotSent
from conversations.lanes import Turn, Waiting
from conversations.line import OURS, Line
from conversations.media import uploading
from conversations.models import WhatsAppNumber
from conversations.qr import files as qr_files
from conversations.settling import Deferred, Result
from pytake.infra import metrics, tenancy
from pytake.infra.crypto import DecryptionError

log = structlog.get_logger(__name__)
REDIS_AWAY: Final = timedelta(seconds=5)
SLICES_A_TURN: Final = 4
SLICES_ALONE: Final = 1000
# A turn ends after this while others wait.
TURN: Final = timedelta(seconds=1)
# How far ahead messages are paced while more numbers wait than can be served together.
CROWDED_PATIENCE_S: Final = 0.2
# A limit is asked again at least so often: somebody may have raised it.
REST_MAX: Final = timedelta(seconds=60)
GATES_READ_EVERY: Final = timedelta(seconds=2)
# While something may leave within this time, the round goes on instead of waiting for the next tick.
SOON: Final = timedelta(seconds=1)
STEP_S: Final = 0.1
Send: TypeAlias = Callable[[Sequence[Claimed], Mapping[uuid.UUID, float]], list[Result]]
Clock: TypeAlias = Callable[[], datetime]


def drain_waiting(
    *, until: datetime, clock: Clock, pause: Callable[[float], None] | None = None, together: int = 1
) -> int:
    """Send for all numbers until nothing is due or `clock()` reaches `until`. Returns how many left.

    With `pause` it also waits for what may leave in a moment; `together` numbers are served at once.
    """
    total = 0
    rests: dict[uuid.UUID, datetime] = {}
    while clock() < until:
        due = lanes.waiting(clock())
        turns = _round(due, until=until, clock=clock, together=together)
        rests |= {turn.number.pk: turn.resting_until for turn in turns if turn.resting_until}
        sent = sum(turn.sent for turn in turns)
        total += sent
        if sent:
            continue
        soonest = min((at for at in rests.values() if at > clock()), default=None)
        if pause is None or soonest is None or soonest - clock() > SOON:
            break
        pause(min((soonest - clock()).total_seconds(), STEP_S))
    return total


def _round(due: Sequence[Waiting], *, until: datetime, clock: Clock, together: int) -> list[Turn]:
    """Give each number a turn; several at once, each in a thread with a connection of its own."""
    crowded = len(due) > together
    patience = CROWDED_PATIENCE_S if crowded else sending_limits.PATIENCE_S
    # Others get their turn soon; a number that is alone keeps its connections.
    slices = SLICES_A_TURN if len(due) > 1 else SLICES_ALONE

    def serve(waiting: Waiting) -> Turn | None:
        if clock() >= until:
            return None
        return take_turn(waiting, until=until, clock=clock, slices=slices, patience_s=patience)

    def serve_and_close(waiting: Waiting) -> Turn | None:
        try:
            return serve(waiting)
        finally:
            connection.close()

    if together == 1 or len(due) <= 1:
        turns = [serve(waiting) for waiting in due]
    else:
        with ThreadPoolExecutor(min(together, len(due)), thread_name_prefix="send") as pool:
            turns = list(pool.map(serve_and_close, due))
    return [turn for turn in turns if turn is not None]


def drain(waiting: Waiting, *, until: datetime, clock: Clock, slices: int = SLICES_ALONE) -> int:
    """Send one number's due messages in slices. Returns how many were handed to the provider."""
    turn = take_turn(waiting, until=until, clock=clock, slices=slices)
    return turn.sent if turn else 0


def take_turn(
    waiting: Waiting,
    *,
    until: datetime,
    clock: Clock,
    slices: int = SLICES_ALONE,
    patience_s: float = sending_limits.PATIENCE_S,
) -> Turn | None:
    """Send one number's due messages for a turn; None when another process has the number or it is switched off."""
    with tenancy.organization_context(waiting.organization_id), _only_drain(waiting.number_id) as mine:
        number = _number(waiting.number_id) if mine else None
        if number is None:
            return None
        bound = min(until, clock() + TURN) if slices < SLICES_ALONE else until
        turn = Turn(number)
        with _line(number) as send:
            drainer = _Drainer(turn, send, clock=clock, patience_s=patience_s)
            for _ in range(slices):
                if not drainer.one_slice():
                    break
                if clock() >= bound:
                    turn.has_more = True
                    break
            else:
                turn.has_more = True
        lanes.write(turn, now=clock())
        return turn


def _number(number_id: uuid.UUID) -> WhatsAppNumber | None:
    numbers_ = WhatsAppNumber.objects.alive().filter(pk=number_id, is_active=True)
    number = numbers_.select_related("organization__plan").first()
    return None if number is not None and number.is_qr and number.status != number.Status.CONNECTED else number


@dataclass
class _Drainer:
    """A number's turn."""

    turn: Turn
    send: Send
    clock: Clock
    patience_s: float
    gates: Gates | None = None
    gates_read_at: datetime | None = None
    # Whether the last slice was full: more waits.
    has_backlog: bool = False

    def one_slice(self) -> bool:
        """Send a slice; return whether another may follow."""
        now = self.clock()
        gates = self._gates(now)
        limit = self._limit(gates, now=now)
        if not limit:
            return False
        batch = claim(self.turn.number.pk, now=now, limit=limit, has_backlog=self.has_backlog)
        self.has_backlog = len(batch) == limit
        if not batch:
            return False
        self.turn.slices += 1
        admitted, held = breakers.admit(gates, batch, now=now)
        for _, wait_s, name in held:
            self.turn.holds_back(name, until=now + timedelta(seconds=wait_s), now=now)
        before, deferred = self.turn.sent, [Deferred(*row) for row in held]
        self._send(admitted, deferred, gates, now=now)
        # What is put off one by one, in slices of a few, stays where it is when nothing can leave.
        is_stuck = bool(self.turn.number.is_qr and deferred and self.turn.sent == before)
        return self.turn.resting_until is None and not is_stuck

    def _gates(self, now: datetime) -> Gates:
        if self.gates is None or self.gates_read_at is None or now - self.gates_read_at > GATES_READ_EVERY:
            self.gates, self.gates_read_at = breakers.gates(self.turn.number, now=now), now
        return self.gates

    def _limit(self, gates: Gates, *, now: datetime) -> int:
        """Return how many messages to claim: one for a try, none while the number rests. Without Redis, none."""
        stopped = gates.of_number()
        if stopped is not None and not circuit.may_try(stopped, now):
            # Not a rest: the round looks at the breaker itself, and a reset counts at once.
            self.turn.holds_back(f"{breakers.HELD}number", until=stopped.retry_at or now + REST_MAX, now=now)
            return 0
        try:
            room = sending_limits.room(self.turn.number, now=now, most=settings.SEND_SLICE, patience_s=self.patience_s)
        except redis.RedisError:
            return self._without_redis(now)
        if not room.count:
            wait = min(timedelta(seconds=room.wait_s), REST_MAX)
            self.turn.rests(sending_limits.kind_of(room.by), until=now + wait, now=now)
            return 0
        return 1 if stopped is not None else room.count

    def _without_redis(self, now: datetime) -> int:
        log.warning("sending.limits_unavailable", number_id=str(self.turn.number.pk))
        self.turn.rests("redis", until=now + REDIS_AWAY, now=now)
        return 0

    def _send(self, admitted: Sequence[Claimed], deferred: list[Deferred], gates: Gates, *, now: datetime) -> None:
        number = self.turn.number
        unwanted = [message for message in admitted if message.refusal]
        wanted = [message for message in admitted if not message.refusal]
        shut, open_ = settling.split_by_window(number, wanted, now=now)
        files = uploading.check(number, open_, now=now)
        delays, late = self._judge(files.ready, now=now)
        deferred += [*late, *(Deferred(message, wait_s, "file") for message, wait_s in files.waiting)]
        ready = [message for message in files.ready if message.id in delays]
        refused = files.refused
        if number.is_qr:
            ready, refused = qr_files.carried(ready)
        results = self.send(ready, delays) + [Result(message, outcome) for message, outcome in refused]
        done = self.clock()
        settling.settle(
            number, results, gates=gates, shut=shut, unwanted=unwanted, deferred=deferred, started_at=now, now=done
        )
        metrics.DEFERRED.inc(len(deferred))
        self.turn.sent += len(ready)
        if gates.is_holding:
            self.gates = None
        if not all(result.is_accepted for result in results):
            self.gates = None
            self._heed(results, now=done)

    def _judge(self, messages: Sequence[Claimed], *, now: datetime) -> tuple[dict[uuid.UUID, float], list[Deferred]]:
        """Return the delays of those that may leave, and what must wait. Without Redis everything waits."""
        number = self.turn.number
        try:
            verdicts = sending_limits.judge(number, messages, now=now, patience_s=self.patience_s)
        except redis.RedisError:
            self._without_redis(now)
            return {}, [Deferred(message, REDIS_AWAY.total_seconds(), "limit_redis") for message in messages]
        delays: dict[uuid.UUID, float] = {}
        late: list[Deferred] = []
        for message, verdict in zip(messages, verdicts, strict=True):
            if not verdict.by:
                delays[message.id] = verdict.delay_s
                continue
            name = sending_limits.kind_of(verdict.by)
            late.append(Deferred(message, verdict.delay_s, f"limit_{name}"))
            self.turn.holds_back(name, until=now + timedelta(seconds=verdict.delay_s), now=now)
        return delays, late

    def _heed(self, results: Sequence[Result], *, now: datetime) -> None:
        """Slow down, rest, or leave people in peace, as the provider's refusals to take more ask for."""
        number = self.turn.number
        throttled = [
            (result.message, result.outcome)
            for result in results
            if isinstance(result.outcome, NotSent) and result.outcome.throttled and result.outcome.code not in OURS
        ]
        for _message, outcome in throttled:
            until = now + timedelta(seconds=outcome.wait_s)
            if outcome.code in error_classes.NUMBER_WIDE:
                self.turn.rests("provider", until=min(until, now + REST_MAX), now=now)
            else:
                self.turn.holds_back("provider", until=until, now=now)
        pairs = [message.contact_id for message, outcome in throttled if outcome.code == error_classes.PAIR]
        try:
            if any(outcome.code == error_classes.NUMBER for _, outcome in throttled):
                sending_limits.slow_down(number, now=now)
            sending_limits.penalize_pairs(number, pairs, now=now)
        except redis.RedisError:
            log.warning("sending.limits_unavailable", number_id=str(number.pk))


@contextmanager
def _line(number: WhatsAppNumber) -> Iterator[Send]:
    """Give the function that sends a slice; without a readable token, one that refuses everything."""
    try:
        token = numbers.access_token(number)
    except DecryptionError:
        yield lambda messages, _: [settling.no_token(message) for message in messages]
        return
    with Line(number, token=token) as line:
        yield line.send


@contextmanager
def _only_drain(number_id: uuid.UUID) -> Iterator[bool]:
    """Hold the number for this process; the lock falls with the connection if the process dies."""
    key = str(number_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 2))", [key])
        row = cursor.fetchone()
    mine = bool(row and row[0])
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 2))", [key])
