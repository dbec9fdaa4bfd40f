"""Figures of numbers: right, by the same few statements, and read from indexes however many messages there are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from conversations.consent import ledger
from conversations.health import alerts, brake, figures, report, sending_state, watch, words
from conversations.models import Message, NumberEvent, WhatsAppNumber
from conversations.number_line import Happening, record
from conversations.official import limits
from conversations.sending_limits import of_number
from pytake.accounts.models import Organization, User
from pytake.infra import buckets
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def number(in_organization: Organization) -> WhatsAppNumber:
    return make.number(in_organization)


def sent(number: WhatsAppNumber, count: int, **fields: Any) -> list[Message]:
    values = {"direction": "outbound", "sender_type": "bot", "status": "delivered", "dispatch_state": "accepted"}
    thread = make.conversation(number)
    return [make.message(thread, **{**values, **fields}) for _ in range(count)]


def failed(number: WhatsAppNumber, code: str, count: int, **fields: Any) -> list[Message]:
    now = timezone.now()
    return sent(number, count, status="failed", dispatch_state="failed", error_code=code, failed_at=now, **fields)


def test_the_last_day_of_a_number_is_counted_and_that_of_others_is_not(number: WhatsAppNumber) -> None:
    sent(number, 3)
    sent(number, 1, status="read")
    failed(number, "131026", 2)
    old = sent(number, 4)
    Message.objects.filter(pk__in=[row.pk for row in old]).update(created_at=timezone.now() - timedelta(days=2))
    sent(make.number(number.organization), 5)
    queued = sent(number, 2, status="queued", dispatch_state="queued", priority=80)

    now = timezone.now() + timedelta(seconds=1)
    volume = figures.volumes(number.organization_id, [number.pk], spam=("131048",), now=now)[number.pk]
    queue = figures.queues([number.pk], automatic=60)[number.pk]

    assert (volume.sent, volume.delivered, volume.read, volume.failed, volume.undeliverable) == (6, 4, 1, 2, 2)
    assert (queue.waiting, queue.oldest_at, queue.held) == (2, queued[0].created_at, 0)
    WhatsAppNumber.objects.update(braked_at=now)
    assert figures.queues([number.pk], automatic=60)[number.pk].held == 2


def test_failures_are_grouped_by_cause_with_what_to_do(number: WhatsAppNumber) -> None:
    failed(number, "131026", 3)
    failed(number, "131042", 1)
    failed(number, "77", 1, error_title="Never heard of")
    now = timezone.now() + timedelta(seconds=1)

    with translation.override("en"):
        found = {item.group.code: item for item in map(words.failure, figures.failures(number.pk, now=now))}

    assert {code: item.group.count for code, item in found.items()} == {"131026": 3, "131042": 1, "77": 1}
    assert "billing" in found["131042"].advice
    assert (found["77"].cause, bool(found["77"].advice)) == ("Never heard of", True)
    assert found["131026"].group.first_at <= found["131026"].group.last_at


def test_people_who_asked_to_stop_are_counted_once(number: WhatsAppNumber) -> None:
    now = timezone.now()
    contact = make.contact(number.organization)
    facts = [
        ledger.Fact(
            contact_id=contact.pk, purpose=purpose, action="opt_out", source="keyword", at=now,
            evidence={"number_id": str(number.pk)},
        )
        for purpose in ("marketing", "utility")
    ]  # fmt: skip
    ledger.record(facts, now=now)
    other = make.number(number.organization)

    later = now + timedelta(seconds=1)
    assert figures.opt_outs(number.organization_id, number.pk, now=later) == (1, 1)
    assert figures.opt_outs(number.organization_id, other.pk, now=later) == (0, 0)
    assert figures.opt_outs(number.organization_id, number.pk, now=later + timedelta(days=2)) == (0, 1)


def test_a_report_takes_the_same_statements_however_much_was_sent(number: WhatsAppNumber) -> None:
    counts = []
    # What the counter of people a day remembers is read once.
    report.of(number, now=timezone.now())
    for count in (3, 60):
        sent(number, count)
        failed(number, "131026", count)
        with CaptureQueriesContext(connection) as seen:
            report.of(number, now=timezone.now())
        counts.append(len(seen))

    assert counts[0] == counts[1]
    assert counts[0] <= 8


def test_figures_are_read_from_indexes(number: WhatsAppNumber) -> None:
    """With many rows: no statement reads the table of messages as a whole."""
    thread = make.conversation(number)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO conversations_message (id, created_at, updated_at, organization_id, conversation_id, number_id,
                contact_id, direction, sender_type, message_type, content, text, is_internal_note, is_test,
                address_kind, address_value, status, dispatch_state, attempts, error_code, error_title, error_details,
                price_category, priority, sequence, extra)
            SELECT gen_random_uuid(), now() - n * interval '1 minute', now(), %s, %s, %s, %s, 'outbound', 'bot',
                'text', '{}', '', false, false, '', '', 'delivered', 'accepted', 1, '', '', '', '', 30, 0, '{}'
            FROM generate_series(1, 20000) n
            """,
            [number.organization_id, thread.pk, number.pk, thread.contact_id],
        )
        cursor.execute("ANALYZE conversations_message")
    now = timezone.now()
    with CaptureQueriesContext(connection) as seen:
        figures.volumes(number.organization_id, [number.pk], spam=(), now=now)
        figures.queues([number.pk], automatic=60)
        figures.failures(number.pk, now=now)
    for query in seen.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + query["sql"])
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "Seq Scan on conversations_message" not in plan, plan


def test_high_risk_holds_automatic_sends_once_and_a_release_stands(number: WhatsAppNumber, admin: User) -> None:
    now = timezone.now()
    WhatsAppNumber.objects.update(quality_rating="RED")

    assert watch.watch(number.organization_id, now=now) == 1
    assert watch.watch(number.organization_id, now=now) == 0
    number.refresh_from_db()
    assert (number.risk_level, number.braked_at) == ("high", now)

    brake.release(number, reason="Conversei com a Meta", by=admin, now=now)
    assert watch.watch(number.organization_id, now=now) == 0
    number.refresh_from_db()
    assert (number.risk_level, number.braked_at) == ("high", None)

    # After the risk has been lower in between it is held again.
    for quality in ("GREEN", "RED"):
        WhatsAppNumber.objects.update(quality_rating=quality)
        held = watch.watch(number.organization_id, now=now)
    assert held == 1
    assert list(NumberEvent.objects.order_by("pk").values_list("kind", flat=True)) == [
        "brake", "brake_released", "brake",
    ]  # fmt: skip


def test_restrictions_whose_time_is_over_are_forgotten(number: WhatsAppNumber) -> None:
    now = timezone.now()
    until = (now + timedelta(hours=1)).isoformat()
    rows = [{"type": "RESTRICTED_ADD_PHONE_NUMBER_ACTION", "until": until}]
    WhatsAppNumber.objects.update(restrictions=rows, health_state="degraded")

    watch.watch(number.organization_id, now=now)
    number.refresh_from_db()
    assert (number.risk_level, number.health_state) == ("medium", "degraded")

    watch.watch(number.organization_id, now=now + timedelta(hours=2))
    number.refresh_from_db()
    assert (number.risk_level, number.health_state, number.restrictions) == ("low", "ok", [])


def test_what_is_serious_is_mailed_once_to_those_who_manage_numbers(
    number: WhatsAppNumber, admin: User, agent: User
) -> None:
    now = timezone.now()
    data = {"event": "DISABLED_UPDATE", "ban": "DISABLE"}
    record([Happening(number=number, kind="account_update", at=now, severity="critical", data=data)], now=now)
    record([Happening(number=number, kind="credentials", at=now)], now=now)

    assert (alerts.send(number.organization_id, now=now), alerts.send(number.organization_id, now=now)) == (1, 0)

    assert [letter.to for letter in mail.outbox] == [[admin.email]]
    assert f"/inbox/numbers/{number.pk}/health/" in mail.outbox[0].body


def test_limits_show_what_is_taken_and_are_cleared(number: WhatsAppNumber, admin: User) -> None:
    now = timezone.now()
    number.limit_per_day = 100
    number.save()
    buckets.take([of_number(number, now=now)] * 30, now=now.timestamp())

    used = {window.name: (window.used, window.remaining) for window in sending_state.windows(number, now=now)}
    limits.reset(number, by=admin, now=now)
    cleared = {window.name: window.used for window in sending_state.windows(number, now=now)}

    assert used == {"day": (30, 70)}
    assert cleared == {"day": 0}
