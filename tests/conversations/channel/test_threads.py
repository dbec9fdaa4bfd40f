"""Which contact and which thread an arriving message belongs to, and what it does to the service window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from conversations.models import Contact, ContactIdentity, Conversation, Message
from pytake.core import phones
from pytake.infra import tenancy
from tests import make
from tests.conversations.channel.conftest import ANA, Provider, text

pytestmark = pytest.mark.django_db


def test_messages_of_one_person_are_one_live_thread(provider: Provider) -> None:
    provider.bring(text("wamid.1"), text("wamid.2"))
    provider.bring(text("wamid.3"))

    thread = Conversation.objects.get()
    assert (thread.total_messages, thread.messages_from_contact, thread.last_message_preview) == (3, 3, "Oi")
    assert [event.kind for event in thread.events.all()] == ["opened"]
    assert Contact.objects.get().total_conversations == 1


@pytest.mark.parametrize("status", ["open", "queued", "active", "pending"])
def test_a_live_thread_takes_the_message_whoever_has_it(provider: Provider, thread: Conversation, status: str) -> None:
    Conversation.objects.update(status=status)
    provider.bring(text("wamid.1"))
    assert Message.objects.get().conversation_id == thread.pk
    assert Conversation.objects.get().status == status


@pytest.mark.parametrize("ended", [{"status": "resolved"}, {"status": "closed"}])
@pytest.mark.parametrize(("hours", "same"), [(23, True), (25, False)])
def test_a_thread_that_ended_lately_is_opened_again(
    provider: Provider, thread: Conversation, ended: dict[str, Any], hours: int, same: bool
) -> None:
    at = timezone.now() - timedelta(hours=hours)
    Conversation.objects.update(**ended, resolved_at=at, is_bot_active=False, is_human_requested=True)

    provider.bring(text("wamid.1"))

    live = Message.objects.get().conversation
    assert (live.pk == thread.pk) == same
    assert (live.status, live.is_bot_active, live.is_human_requested) == ("open", True, False)
    assert live.events.get().kind == ("reopened" if same else "opened")


def test_an_archived_thread_stays_archived(provider: Provider, thread: Conversation) -> None:
    Conversation.objects.update(status="archived")
    provider.bring(text("wamid.1"))
    assert sorted(Conversation.objects.values_list("status", flat=True)) == ["archived", "open"]


def test_the_window_counts_from_the_message_s_own_time(provider: Provider) -> None:
    at = timezone.now().replace(microsecond=0) - timedelta(hours=5)
    provider.bring(text("wamid.1", at=at.timestamp()))
    assert Conversation.objects.get().window_expires_at == at + timedelta(hours=24)


def test_an_older_message_that_comes_late_does_not_shorten_the_window(provider: Provider) -> None:
    late = timezone.now().replace(microsecond=0)
    provider.bring(text("wamid.2", at=late.timestamp()))
    provider.bring(text("wamid.1", at=(late - timedelta(hours=3)).timestamp()))

    thread = Conversation.objects.get()
    assert (thread.window_expires_at, thread.last_message_at) == (late + timedelta(hours=24), late)
    assert thread.first_message_at == late - timedelta(hours=3)


def test_a_message_from_the_future_opens_no_endless_window(provider: Provider) -> None:
    provider.bring(text("wamid.1", at=datetime(2030, 1, 1, tzinfo=UTC).timestamp()))
    expires = Conversation.objects.get().window_expires_at
    assert expires is not None
    assert expires <= timezone.now() + timedelta(hours=24)


@pytest.mark.parametrize(
    "silent",
    [
        {"type": "reaction", "reaction": {"message_id": "wamid.0", "emoji": "x"}},
        {"type": "system", "system": {"type": "user_changed_number"}},
        {"type": "text", "text": {"body": "oi grupo"}, "group_id": "G.1"},
    ],
)
def test_what_is_no_message_to_us_opens_no_window(provider: Provider, silent: dict[str, Any]) -> None:
    provider.bring({**text("wamid.1"), **silent})
    assert Conversation.objects.get().window_expires_at is None


def test_a_phone_that_somebody_typed_becomes_the_address_that_whatsapp_reports(provider: Provider) -> None:
    contact = Contact.objects.create(organization_id=provider_organization(), name="Ana")
    typed = "+55 (11) 8765-0001"
    ContactIdentity.objects.create(
        organization_id=contact.organization_id,
        contact=contact,
        kind="phone",
        value=typed,
        canonical_key=phones.canonical_key("phone", typed),
    )

    provider.bring(text("wamid.1", sender=ANA))

    assert Message.objects.get().contact_id == contact.pk
    identity = ContactIdentity.objects.get()
    assert (identity.kind, identity.value) == ("wa_id", ANA)
    assert identity.confirmed_at is not None


def provider_organization() -> Any:
    return tenancy.current_organization_id()


def test_a_user_id_learnt_with_a_phone_finds_the_person_without_it(provider: Provider) -> None:
    provider.bring({**text("wamid.1"), "from_user_id": "BR.7710"})
    hidden = {key: value for key, value in text("wamid.2").items() if key != "from"}
    provider.bring({**hidden, "from_user_id": "BR.7710", "from": ""})
    assert Message.objects.count() == 2
    assert Contact.objects.count() == 1


def test_the_profile_follows_what_the_person_calls_itself(provider: Provider, thread: Conversation) -> None:
    Contact.objects.update(name="Dona Ana", profile_name="Velha")
    provider.bring(text("wamid.1"))
    contact = Contact.objects.get()
    assert (contact.name, contact.profile_name) == ("Dona Ana", "Ana")


def test_another_number_of_the_organization_has_its_own_thread(provider: Provider, thread: Conversation) -> None:
    other = make.number(thread.organization)
    make.conversation(other, thread.contact)
    provider.bring(text("wamid.1"))
    assert Message.objects.get().conversation_id == thread.pk
