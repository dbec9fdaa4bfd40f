"""Asking WhatsApp regularly: ratings, limits, tokens that end; and the business profile."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from conversations.models import NumberEvent, WhatsAppNumber
from conversations.official import profile, refresh, state
from pytake.accounts.models import User
from tests.conversations.official.conftest import Meta, add

pytestmark = pytest.mark.django_db


def test_what_whatsapp_says_is_taken_over_and_what_got_worse_is_told(meta: Meta, number: WhatsAppNumber) -> None:
    now = timezone.now()
    refresh.refresh(number.pk, now=now)
    meta.number().quality, meta.number().level = "RED", "HIGH"

    refresh.refresh(number.pk, now=now)

    number.refresh_from_db()
    assert number.business_portfolio_id == meta.server.sim.world.wabas[number.whatsapp_business_account_id].portfolio
    assert (number.quality_rating, number.throughput_level, number.messaging_limit_tier) == ("RED", "HIGH", "TIER_2K")
    told = dict(NumberEvent.objects.values_list("data__field", "severity"))
    assert told["quality_rating"] == "critical"


def test_a_token_that_was_withdrawn_shows_as_an_error_and_heals(meta: Meta, number: WhatsAppNumber) -> None:
    now = timezone.now()
    meta.revoke("t-0001")
    refresh.refresh(number.pk, now=now)
    number.refresh_from_db()
    assert (number.status, number.status_reason) == ("error", "WhatsApp: 190")

    meta.server.sim.world.tokens["t-0001"].revoked = False
    refresh.refresh(number.pk, now=now)
    number.refresh_from_db()
    assert (number.status, number.status_reason) == ("connected", "")


def test_a_token_that_ends_soon_is_told_once(meta: Meta, number: WhatsAppNumber) -> None:
    now = timezone.now()
    meta.server.sim.world.tokens["t-0001"].expires_at = (now + timedelta(days=3)).timestamp()

    refresh.refresh(number.pk, now=now)
    refresh.refresh(number.pk, now=now)

    assert NumberEvent.objects.filter(kind="token_ends").count() == 1
    number.refresh_from_db()
    assert number.token_expires_at is not None


def test_without_an_answer_nothing_changes(meta: Meta, number: WhatsAppNumber, settings: object) -> None:
    settings.GRAPH_BASE_URL = "http://127.0.0.1:9"  # type: ignore[attr-defined]  # pytest-django's
    before = number.status

    assert refresh.refresh(number.pk, now=timezone.now()) is False
    number.refresh_from_db()
    assert number.status == before


def test_numbers_asked_about_lately_wait(number: WhatsAppNumber) -> None:
    now = timezone.now()
    other = add(number.organization, phone_number_id="100000000000007", health_checked_at=now)

    assert [pk for _, pk in refresh.due(now=now)] == [number.pk]
    assert [pk for _, pk in refresh.due(now=now, number_id=other.pk)] == [other.pk]


def test_the_profile_is_written_to_whatsapp_and_read_back(meta: Meta, number: WhatsAppNumber, admin: User) -> None:
    values = {
        "about": "Clínica de família", "address": "Rua A, 1", "description": "Consultas", "email": "oi@example.com",
        "websites": ["https://example.com"], "vertical": "HEALTH",
    }  # fmt: skip

    profile.write(number, values, by=admin, now=timezone.now())

    assert meta.number().profile == values
    assert profile.read(number)["about"] == "Clínica de família"


@pytest.mark.parametrize(
    ("raw", "shown", "people"),
    [
        ("TIER_250", "TIER_250", 250),
        ("TIER_2K", "TIER_2K", 2000),
        (100000, "TIER_100K", 100_000),
        (-1, "TIER_UNLIMITED", None),
        ("TIER_UNLIMITED", "TIER_UNLIMITED", None),
        ("TIER_NOT_SET", "", None),
        (None, "", None),
        ({"messaging_limit_tier": "TIER_10K"}, "TIER_10K", 10_000),
        ("nonsense", "", None),
    ],
)
def test_tiers_come_in_many_forms(raw: object, shown: str, people: int | None) -> None:
    assert (state.tier(raw), state.people_a_day(shown)) == (shown, people)
