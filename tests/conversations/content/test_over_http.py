"""Everything that can be sent, from the intent to the provider's ledger over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.utils import timezone

from conversations import outbox
from conversations.content import Reaction, Text
from conversations.models import Conversation, Message, WhatsAppNumber
from tests.conversations.channel.conftest import Provider, Say, drain, fresh, text
from tests.conversations.content.samples import EVERYTHING
from tests.conversations.media.servers import Simulated

pytestmark = pytest.mark.django_db(transaction=True)


def ledger(simulator: Simulated) -> list[dict[str, Any]]:
    """Return the requests that the provider accepted."""
    return [orjson.loads(sent.body) for sent in simulator.server.sim.ledger.entries]


@pytest.mark.parametrize("name", EVERYTHING)
def test_the_provider_takes_everything(simulator: Simulated, number: WhatsAppNumber, say: Say, name: str) -> None:
    content, kind, _ = EVERYTHING[name]
    message = say(content=content)

    drain(number)

    fresh(message)
    assert (message.dispatch_state, message.error_title) == ("accepted", "")
    assert message.message_type == kind
    (sent,) = ledger(simulator)
    assert sent["type"] == kind
    assert sent[kind] == content.as_cloud_api()[kind]


def test_a_reply_names_the_message_that_it_answers(
    simulator: Simulated, number: WhatsAppNumber, provider: Provider, thread: Conversation, say: Say
) -> None:
    provider.bring(text("wamid.IN1", "Quanto custa?"))
    question = Message.objects.get(whatsapp_message_id="wamid.IN1")
    say("R$ 50", reply_to=question)
    say(content=Reaction(message_id="wamid.IN1", emoji="👍"), reply_to=question)
    unsent = say("Um momento")
    say("Pronto", reply_to=unsent)

    drain(number)

    contexts = [(body["type"], body.get("context")) for body in ledger(simulator)]
    # What has no id yet cannot be named; it leaves without the quotation.
    assert contexts == [("text", {"message_id": "wamid.IN1"}), ("reaction", None), ("text", None), ("text", None)]


def test_only_templates_leave_when_the_window_is_closed(
    simulator: Simulated, number: WhatsAppNumber, thread: Conversation, say: Say
) -> None:
    thread.window_expires_at = timezone.now() - timedelta(minutes=1)
    thread.save()
    with pytest.raises(outbox.WindowClosedError):
        say("Oi")
    template = say(content=EVERYTHING["template"][0])
    caught = outbox.draft(thread, Text(body="Oi"), sender_type="bot", now=timezone.now())
    outbox.commit([caught], now=timezone.now())

    drain(number)

    assert fresh(template).dispatch_state == "accepted"
    assert fresh(caught).error_code == "WINDOW_CLOSED"


def test_lists_show_what_kind_of_message_was_last(thread: Conversation, say: Say) -> None:
    say(content=EVERYTHING["document"][0])

    thread.refresh_from_db()
    assert thread.last_message_preview == "[document] Vence hoje"


def test_stored_content_that_cannot_be_sent_fails_alone(simulator: Simulated, number: WhatsAppNumber, say: Say) -> None:
    broken, good = say("um"), say("dois")
    Message.objects.filter(pk=broken.pk).update(content={"kind": "poll"})

    drain(number)

    assert [fresh(broken).error_code, fresh(broken).dispatch_state] == ["content", "failed"]
    assert fresh(good).dispatch_state == "accepted"
