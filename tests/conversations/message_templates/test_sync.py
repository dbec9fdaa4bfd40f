"""Reading templates from the provider: all pages, only differences, in few statements; failures are shown."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from conversations.message_templates import sync
from conversations.models import WhatsAppNumber, WhatsAppTemplate, WhatsAppTemplateEvent
from conversations.simulator.config import merge
from pytake.accounts.models import Organization
from pytake.infra import tenancy
from tests.conversations.message_templates.conftest import BODY, WABA, World, ours, read_all, state, wanted

pytestmark = pytest.mark.usefixtures("in_context")


def test_an_account_is_read_by_itself_as_soon_as_a_number_is_there(world: World) -> None:
    world.add(wanted(), wanted(language="en"), wanted("oferta", category="MARKETING", quality="GREEN"))

    read_all()

    row = ours()
    assert WhatsAppTemplate.objects.count() == 3
    assert (row.status, row.category, row.body_text) == ("APPROVED", "UTILITY", BODY["text"])
    assert ours("oferta").quality_score == "GREEN"
    assert (state().created, state().updated, state().removed, state().error_code) == (3, 0, 0, "")


def test_differences_are_found_and_become_history(world: World) -> None:
    world.add(wanted(), wanted("bom"), wanted("velho"))
    read_all()
    theirs = world.of("lembrete")
    theirs.status, theirs.quality, theirs.category = "PAUSED", "RED", "MARKETING"
    world.do(world.server.sim.world.remove_template, world.of("velho"))

    read_all(after=4000)

    assert (state().created, state().updated, state().removed) == (0, 1, 1)
    assert (ours().status, ours().quality_score, ours().category) == ("PAUSED", "RED", "MARKETING")
    assert ours("velho").status == "DELETED"
    assert ours("velho").deleted_at is not None
    kinds = WhatsAppTemplateEvent.objects.filter(template=ours()).values_list("kind", "old", "new")
    assert set(kinds) == {
        ("status", "APPROVED", "PAUSED"),
        ("quality", "UNKNOWN", "RED"),
        ("category", "UTILITY", "MARKETING"),
    }


def test_reading_again_changes_nothing(world: World) -> None:
    world.add(wanted(), wanted("bom"))
    read_all()

    read_all(after=4000)

    assert (state().created, state().updated, state().removed) == (0, 0, 0)
    assert not WhatsAppTemplateEvent.objects.exists()


def test_thousands_are_read_page_by_page_with_few_statements(world: World) -> None:
    world.add(*(wanted(f"modelo_{index:04}") for index in range(1050)))

    with CaptureQueriesContext(
        connection,
    ) as queries:
        pages = read_all()

    assert pages == 11
    assert WhatsAppTemplate.objects.count() == 1050
    assert len(queries) < 20 * pages


def test_a_run_that_was_cut_short_goes_on_where_it_stopped(world: World, number: WhatsAppNumber) -> None:
    world.add(*(wanted(f"modelo_{index:03}") for index in range(250)))
    row = sync.request(number.organization_id, WABA, now=timezone.now())

    sync.run_now(row, until=timezone.now(), clock=timezone.now)

    assert (state().seen, bool(state().cursor), state().finished_at) == (100, True, None)
    read_all()
    assert (state().seen, state().created, state().removed) == (250, 250, 0)


def test_a_token_that_expired_is_said_and_nothing_is_lost(world: World) -> None:
    world.add(wanted())
    read_all()
    next(iter(world.server.sim.world.tokens.values())).revoked = True

    read_all(after=4000)

    assert state().error_code == "token"
    assert ours().status == "APPROVED"
    next(iter(world.server.sim.world.tokens.values())).revoked = False
    read_all(after=9000)
    assert (state().error_code, state().removed) == ("", 0)


def test_a_rate_limit_in_the_middle_is_waited_for(world: World) -> None:
    world.add(*(wanted(f"modelo_{index:03}") for index in range(150)))
    merge(world.server.sim.behaviour, {"limits": {"management_calls": 1}})

    read_all()

    assert (state().error_code, state().seen) == ("limited", 100)
    world.do(world.server.sim.scheduler.advance, 4000)
    read_all(after=60)
    assert state().seen == 100, "it is too early"
    read_all(after=1000)
    assert (state().error_code, state().seen, state().created) == ("", 150, 150)


def test_a_provider_that_is_away_marks_nothing_as_removed(world: World, settings: Settings) -> None:
    world.add(wanted())
    read_all()
    settings.GRAPH_BASE_URL = "http://127.0.0.1:9"

    read_all(after=4000)

    assert state().error_code == "away"
    assert ours().deleted_at is None


def test_a_template_that_comes_back_is_a_new_row(world: World) -> None:
    world.add(wanted())
    read_all()
    world.do(world.server.sim.world.remove_template, world.of("lembrete"))
    read_all(after=4000)
    world.add(wanted())

    read_all(after=8000)

    assert WhatsAppTemplate.objects.alive().count() == 1
    assert WhatsAppTemplate.objects.count() == 2


def test_accounts_without_a_live_number_are_left_alone(world: World, number: WhatsAppNumber) -> None:
    world.add(wanted())
    number.is_active = False
    number.save()

    assert read_all() == 0


def test_others_do_not_see_the_templates(world: World, other_organization: Organization) -> None:
    world.add(wanted())
    read_all()

    with tenancy.organization_context(other_organization.pk):
        assert not WhatsAppTemplate.objects.exists()
