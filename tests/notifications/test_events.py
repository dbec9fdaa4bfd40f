"""Facts get their numbers after the commit, in order, without gaps; lost announcements heal."""

from __future__ import annotations

import random
import threading
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from notifications import events, history, tasks
from notifications.models import RealtimeEvent
from pytake.accounts.models import Organization
from pytake.infra import live, redis_client, tenancy
from tests import make

NOW = timezone.now()


def emit(organization_id: uuid.UUID, count: int = 1, **data: int) -> None:
    draft = events.EventDraft(
        organization_id=organization_id, room=f"org:{organization_id}", event_type="test", now=NOW, data=data
    )
    with tenancy.organization_context(organization_id):
        events.emit_many([draft] * count)


def numbers(organization: Organization) -> list[int | None]:
    with tenancy.organization_context(organization.pk):
        return list(RealtimeEvent.objects.order_by("id").values_list("seq", flat=True))


@pytest.mark.django_db(transaction=True)
def test_facts_are_numbered_after_the_commit_and_not_before() -> None:
    organization = make.organization()

    with tenancy.organization_context(organization.pk), transaction.atomic():
        emit(organization.pk, 3)
        assert numbers(organization) == [None, None, None]

    assert numbers(organization) == [1, 2, 3]
    assert events.newest(organization.pk) == 3


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_fails_tells_nothing_and_uses_no_number() -> None:
    organization = make.organization()

    with tenancy.organization_context(organization.pk), transaction.atomic():
        emit(organization.pk)
        transaction.set_rollback(True)
    emit(organization.pk)

    assert numbers(organization) == [1]


@pytest.mark.django_db(transaction=True)
def test_many_facts_of_one_transaction_wake_the_sockets_once() -> None:
    organization = make.organization()
    redis: Any = redis_client.client()
    subscription = redis.pubsub()
    subscription.psubscribe(live.channel_pattern())
    subscription.get_message(timeout=1)

    with tenancy.organization_context(organization.pk), transaction.atomic():
        for _ in range(5):
            emit(organization.pk)
    heard = [subscription.get_message(timeout=0.2) for _ in range(3)]
    subscription.close()

    assert [message["data"] for message in heard if message] == [b"5"]


@pytest.mark.django_db(transaction=True)
def test_numbers_of_organizations_do_not_depend_on_each_other() -> None:
    first, second = make.organization(), make.organization()

    emit(first.pk, 2)
    emit(second.pk, 1)

    assert (numbers(first), numbers(second)) == ([1, 2], [1])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_readers_never_skip_a_fact_however_transactions_overlap() -> None:
    organization = make.organization()
    writers, each = 6, 12
    begin = threading.Barrier(writers + 1)
    seen: list[int] = []

    def write(seed: int) -> None:
        chance = random.Random(seed)
        begin.wait()
        for _ in range(each):
            with tenancy.organization_context(organization.pk), transaction.atomic():
                emit(organization.pk)
                # Facts recorded early may be committed late.
                time.sleep(chance.random() * 0.01)
        connection.close()

    def read() -> None:
        begin.wait()
        deadline = time.monotonic() + 20
        while len(seen) < writers * each and time.monotonic() < deadline:
            last = seen[-1] if seen else 0
            seen.extend(event.seq or 0 for event in history.after(organization.pk, last))
        connection.close()

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(writers)]
    threads.append(threading.Thread(target=read))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == list(range(1, writers * each + 1))


@pytest.mark.django_db(transaction=True)
def test_a_lost_publication_is_healed_by_the_tick() -> None:
    organization = make.organization()
    with tenancy.organization_context(organization.pk):
        # As left behind by a process that died between commit and publication.
        RealtimeEvent.objects.bulk_create(
            [RealtimeEvent(organization_id=organization.pk, room="org:x", event_type="test", created_at=NOW)]
        )

    tasks.publish_pending()
    tasks.publish_pending()

    assert numbers(organization) == [1]


@pytest.mark.django_db(transaction=True)
def test_facts_are_numbered_even_when_redis_is_away(unreachable_redis: None) -> None:
    organization = make.organization()

    emit(organization.pk)

    assert numbers(organization) == [1]


@pytest.mark.django_db
def test_facts_older_than_a_week_are_forgotten(organization: Organization) -> None:
    with tenancy.organization_context(organization.pk):
        RealtimeEvent.objects.bulk_create(
            RealtimeEvent(organization_id=organization.pk, room="r", event_type="test", created_at=NOW - age)
            for age in (timedelta(days=8), timedelta(days=6))
        )

        assert events.forget_old(now=NOW) == 1
        assert RealtimeEvent.objects.count() == 1


@pytest.mark.django_db
def test_a_page_that_missed_too_much_reloads(organization: Organization) -> None:
    with tenancy.organization_context(organization.pk):
        RealtimeEvent.objects.bulk_create(
            RealtimeEvent(organization_id=organization.pk, room="r", event_type="test", created_at=NOW, seq=seq)
            for seq in range(11, 1100)
        )

    def reloads(after_seq: int, up_to: int = 1099) -> bool:
        return history.replay(organization.pk, ["r"], after_seq=after_seq, up_to=up_to).reload

    assert reloads(98), "more than 1,000 behind"
    assert not reloads(99)
    assert reloads(5, up_to=20), "older than the log"
    assert reloads(1100), "ahead of a restored database"
    assert not reloads(1099)
