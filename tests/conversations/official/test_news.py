"""Webhooks about numbers and accounts, as WhatsApp sends them: applied once, in the order of their time, and told."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from conversations import numbers, outbound, outbox
from conversations.health import brake, words
from conversations.models import Message, NumberEvent, WebhookItem, WhatsAppNumber
from conversations.official.news import active_restrictions
from pytake.accounts.models import AuditEntry, Organization
from pytake.infra import tenancy
from tests import make
from tests.conversations.channel.conftest import (
    ACCOUNT_ID,
    SHAPES,
    Provider,
    Say,
    add_number,
    encode,
    number,
    process,
    provider,
    say,
    thread,
)
from tests.conversations.channel.responder import Responder, running

Json = dict[str, Any]
pytestmark = pytest.mark.django_db
__all__ = ["number", "provider", "say", "thread"]
SHAPES_OF_ACCOUNTS = [
    path
    for path in sorted(SHAPES.glob("account_*.json"))
    if not path.stem.startswith(("account_template", "account_unk"))
]


def news(field: str, *, at: float = 0, account: str = ACCOUNT_ID, **value: Any) -> bytes:
    entry = {
        "id": account,
        "time": int(at or timezone.now().timestamp()),
        "changes": [{"field": field, "value": value}],
    }
    return encode({"object": "whatsapp_business_account", "entry": [entry]})


def bring(provider: Provider, body: bytes) -> None:
    assert provider.post_raw(body).status_code == 200
    process()


@pytest.fixture(autouse=True)
def _no_cache() -> None:
    numbers.forget()


@pytest.mark.parametrize("path", SHAPES_OF_ACCOUNTS, ids=lambda path: path.stem)
def test_every_known_shape_is_applied_once_and_told_in_words(provider: Provider, path: Any) -> None:
    body = encode(json.loads(path.read_text()))
    for _ in range(3):
        bring(provider, body)

    row = NumberEvent.objects.get()
    assert len(words.event(row)) > 10
    assert not WebhookItem.objects.exists()


def test_a_restriction_degrades_the_number_until_it_ends(provider: Provider, number: WhatsAppNumber) -> None:
    now = timezone.now()
    rows = [{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": int(now.timestamp()) + 3600}]

    bring(provider, news("account_update", event="ACCOUNT_RESTRICTION", restriction_info=rows))

    number.refresh_from_db()
    assert number.health_state == "degraded"
    assert [row["type"] for row in active_restrictions(number, now=now)] == ["RESTRICTED_BIZ_INITIATED_MESSAGING"]
    assert active_restrictions(number, now=now + timedelta(hours=2)) == []
    assert NumberEvent.objects.get().severity == "critical"
    assert AuditEntry.objects.get().action == "number.changed_by_whatsapp"


def test_an_older_notice_that_comes_later_changes_nothing(provider: Provider, number: WhatsAppNumber) -> None:
    now = timezone.now().timestamp()
    ban: Json = {
        "event": "DISABLED_UPDATE",
        "ban_info": {"waba_ban_state": "DISABLE", "waba_ban_date": "April 17, 2026"},
    }
    back: Json = {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}}

    bring(provider, news("account_update", at=now - 10, **back))
    bring(provider, news("account_update", at=now - 60, **ban))

    number.refresh_from_db()
    assert (number.status, number.health_state) == ("connected", "ok")
    assert NumberEvent.objects.filter(data__late=True).count() == 1

    bring(provider, news("account_update", at=now, **ban))
    number.refresh_from_db()
    assert (number.status, number.health_state) == ("error", "blocked")


def test_only_the_number_that_is_named_changes(provider: Provider, number: WhatsAppNumber) -> None:
    other = add_number(number.organization, phone_id="100000000000005")
    WhatsAppNumber.objects.filter(pk=other.pk).update(phone_number="5511980049999")

    # The same line, spelled without its ninth digit.
    bring(
        provider,
        news("phone_number_quality_update", display_phone_number="+55 11 8004-9999", event="FLAGGED"),
    )
    bring(
        provider,
        news(
            "business_capability_update", max_daily_conversations_per_business=100000, max_phone_numbers_per_business=25
        ),
    )

    ratings = dict(WhatsAppNumber.objects.values_list("phone_number_id", "quality_rating"))
    assert ratings == {number.phone_number_id: "UNKNOWN", "100000000000005": "FLAGGED"}
    assert set(WhatsAppNumber.objects.values_list("messaging_limit_tier", flat=True)) == {"TIER_100K"}


def test_an_account_of_another_organization_with_the_same_app_stays_theirs(
    provider: Provider, number: WhatsAppNumber, other_organization: Organization
) -> None:
    theirs = add_number(other_organization, phone_id="100000000000006")
    with tenancy.organization_context(other_organization.pk):
        WhatsAppNumber.objects.filter(pk=theirs.pk).update(whatsapp_business_account_id="200000000000009")
    numbers.forget()

    bring(provider, news("account_update", account="200000000000009", event="ACCOUNT_VIOLATION", violation_info={}))

    assert (NumberEvent.objects.count(), WebhookItem.objects.count()) == (0, 0)
    with tenancy.organization_context(other_organization.pk):
        process()
        assert NumberEvent.objects.get().number_id == theirs.pk


def test_news_of_an_account_that_nobody_has_is_set_aside_whole(provider: Provider) -> None:
    bring(provider, news("account_update", account="299999999999999", event="ACCOUNT_DELETED"))

    assert WebhookItem.objects.get().payload["item"]["value"]["event"] == "ACCOUNT_DELETED"


def test_while_the_brake_is_on_promotions_wait_and_answers_leave(
    number: WhatsAppNumber, say: Say, settings: Any
) -> None:
    now = timezone.now()
    WhatsAppNumber.objects.filter(pk=number.pk).update(braked_at=now)
    answers: Responder
    with running() as answers:
        settings.GRAPH_BASE_URL = answers.url
        promotion = say("Promoção", sender_type="campaign", priority=outbox.CAMPAIGN)
        say("Resposta", sender_type="agent", priority=outbox.AGENT)
        say("Menu", priority=outbox.BOT)
        from_waiting = drain_all()
        assert from_waiting == 2
        number.refresh_from_db()
        brake.release(number, reason="Revisado", by=make_admin(number), now=now)
        drain_all()

        assert [row.dispatch_state for row in Message.objects.filter(pk=promotion.pk)] == ["accepted"]
        assert len(answers.requests) == 3
    assert AuditEntry.objects.filter(action="number.brake_released", changes__reason="Revisado").exists()


def drain_all() -> int:
    now = timezone.now()
    return outbound.drain_waiting(until=now + timedelta(hours=1), clock=lambda: now)


def make_admin(number: WhatsAppNumber) -> Any:
    return make.user(number.organization, "org_admin")
