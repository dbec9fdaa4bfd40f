"""What may leave when: per number, pair, organization and campaign, and people a day. Nothing is ever dropped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from conversations import portfolio, sending_limits
from conversations.claimed import Claimed
from conversations.models import WhatsAppNumber
from pytake.accounts.models import Plan
from pytake.infra import redis_client
from pytake.infra.buckets import Bucket
from tests import make
from tests.conversations.delivery.conftest import NOON, Clock

pytestmark = pytest.mark.django_db
Make = Callable[..., Claimed]
TEXT = {"kind": "text", "body": "Oi"}


def limited(number: WhatsAppNumber, **fields: Any) -> WhatsAppNumber:
    WhatsAppNumber.objects.filter(pk=number.pk).update(**fields)
    return WhatsAppNumber.objects.select_related("organization__plan").get(pk=number.pk)


def pump(
    number: WhatsAppNumber, messages: list[Claimed], clock: Clock, *, seconds: int, step: float = 0.25
) -> list[datetime]:
    """Ask as a drain does, putting off what must wait; return when each was allowed to leave."""
    left: list[datetime] = []
    waiting = [(message, clock.now) for message in messages]
    until = clock.now + timedelta(seconds=seconds)
    while clock.now < until and waiting:
        due = [(message, at) for message, at in waiting if at <= clock.now]
        waiting = [(message, at) for message, at in waiting if at > clock.now]
        room = sending_limits.room(number, now=clock.now, most=500).count
        waiting += due[room:]
        chosen = [message for message, _ in due[:room]]
        for message, verdict in zip(chosen, sending_limits.judge(number, chosen, now=clock.now), strict=True):
            at = clock.now + timedelta(seconds=verdict.delay_s)
            if verdict.by:
                waiting.append((message, at))
            else:
                left.append(at)
        clock.forward(seconds=step)
    return sorted(left)


def most_in_a_second(instants: list[datetime]) -> int:
    second = timedelta(seconds=1)
    return max(sum(start <= at < start + second for at in instants) for start in instants)


@pytest.mark.parametrize("limit", [3, 20, 80, 1000])
def test_no_second_sees_more_than_the_number_may_send_and_little_is_wasted(
    number: WhatsAppNumber, claimed: Make, clock: Clock, limit: int
) -> None:
    tier = limited(number, limit_per_second=limit)
    messages = [claimed(content=TEXT) for _ in range(limit * 3)]

    left = pump(tier, messages, clock, seconds=5)

    assert len(left) == len(messages)
    assert most_in_a_second(left) <= limit
    took = (left[-1] - left[0]).total_seconds()
    assert took <= 3 / (0.6 if limit < 10 else 0.9)


def test_a_provider_may_have_rates_of_its_own(
    number: WhatsAppNumber, claimed: Make, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    qr = limited(number, connection_type="qrcode")

    def slowly(row: WhatsAppNumber, now: datetime, patience_s: float) -> list[Bucket]:
        return [Bucket(f"number:{row.pk}:warmup", per=2, seconds=60, burst=2)]

    rates = sending_limits.Rates(of_number=slowly, of_messages=None, most=100)
    monkeypatch.setitem(sending_limits.BY_CONNECTION, "qrcode", rates)

    assert sending_limits.room(qr, now=clock.now, most=500).count == 2
    verdicts = sending_limits.judge(qr, [claimed(content=TEXT) for _ in range(3)], now=clock.now)

    assert [sending_limits.kind_of(verdict.by) for verdict in verdicts] == ["", "", "warmup"]


def test_after_too_fast_the_rate_is_halved_and_grows_again(number: WhatsAppNumber, clock: Clock) -> None:
    tier = limited(number, limit_per_second=100)

    def rate() -> float:
        return sending_limits.of_number(tier, now=clock.now)[-1].per

    full = rate()
    sending_limits.slow_down(tier, now=clock.now)
    assert rate() == pytest.approx(full / 2)
    sending_limits.slow_down(tier, now=clock.now)
    assert rate() == pytest.approx(full / 4)
    clock.forward(seconds=5)
    assert rate() == pytest.approx(full / 2)
    clock.forward(seconds=10)
    assert rate() == pytest.approx(full)


def test_those_that_wait_for_their_pair_do_not_all_come_back_at_once(
    number: WhatsAppNumber, claimed: Make, clock: Clock
) -> None:
    messages = [claimed(content=TEXT, contact_id=number.pk) for _ in range(sending_limits.PAIR_BURST + 5)]
    tier = limited(number)

    verdicts = sending_limits.judge(tier, messages, now=clock.now)

    late = [verdict.delay_s for verdict in verdicts if verdict.by]
    assert [sending_limits.kind_of(verdict.by) for verdict in verdicts if verdict.by] == ["pair"] * 5
    assert late == [6, 12, 18, 24, 30]


def test_a_person_whom_the_provider_names_is_left_in_peace_longer_each_time(
    number: WhatsAppNumber, claimed: Make, clock: Clock
) -> None:
    tier, message = limited(number), claimed(content=TEXT)
    waits = []
    for _ in range(3):
        sending_limits.penalize_pairs(tier, [message.contact_id], now=clock.now)
        waits.append(sending_limits.judge(tier, [message], now=clock.now)[0].delay_s)
    assert waits == [4, 16, 64]


def test_an_organization_pays_for_each_bot_turn_once(number: WhatsAppNumber, claimed: Make, clock: Clock) -> None:
    Plan.objects.filter(pk=number.organization.plan_id).update(bot_turns_per_minute=2)
    tier = limited(number)
    turns = [make.conversation(number).pk for _ in range(4)]
    bot = {"content": TEXT, "sender_type": "bot", "priority": 30}
    messages = [
        claimed(conversation_id=turn, created_at=NOON + timedelta(microseconds=n), **bot)
        for turn in turns
        for n in range(3)
    ]

    verdicts = sending_limits.judge(tier, messages, now=clock.now)

    assert [bool(verdict.by) for verdict in verdicts] == [False] * 6 + [True] * 6
    assert [verdict.delay_s for verdict in verdicts[6:]] == [30] * 3 + [60] * 3
    # Of a turn that has begun, the rest follows; people and campaigns do not count.
    rest = claimed(conversation_id=turns[0], **bot)
    agent = claimed(content=TEXT, sender_type="agent", priority=10)
    assert not any(verdict.by for verdict in sending_limits.judge(tier, [rest, agent], now=clock.now))


def test_a_campaign_has_a_rate_of_its_own_and_its_backlog_queues_up_once(
    number: WhatsAppNumber, claimed: Make, clock: Clock
) -> None:
    tier = limited(number)
    messages = [claimed(content=TEXT, scope="c1") for _ in range(40)]

    first = sending_limits.judge(tier, messages[:20], now=clock.now)
    second = sending_limits.judge(tier, messages[20:], now=clock.now)

    late = [verdict.delay_s for verdict in [*first, *second] if verdict.by]
    assert len(late) == 30
    assert len(set(late)) == 30  # also across calls
    assert max(late) == pytest.approx(15, abs=1)
    left = pump(tier, [claimed(content=TEXT, scope="c2") for _ in range(30)], clock, seconds=30)
    assert len(left) == 30
    assert most_in_a_second(left) <= sending_limits.CAMPAIGN_BURST
    assert not sending_limits.judge(tier, [claimed(content=TEXT)], now=clock.now)[0].by


# --- people a day ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tier", "people"),
    [
        ("TIER_50", 50), ("TIER_250", 250), ("TIER_1K", 1000), ("TIER_2K", 2000), ("TIER_10K", 10_000),
        ("TIER_100K", 100_000), ("TIER_1M", 1_000_000), ("TIER_UNLIMITED", None), ("", None), ("TIER_NOT_SET", None),
    ],
)  # fmt: skip
def test_a_tier_says_how_many_people(tier: str, people: int | None) -> None:
    assert portfolio.people_of(tier) == people


def judge_people(number: WhatsAppNumber, messages: list[Claimed], now: datetime) -> list[str]:
    return [sending_limits.kind_of(verdict.by) for verdict in sending_limits.judge(number, messages, now=now)]


def test_people_outside_of_windows_are_counted_once_a_day_for_the_whole_portfolio(
    number: WhatsAppNumber, claimed: Make, clock: Clock
) -> None:
    account = {"whatsapp_business_account_id": "W1", "messaging_limit_tier": "TIER_20"}
    first = limited(number, **account)
    second = make.number(number.organization, phone_number_id="2", **account)
    people = [claimed() for _ in range(25)]

    assert judge_people(first, people[:10], clock.now) == [""] * 10
    assert judge_people(second, people[:20], clock.forward(hours=1)) == [""] * 19 + ["people"]  # 95 % of 20
    # Whom we have written to today, and who has a window, costs nothing.
    assert judge_people(first, people[:5], clock.now) == [""] * 5
    inside = claimed(window_expires_at=clock.now + timedelta(hours=1))
    assert judge_people(first, [inside], clock.now) == [""]
    assert portfolio.used(first, now=clock.now) == 19
    # A day later there is room again.
    assert judge_people(first, people[20:], clock.forward(hours=25)) == [""] * 5


def test_a_counter_that_redis_lost_is_filled_from_the_messages(number: WhatsAppNumber, claimed: Make) -> None:
    now = timezone.now()
    tier = limited(number, messaging_limit_tier="TIER_4")
    sent = {"direction": "outbound", "message_type": "template", "dispatch_state": "accepted", "status": "sent"}
    threads = [make.conversation(number) for _ in range(3)]
    for row in threads:
        make.message(row, **sent)
    for key in redis_client.client().scan_iter(redis_client.key("crowd*", portfolio.name_of(tier))):
        redis_client.client().delete(key)

    verdicts = judge_people(tier, [claimed(), claimed(contact_id=threads[0].contact_id)], now)

    assert verdicts == ["people", ""]
