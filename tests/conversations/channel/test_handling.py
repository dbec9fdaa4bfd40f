"""Stored messages and their handlers: in order within a conversation, once, and one bad message alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from conversations import handling
from conversations.models import Conversation, UnhandledMessage
from pytake.accounts.models import Organization
from pytake.infra import tenancy
from tests.conversations.channel import handlers
from tests.conversations.channel.conftest import Provider, add_number, handle, text

pytestmark = pytest.mark.django_db
Handle = Callable[..., None]
BIA = "5511987650002"


@pytest.fixture(autouse=True)
def use(settings: Settings) -> Iterator[Handle]:
    """Replace the handlers in the settings."""

    def replace(*names: str) -> None:
        settings.INBOUND_HANDLERS = [f"tests.conversations.channel.handlers.{name}" for name in names]
        handling.handlers.cache_clear()

    handlers.SEEN.clear()
    replace("record")
    yield replace
    handling.handlers.cache_clear()


def later(seconds: float) -> int:
    now = timezone.now() + timedelta(seconds=seconds)
    return handling.handle_waiting(until=now + timedelta(hours=1), clock=lambda: now)


def test_each_message_is_handled_once_and_in_order(provider: Provider) -> None:
    provider.bring(text("wamid.1", "1"), text("wamid.2", "2"), text("wamid.B", "b", sender=BIA), text("wamid.3", "3"))

    assert (handle(), handle()) == (4, 0)

    assert [said for said in handlers.SEEN if said != "b"] == ["1", "2", "3"]
    assert sorted(handlers.SEEN) == ["1", "2", "3", "b"]
    assert not UnhandledMessage.objects.exists()


def test_a_slice_holds_one_message_a_conversation(provider: Provider, organization: Organization) -> None:
    provider.bring(text("wamid.1", "1"), text("wamid.2", "2"), text("wamid.B", "b", sender=BIA))
    assert handling.handle_slice(organization.pk, now=timezone.now()) == 2
    assert sorted(handlers.SEEN) == ["1", "b"]


def test_what_one_handler_takes_the_next_does_not_see(provider: Provider, use: Handle) -> None:
    use("claim_nothing", "record", "claim_nothing")
    provider.bring(text("wamid.1", "1"))
    handle()
    assert handlers.SEEN == ["passed 1", "1"]


def test_a_message_whose_handling_fails_does_not_stop_the_others(provider: Provider) -> None:
    provider.bring(text("wamid.P", "poison"), text("wamid.2", "after"), text("wamid.B", "b", sender=BIA))

    handle()

    assert "b" in handlers.SEEN
    assert "after" not in handlers.SEEN
    waiting = UnhandledMessage.objects.order_by("id")
    assert [(row.message.text, row.attempts, row.is_dead) for row in waiting] == [
        ("poison", 1, False),
        ("after", 0, False),
    ]
    assert waiting[0].error == "ValueError: poison was tasted"


def test_a_message_that_keeps_failing_is_given_up_and_lets_the_next_pass(provider: Provider) -> None:
    provider.bring(text("wamid.P", "poison"), text("wamid.2", "after"))

    for attempt in range(1, handling.ATTEMPTS_MAX + 1):
        later(attempt * 100)

    assert "after" in handlers.SEEN
    dead = UnhandledMessage.objects.get()
    assert (dead.message.text, dead.is_dead, dead.attempts) == ("poison", True, handling.ATTEMPTS_MAX)
    assert later(10_000) == 0


def test_a_failure_is_not_tried_again_at_once(provider: Provider) -> None:
    provider.bring(text("wamid.P", "poison"))
    handle()
    count = len(handlers.SEEN)
    assert handle() == 0
    assert len(handlers.SEEN) == count


def test_organizations_are_handled_apart(provider: Provider, other_organization: Organization, use: Handle) -> None:
    add_number(other_organization, phone_id="100000000000009", secret="theirs")
    provider.bring(text("wamid.1", "poison"))
    provider.bring(text("wamid.2", "theirs"), phone_id="100000000000009", secret="theirs")

    handle()

    assert "theirs" in handlers.SEEN
    with tenancy.organization_context(other_organization.pk):
        assert not UnhandledMessage.objects.exists()
        assert Conversation.objects.count() == 1
