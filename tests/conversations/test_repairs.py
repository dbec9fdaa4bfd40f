"""What people may do about failures: send again, handle again, read again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from conversations import repairs
from conversations.models import Conversation, Message, UnhandledMessage, WebhookEvent, WebhookItem
from conversations.outbox import WindowClosedError
from pytake.accounts.models import AuditEntry, Organization, User
from tests import make

pytestmark = pytest.mark.usefixtures("in_organization")
OUTBOUND = {"direction": "outbound", "sender_type": "bot", "message_type": "text"}


@pytest.fixture
def thread(in_organization: Organization) -> Conversation:
    return make.conversation(make.number(in_organization), window_expires_at=timezone.now() + timedelta(hours=5))


def sent(thread: Conversation, dispatch_state: str, **fields: object) -> Message:
    fields = {"status": "failed", "address_kind": "wa_id", "address_value": "5511988887777", **fields}
    return make.message(thread, "Até amanhã!", dispatch_state=dispatch_state, **OUTBOUND, **fields)


@pytest.mark.parametrize("state", ["failed", "unknown", "abandoned"])
def test_what_ended_badly_can_be_sent_again_as_a_new_message(thread: Conversation, admin: User, state: str) -> None:
    old = sent(thread, state)

    fresh = repairs.send_again(old, by=admin, now=timezone.now(), may_repeat=state != "failed")

    old.refresh_from_db()
    assert old.dispatch_state == state
    assert (fresh.retry_of, fresh.dispatch_state, fresh.text) == (old, "queued", "Até amanhã!")
    assert fresh.address_value == "5511988887777"
    assert AuditEntry.objects.filter(action="message.sent_again", entity_id=str(fresh.pk)).count() == 1


@pytest.mark.parametrize("state", ["queued", "sending", "accepted", "cancelled"])
def test_what_is_under_way_or_has_arrived_cannot(thread: Conversation, admin: User, state: str) -> None:
    with pytest.raises(repairs.NotRepeatableError):
        repairs.send_again(sent(thread, state), by=admin, now=timezone.now())


def test_sending_again_twice_sends_once(thread: Conversation, admin: User) -> None:
    old = sent(thread, "failed")
    repairs.send_again(old, by=admin, now=timezone.now())

    with pytest.raises(repairs.NotRepeatableError):
        repairs.send_again(old, by=admin, now=timezone.now())

    assert Message.objects.filter(retry_of=old).count() == 1


def test_outside_the_window_nothing_is_sent_again(thread: Conversation, admin: User) -> None:
    old = sent(thread, "failed")
    Conversation.objects.update(window_expires_at=timezone.now() - timedelta(minutes=1))

    with pytest.raises(WindowClosedError):
        repairs.send_again(old, by=admin, now=timezone.now())


def test_dead_turns_go_back_to_the_queue(thread: Conversation, admin: User) -> None:
    now = timezone.now()
    facts = {"organization_id": thread.organization_id, "conversation": thread, "created_at": now}
    dead = UnhandledMessage.objects.create(message=make.message(thread), is_dead=True, attempts=5, error="x", **facts)
    waiting = UnhandledMessage.objects.create(message=make.message(thread), attempts=2, **facts)

    assert repairs.handle_again([dead, waiting], by=admin) == 1

    dead.refresh_from_db()
    waiting.refresh_from_db()
    assert (dead.is_dead, dead.attempts, dead.error, waiting.attempts) == (False, 0, "", 2)


def test_items_set_aside_are_read_again_with_their_delivery(thread: Conversation, admin: User) -> None:
    now = timezone.now()
    owner = {"organization_id": thread.organization_id, "number": thread.number}
    delivery = WebhookEvent.objects.create(raw_body=b"{}", received_at=now, state="done", **owner)
    item = WebhookItem.objects.create(
        event=delivery, created_at=now, kind="message", dedupe_key="k", payload={}, state="dead", **owner
    )

    assert repairs.read_again([item], by=admin) == 1

    delivery.refresh_from_db()
    assert delivery.state == "new"
    assert not WebhookItem.objects.exists()
