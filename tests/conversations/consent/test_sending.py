"""Consent where messages are decided and where they leave."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations import outbox
from conversations.consent import rules
from conversations.models import ConsentEvent, Contact, Conversation, Message, WhatsAppNumber
from tests.conversations.channel.conftest import *  # noqa: F403  # its fixtures
from tests.conversations.channel.conftest import ANA, Provider, Say, change, drain, fresh, process
from tests.conversations.channel.responder import Responder

pytestmark = pytest.mark.django_db
KINDS = {
    "agent": ("agent", outbox.AGENT),
    "bot": ("bot", outbox.BOT),
    "system": ("system", outbox.BOT),
    "automation": ("bot", outbox.AUTOMATION),
    "campaign": ("campaign", outbox.CAMPAIGN),
}
NOTHING = {"opt_in": False, "accepts_bot": False}
REFUSED = [
    ({}, set()),
    (NOTHING, {"bot", "automation", "campaign"}),
    ({"opt_in": False}, {"automation", "campaign"}),
    ({"is_blocked": True}, {"bot", "automation", "campaign"}),
    ("stopped", {"automation", "campaign"}),
]


def change_contact(thread: Conversation, fields: object) -> None:
    values = {"marketing_stopped": {str(thread.number_id): "2026-01-01"}} if fields == "stopped" else fields
    assert isinstance(values, dict)
    if values:
        Contact.objects.filter(pk=thread.contact_id).update(**values)


@pytest.mark.parametrize(("fields", "unwanted"), REFUSED)
def test_an_unwanted_intent_is_born_cancelled(
    thread: Conversation, say: Say, fields: object, unwanted: set[str]
) -> None:
    change_contact(thread, fields)
    thread.contact.refresh_from_db()

    rows = {name: say(sender_type=sender, priority=priority) for name, (sender, priority) in KINDS.items()}

    assert {name for name, row in rows.items() if fresh(row).dispatch_state == "cancelled"} == unwanted
    assert all(row.error_code and row.failed_at for name, row in rows.items() if name in unwanted)


@pytest.mark.parametrize(("fields", "unwanted"), REFUSED)
def test_consent_is_asked_again_when_a_message_leaves(
    thread: Conversation,
    number: WhatsAppNumber,
    responder: Responder,
    say: Say,
    fields: object,
    unwanted: set[str],
) -> None:
    rows = {name: say(sender_type=sender, priority=priority) for name, (sender, priority) in KINDS.items()}
    change_contact(thread, fields)

    drain(number)

    assert {name for name, row in rows.items() if fresh(row).dispatch_state == "cancelled"} == unwanted
    assert len(responder.requests) == len(KINDS) - len(unwanted)
    assert all((row.status, row.attempts) == ("failed", 0) for name, row in rows.items() if name in unwanted)


def notice(value: str, at: int, **more: object) -> dict[str, object]:
    return {"wa_id": ANA, "category": "marketing_messages", "value": value, "timestamp": at, **more}


def test_a_stop_in_whatsapp_counts_for_the_number_and_the_newest_wins(
    provider: Provider, thread: Conversation, number: WhatsAppNumber
) -> None:
    now = int(timezone.now().timestamp())

    def stopped(*notices: dict[str, object]) -> bool:
        provider.post(change(field="user_preferences", user_preferences=list(notices)))
        process()
        thread.contact.refresh_from_db()
        return str(number.pk) in thread.contact.marketing_stopped

    stop = notice("stop", now - 100)
    assert [
        stopped(stop),
        stopped(stop),
        stopped(notice("resume", now - 200)),
        stopped(notice("resume", now - 50)),
    ] == [
        True,
        True,
        True,
        False,
    ]
    assert thread.contact.opt_in
    rows = ConsentEvent.objects.order_by("occurred_at").values_list("action", "source", "number_id")
    assert list(rows) == [(action, "provider", number.pk) for action in ("resume", "stop", "resume")]


def test_a_stop_of_somebody_unknown_is_kept(provider: Provider) -> None:
    provider.post(
        change(field="user_preferences", user_preferences=[notice("stop", 1795000000, wa_id="5511911112222")])
    )
    process()

    assert Contact.objects.get().marketing_stopped != {}


def test_many_notices_cost_as_much_as_few(provider: Provider) -> None:

    counts = []
    for count, start in ((5, 71_000_000), (50, 72_000_000)):
        rows = [notice("stop", 1795000000, wa_id=f"55119{start + n}") for n in range(count)]
        provider.post(change(field="user_preferences", user_preferences=rows))
        with CaptureQueriesContext(connection) as captured:
            process()
        counts.append(len(captured))

    assert counts[0] == counts[1]
    assert ConsentEvent.objects.count() == 55


def test_the_reason_is_told_in_words(thread: Conversation, say: Say) -> None:
    change_contact(thread, NOTHING)
    thread.contact.refresh_from_db()

    row: Message = say()

    assert row.error_code == rules.OPTED_OUT
