"""Every documented message as people see it in the thread."""

from __future__ import annotations

import json
from html import unescape

import pytest
from django.test import Client

from conversations.inbox import arrived, previews, thread_page
from conversations.inbox.thread_page import Bubble
from conversations.models import Conversation, Message
from pytake.accounts.models import Organization
from tests import make
from tests.conversations.channel.conftest import SHAPES, Json, Provider, fresh_cache, number, provider, text, thread

__all__ = ["fresh_cache", "number", "provider", "thread"]
pytestmark = pytest.mark.usefixtures("in_organization", "thread")


def payload(name: str) -> Json:
    value = json.loads((SHAPES / f"message_{name}.json").read_bytes())["entry"][0]["changes"][0]["value"]
    found: Json = value["messages"][0]
    return found


def bubbles(thread: Conversation) -> list[Bubble]:
    return [item for item in thread_page.read(thread).items if isinstance(item, Bubble)]


SHAPES_OF_MESSAGES = sorted(path.stem.removeprefix("message_") for path in SHAPES.glob("message_*.json"))
UNKNOWN = {"unknown_type", "unsupported_poll", "unsupported_bare", "interactive_empty", "form_reply_broken"}


@pytest.mark.parametrize("name", [name for name in SHAPES_OF_MESSAGES if name != "echoes"])
def test_no_message_is_an_empty_bubble(name: str) -> None:
    shown = arrived.read(payload(name))

    has_file = payload(name)["type"] in {"image", "video", "audio", "voice", "document", "sticker"}
    parts = (shown.text, shown.said, shown.place, shown.cards, shown.order, shown.answers, shown.raw)
    assert any(parts) or has_file
    assert bool(shown.raw) == (name in UNKNOWN)
    assert previews.readable(f"[{payload(name)['type']}]")


def test_a_location_has_a_map() -> None:
    place = arrived.read(payload("location")).place

    assert place is not None
    assert place.name
    assert place.map_url.startswith("https://www.google.com/maps/search/?api=1&query=-")


@pytest.mark.parametrize("latitude", ["x", None, 91, [], "javascript:alert(1)"])
def test_a_place_that_is_none_is_shown_whole(latitude: object) -> None:
    shown = arrived.read({"type": "location", "location": {"latitude": latitude, "longitude": 1}})

    assert shown.place is None
    assert shown.raw


def test_contact_cards_list_what_they_hold() -> None:
    (card, *_) = arrived.read(payload("contacts")).cards

    assert card.name
    assert any(glyph == "phone" for glyph, _, _ in card.lines)


def test_links_of_strangers_are_web_pages_only() -> None:
    card = {"name": {}, "urls": [{"url": "javascript:alert(1)"}]}
    shown = arrived.read({"type": "contacts", "contacts": [card], "referral": {"source_url": "data:text/html,x"}})

    assert shown.cards[0].lines == [("link", "javascript:alert(1)", "")]
    assert shown.origin is not None
    assert shown.origin.url == ""


def test_an_order_lists_its_lines() -> None:
    (line, *_) = arrived.read(payload("order")).order

    assert (line.quantity, line.product[:4], line.price) == ("2", "SKU-", "BRL 12.50")


def test_a_form_shows_its_answers() -> None:
    shown = arrived.read(payload("form_reply"))

    assert shown.answers
    assert all(name != "flow_token" for name, _ in shown.answers)


def test_an_ad_is_named_as_the_origin() -> None:
    origin = arrived.read(payload("text_referral_ad")).origin

    assert origin is not None
    assert origin.headline


@pytest.mark.parametrize("body", [None, [], "x", 7, {"message": {"type": "edit"}}, {"contacts": [None]}])
@pytest.mark.parametrize("kind", [*arrived._READERS, "image", "hologram", None])
def test_odd_bodies_break_nothing(kind: str | None, body: object) -> None:
    shown = arrived.read({"type": kind, str(kind): body, "context": body, "referral": body})

    assert isinstance(shown.raw, str)


def test_reactions_are_on_their_message_and_the_last_counts(provider: Provider, thread: Conversation) -> None:
    sent = make.message(thread, "Olá", direction="outbound", whatsapp_message_id="wamid.OUT1", content={"kind": "text"})
    for index, emoji in enumerate(("👍", "❤️")):
        reaction = text(f"wamid.R{index}") | {"type": "reaction"}
        provider.bring(reaction | {"reaction": {"message_id": "wamid.OUT1", "emoji": emoji}})

    (item,) = bubbles(thread)
    assert (item.message, item.reactions) == (sent, ["❤️"])

    provider.bring(text("wamid.R9") | {"type": "reaction", "reaction": {"message_id": "wamid.OUT1"}})
    assert [item.reactions for item in bubbles(thread)] == [[]]


def test_a_reaction_to_something_else_is_a_bubble_of_its_own(provider: Provider, thread: Conversation) -> None:
    provider.bring(text("wamid.R") | {"type": "reaction", "reaction": {"message_id": "wamid.X", "emoji": "👍"}})

    (item,) = bubbles(thread)
    assert item.arrived is not None
    assert "👍" in item.arrived.said
    assert item.quote is not None
    assert item.quote.anchor == ""


def test_edits_show_the_new_text_and_keep_the_old(provider: Provider, thread: Conversation) -> None:
    provider.bring(text("wamid.1", "erado"))
    new = {"type": "text", "text": {"body": "certo"}}
    provider.bring(text("wamid.2") | {"type": "edit", "edit": {"original_message_id": "wamid.1", "message": new}})

    (item,) = bubbles(thread)
    assert item.is_edited
    assert item.arrived is not None
    assert item.former is not None
    assert (item.arrived.text, item.former.text) == ("certo", "erado")


def test_a_deleted_message_says_so(provider: Provider, thread: Conversation) -> None:
    provider.bring(text("wamid.1", "segredo"))
    provider.bring(text("wamid.2") | {"type": "revoke", "revoke": {"original_message_id": "wamid.1"}})

    assert [item.is_deleted for item in bubbles(thread)] == [True]


def test_nobody_edits_or_deletes_what_others_wrote(provider: Provider, thread: Conversation) -> None:
    make.message(thread, "Olá", direction="outbound", whatsapp_message_id="wamid.OUT1", content={"kind": "text"})
    provider.bring(text("wamid.2") | {"type": "revoke", "revoke": {"original_message_id": "wamid.OUT1"}})

    assert [item.is_deleted for item in bubbles(thread)] == [False, False]


def test_a_reply_quotes_what_it_answers(provider: Provider, thread: Conversation) -> None:
    sent = make.message(
        thread, "Qual o horário?", direction="outbound", whatsapp_message_id="wamid.OUT1", content={"kind": "text"}
    )
    provider.bring(text("wamid.1", "14h", context={"from": "551140040001", "id": "wamid.OUT1"}))

    quote = bubbles(thread)[-1].quote
    assert quote is not None
    assert (quote.text, quote.is_ours, quote.anchor) == ("Qual o horário?", True, f"m-{sent.pk}")


def test_messages_of_other_threads_are_not_quoted(provider: Provider, thread: Conversation) -> None:
    make.message(make.conversation(thread.number), "segredo", whatsapp_message_id="wamid.OTHER")
    provider.bring(text("wamid.1", "isso", context={"id": "wamid.OTHER"}))

    quote = bubbles(thread)[-1].quote
    assert quote is not None
    assert "segredo" not in quote.text


def test_phones_in_notices_are_for_those_who_may_see_phones(
    provider: Provider, thread: Conversation, organization: Organization
) -> None:
    provider.bring(payload("system_number_changed") | {"from": "5511987650001", "id": "wamid.S"})
    phone = payload("system_number_changed")["system"]["wa_id"]
    pages = {}
    for role in ("org_admin", "viewer"):
        client = Client()
        client.force_login(make.user(organization, role), backend="allauth.account.auth_backends.AuthenticationBackend")
        answer = client.get("/inbox/", {"view": "all", "c": str(Message.objects.get().conversation_id)})
        pages[role] = unescape(answer.content.decode())

    assert phone in pages["org_admin"]
    assert phone not in pages["viewer"]
