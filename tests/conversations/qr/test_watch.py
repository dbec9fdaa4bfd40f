"""Sends that nobody acknowledges, outcomes that are found out, and the pace of a number that is young."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from conversations import outbox, sending_limits, sweeping
from conversations.claimed import Claimed
from conversations.content import Text
from conversations.models import Message, QrLink, WhatsAppNumber
from conversations.qr import pacing, watch
from tests import make
from tests.conversations.qr.conftest import Evolution, Say, drain, fresh

H = WhatsAppNumber.Health


def later(seconds: float) -> None:
    watch.watch(now=timezone.now() + timedelta(seconds=seconds))


def test_sends_pending_for_ever_become_unconfirmed(evolution: Evolution, number: WhatsAppNumber, say: Say) -> None:
    evolution.configure(pending=1.0)
    message = say()
    drain(number)
    later(30)
    assert (fresh(message).dispatch_state, message.status) == ("accepted", "queued")

    later(61)

    assert (fresh(message).dispatch_state, message.error_code) == ("unknown", "no_ack")
    number.refresh_from_db()
    assert number.health_state == H.DEGRADED
    assert number.health_reasons[0]["code"] == "no_ack"


def test_an_unconfirmed_send_is_never_sent_again(evolution: Evolution, number: WhatsAppNumber, say: Say) -> None:
    evolution.configure(pending=1.0)
    message = say()
    drain(number)
    later(61)
    drain(number, after=120)
    now = timezone.now() + timedelta(hours=2)
    sweeping.sweep(now=now)

    assert fresh(message).dispatch_state == "abandoned"
    assert len(evolution.ledger()) == 1


def test_an_acknowledgement_that_comes_late_settles_and_heals(
    evolution: Evolution, number: WhatsAppNumber, say: Say
) -> None:
    message = say()
    drain(number)
    later(61)
    assert fresh(message).dispatch_state == "unknown"

    evolution.advance(3600 * 5)
    evolution.deliver()
    later(130)

    assert fresh(message).dispatch_state == "accepted"
    number.refresh_from_db()
    assert number.health_state == H.OK


def test_bulk_messages_of_a_marked_number_wait_and_agents_do_not(
    evolution: Evolution, number: WhatsAppNumber, say: Say
) -> None:
    WhatsAppNumber.objects.filter(pk=number.pk).update(health_state=H.DEGRADED)
    bulk = say("Promoção", priority=outbox.CAMPAIGN)
    agent = say("Já vejo", priority=outbox.AGENT)
    drain(number)

    assert fresh(agent).dispatch_state == "accepted"
    assert (fresh(bulk).dispatch_state, bulk.attempts) == ("queued", 0)
    assert bulk.not_before is not None


def test_outcomes_are_asked_of_the_session(evolution: Evolution, number: WhatsAppNumber, say: Say) -> None:
    evolution.sim("faults", match={"endpoint": "sendText"}, do="reset_after", max_hits=1)
    lost = say("Seu horário: 9h")
    drain(number)
    assert fresh(lost).dispatch_state == "unknown"

    later(61)

    (sent,) = evolution.ledger()
    assert (fresh(lost).dispatch_state, lost.whatsapp_message_id) == ("accepted", sent["wamid"])


def test_what_did_not_leave_stays_unknown(evolution: Evolution, number: WhatsAppNumber, say: Say) -> None:
    evolution.sim("faults", match={"endpoint": "sendText"}, do="http", status=500)
    lost = say("Seu horário: 9h")
    drain(number)
    later(61)

    assert fresh(lost).dispatch_state == "unknown"
    assert evolution.ledger() == []


def test_equal_texts_are_not_guessed(evolution: Evolution, number: WhatsAppNumber, say: Say) -> None:
    evolution.sim("faults", match={"endpoint": "sendText"}, do="reset_after")
    twins = [say("Oi"), say("Oi")]
    drain(number)
    drain(number, after=20)
    later(61)

    assert {fresh(twin).dispatch_state for twin in twins} == {"unknown"}


@pytest.mark.parametrize(("days", "people"), [(0, 20), (1, 27), (7, 163), (13, 989), (14, 1000), (400, 1000)])
def test_the_allowance_grows_with_every_day(days: int, people: int) -> None:
    assert pacing.allowance(timedelta(days=days)) == people


def _claimed(number: WhatsAppNumber, count: int, *, priority: int, answered: bool) -> list[Claimed]:
    rows = []
    for _ in range(count):
        thread = make.conversation(number)
        message = outbox.draft(thread, Text(body="Oi"), sender_type="campaign", now=timezone.now(), priority=priority)
        window = timezone.now() + timedelta(hours=20) if answered else None
        rows.append(
            Claimed(
                message.pk,
                number.organization_id,
                thread.pk,
                thread.contact_id,
                message.content,
                "wa_id",
                "",
                1,
                priority,
                0,
                timezone.now(),
                window,
                "",
            )
        )
    return rows


def _waits(number: WhatsAppNumber, rows: list[Claimed], *, now: datetime) -> list[float]:
    """Return for each of the rows 0, or the seconds that it has to wait."""
    return [verdict.delay_s for verdict in sending_limits.judge(number, rows, now=now)]


def _passed_in_a_day(number: WhatsAppNumber, rows: list[Claimed]) -> int:
    """Return how many of the rows may leave within 24 hours, asking every ten minutes."""
    began, passed = timezone.now(), 0
    for minute in range(0, 24 * 60, 10):
        waits = _waits(number, rows, now=began + timedelta(minutes=minute))
        rows = [row for row, wait in zip(rows, waits, strict=True) if wait]
        passed += waits.count(0)
    return passed


def test_on_the_first_day_few_people_are_written_to_first(evolution: Evolution, number: WhatsAppNumber) -> None:
    rows = _claimed(number, 30, priority=outbox.CAMPAIGN, answered=False)

    assert 18 <= _passed_in_a_day(number, rows) <= 20


def test_answers_are_not_held_by_the_warm_up(evolution: Evolution, number: WhatsAppNumber) -> None:
    rows = _claimed(number, 40, priority=outbox.BOT, answered=True)

    assert _waits(number, rows, now=timezone.now()) == [0] * 40


def test_a_warm_number_may_write_more(evolution: Evolution, number: WhatsAppNumber) -> None:
    QrLink.objects.filter(number=number).update(linked_since=timezone.now() - timedelta(days=60))
    rows = _claimed(number, 40, priority=outbox.CAMPAIGN, answered=False)

    assert _waits(number, rows, now=timezone.now()) == [0] * 40


def test_gaps_vary_and_bulk_messages_keep_longer_ones(evolution: Evolution, number: WhatsAppNumber) -> None:
    number.min_gap_ms = 500
    gaps: dict[int, set[float]] = {}
    for priority in (outbox.BOT, outbox.CAMPAIGN):
        rows = _claimed(number, 2, priority=priority, answered=True)
        now = timezone.now() + timedelta(hours=priority)
        for step in range(6):
            first, second = _waits(number, rows, now=now + timedelta(minutes=step))
            assert first == 0
            gaps.setdefault(priority, set()).add(second)
    assert len(gaps[outbox.BOT]) > 1
    assert all(0.4 <= gap <= 1.2 for gap in gaps[outbox.BOT])
    assert all(2 <= gap <= 6 for gap in gaps[outbox.CAMPAIGN])


def test_nothing_is_dropped_over_the_limit(evolution: Evolution, number: WhatsAppNumber, say: Say) -> None:
    WhatsAppNumber.objects.filter(pk=number.pk).update(min_gap_ms=60_000)
    messages = [say(f"{index}") for index in range(3)]
    assert drain(number) == 1
    assert [fresh(message).dispatch_state for message in messages] == ["accepted", "queued", "queued"]

    for step in range(1, 8):
        drain(number, after=step * 160)

    assert Message.objects.filter(dispatch_state="accepted").count() == 3
    assert [row["text"] for row in evolution.ledger()] == ["0", "1", "2"]
