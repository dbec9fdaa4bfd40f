"""Notices about templates: applied once, in the order of their times, only for the account's organization."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from conversations.message_templates import notices
from conversations.models import WebhookEvent, WebhookItem, WhatsAppTemplate, WhatsAppTemplateEvent
from conversations.simulator import template_life
from notifications.models import RealtimeEvent
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy
from tests.conversations.channel.conftest import SECRET, Provider, add_number, encode, process
from tests.conversations.message_templates.conftest import WABA, World, ours, read_all, state, wanted

pytestmark = pytest.mark.usefixtures("in_context")


@pytest.fixture
def known(world: World) -> World:
    """A template that we know."""
    world.add(wanted())
    read_all()
    return world


def tell(field: str, *, time: float | None = None, account: str = WABA, secret: str = SECRET, **value: Any) -> None:
    entry = {
        "id": account,
        "time": int(time or timezone.now().timestamp()),
        "changes": [{"field": field, "value": value}],
    }
    body = encode({"object": "whatsapp_business_account", "entry": [entry]})
    assert Provider(Client()).post_raw(body, secret=secret).status_code == 200
    process()


def status(event: str, **more: Any) -> dict[str, Any]:
    return {
        "event": event,
        "message_template_name": "lembrete",
        "message_template_language": "pt_BR",
        "message_template_id": int(ours().meta_template_id),
        "reason": "NONE",
        **more,
    }


STATUS = "message_template_status_update"


def test_what_the_provider_tells_changes_status_quality_and_category(known: World) -> None:
    sim, theirs = known.server.sim, known.of("lembrete")
    known.do(template_life.bad_feedback, sim, theirs)
    known.do(template_life.recategorise, sim, theirs, "MARKETING")
    known.deliver()

    row = ours()
    assert (row.status, row.quality_score, row.category) == ("PAUSED", "RED", "MARKETING")
    assert row.rejected_reason == "FIRST_PAUSE"
    assert row.paused_until is not None
    assert row.status_at is not None
    assert (row.paused_until - row.status_at).total_seconds() == 3 * 3600
    assert not WebhookItem.objects.exists()
    known.later(3 * 3600 + 1)
    assert (ours().status, ours().paused_until) == ("APPROVED", None)


def test_repeats_and_old_news_change_nothing(known: World) -> None:
    now = timezone.now().timestamp()
    tell(STATUS, time=now, **status("PAUSED"))
    tell(STATUS, time=now + 0, **status("PAUSED"))
    tell(STATUS, time=now - 30, **status("APPROVED"))
    assert ours().status == "PAUSED"
    tell(STATUS, time=now, **status("REINSTATED"))
    tell(STATUS, time=now, **status("PAUSED"))

    assert ours().status == "APPROVED"
    assert list(WhatsAppTemplateEvent.objects.order_by("id").values_list("new", flat=True)) == ["PAUSED", "APPROVED"]


@pytest.mark.parametrize(
    ("event", "expected", "raw", "usable"),
    [
        ("APPROVED", "APPROVED", "APPROVED", True),
        ("FLAGGED", "APPROVED", "FLAGGED", True),
        ("REJECTED", "REJECTED", "REJECTED", False),
        ("IN_APPEAL", "PENDING", "IN_APPEAL", False),
        ("DISABLED", "DISABLED", "DISABLED", False),
        ("ARCHIVED", "DISABLED", "ARCHIVED", False),
        ("SOMETHING_NEW", "DISABLED", "SOMETHING_NEW", False),
        ("PENDING_DELETION", "DELETED", "PENDING_DELETION", False),
    ],
)
def test_every_event_has_a_meaning(known: World, event: str, expected: str, raw: str, usable: bool) -> None:
    tell(STATUS, **status(event))

    row = ours()
    assert (row.status, row.status_raw, row.is_usable) == (expected, raw, usable)


def test_an_announced_category_is_noted_and_the_completed_one_applied(known: World) -> None:
    named = {key: value for key, value in status("").items() if key.startswith("message_template")}
    tell(
        "template_category_update",
        **named,
        correct_category="MARKETING",
        new_category="UTILITY",
        category_update_timestamp=1800000000,
    )
    assert (ours().category, ours().next_category) == ("UTILITY", "MARKETING")
    assert ours().category_changes_at is not None

    tell("template_category_update", **named, previous_category="UTILITY", new_category="MARKETING")

    assert (ours().category, ours().next_category) == ("MARKETING", "")


def test_new_texts_are_shown_at_once_and_details_are_read_soon(known: World) -> None:
    named = {key: value for key, value in status("").items() if key.startswith("message_template")}
    tell("message_template_components_update", **named, message_template_element="Oi {{1}}, até {{2}} então.")

    assert ours().body_text == "Oi {{1}}, até {{2}} então."
    assert state().due_at <= timezone.now()


def test_a_notice_of_an_unknown_template_is_kept_and_makes_us_look(known: World) -> None:
    known.add(wanted("novo"))
    value = status("APPROVED", message_template_name="novo", message_template_id=int(known.of("novo").id))
    tell(STATUS, **value)

    assert WebhookItem.objects.get().state == WebhookItem.State.PARKED
    assert state().due_at <= timezone.now()
    read_all()
    assert ours("novo").status == "APPROVED"


def test_odd_notices_harm_nobody(known: World) -> None:
    tell(STATUS, event=None, message_template_id="x" * 50, message_template_name=["a"])
    tell(STATUS, **status("PAUSED", other_info="later", rejection_info=[1], reason={"a": 1}))

    assert ours().status == "PAUSED"


def test_accounts_of_the_same_app_are_kept_apart(known: World, other_organization: Organization) -> None:
    """Two organizations share an app secret: only the one whose account it is hears the notice."""
    other = add_number(other_organization, phone_id="100000000000009")
    with tenancy.organization_context(other_organization.pk):
        other.whatsapp_business_account_id = "200000000000009"
        other.save()
        template = WhatsAppTemplate.objects.create(
            organization=other_organization, account_id="200000000000009", name="lembrete", category="UTILITY",
            meta_template_id="77", status="APPROVED",
        )  # fmt: skip

    tell(STATUS, account="200000000000009", **status("PAUSED", message_template_id=77))

    assert ours().status == "APPROVED"
    assert not WebhookEvent.objects.exists()
    with tenancy.organization_context(other_organization.pk):
        template.refresh_from_db()
        assert template.status == "PAUSED"


def test_pages_hear_of_it_and_administrators_get_one_mail(known: World, admin: User, agent: User) -> None:
    tell(STATUS, **status("REJECTED", reason="PROMOTIONAL"))

    fact = RealtimeEvent.objects.get(event_type="template:changed")
    assert (fact.data["name"], fact.data["new"]) == ("lembrete", "REJECTED")
    assert notices.tell_waiting(now=timezone.now()) == 1
    assert notices.tell_waiting(now=timezone.now()) == 0
    assert [message.to for message in mail.outbox] == [[admin.email]]
    assert "lembrete" in mail.outbox[0].subject


def test_good_news_is_not_mailed(known: World, admin: User) -> None:
    tell(STATUS, **status("PENDING"))
    tell(STATUS, **status("APPROVED"))

    assert notices.tell_waiting(now=timezone.now()) == 0
    assert not mail.outbox
