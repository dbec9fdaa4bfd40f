"""Deliveries with many items, bad items, foreign items: nothing is dropped and nothing stops the rest."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from conversations.models import Contact, ContactIdentity, Message, UnhandledMessage, WebhookEvent, WebhookItem
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy
from tests.conversations.channel.conftest import (
    ANA,
    SECRET,
    Json,
    Provider,
    add_number,
    change,
    encode,
    envelope,
    process,
    status,
    text,
)

pytestmark = pytest.mark.django_db
# PostgreSQL refuses to index so long a value; nothing before the database notices.
POISON = "wamid." + secrets.token_hex(8000)


def wamids() -> list[str | None]:
    return list(Message.objects.order_by("id").values_list("whatsapp_message_id", flat=True))


def persons(count: int) -> list[str]:
    return [f"55119{number:08d}" for number in range(70_000_000, 70_000_000 + count)]


@pytest.mark.slow
def test_a_poisonous_item_fails_alone_in_a_thousand(provider: Provider) -> None:
    items = [text(f"wamid.{n:04d}", sender=person) for n, person in enumerate(persons(1000))]
    items[500] = text(POISON, sender=items[500]["from"])

    for _ in range(2):
        provider.post(change(messages=items))
        process()

    expected = [item["id"] for item in items if item["id"] != POISON]
    assert wamids() == expected
    assert Contact.objects.count() == 999
    dead = WebhookItem.objects.get()
    assert (dead.state, dead.kind) == ("dead", "message")
    assert dead.payload["item"]["id"] == POISON
    assert "Error" in dead.error
    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {"done"}


def test_a_poisonous_status_fails_alone(provider: Provider) -> None:
    provider.post(change(messages=[text("wamid.A")], statuses=[status(POISON, "sent"), status("wamid.B", "sent")]))
    process()

    assert wamids() == ["wamid.A"]
    assert WebhookItem.objects.get(state="dead").payload["item"]["id"] == POISON


def deep(levels: int) -> Any:
    value: Any = "x\0"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "poison",
    [
        text("wamid.P", sender="5" * 300),
        {**text("wamid.P"), "text": deep(300)},
        {**text("wamid.P"), "text": deep(700)},
        {**text("wamid.P"), "huge": 10**30},
        {**text("wamid.P"), "type": "x" * 300, "nothing": float("nan")},
        {**text("wamid.P"), "from_user_id": "BR." + "a" * 300},
        {**text("wamid.P"), "timestamp": "99999999999"},
        {**text("wamid.P"), "context": 7, "text": "no object"},
        {**text("wamid.P"), "from": {"a": 1}, "timestamp": {}},
        {"id": "wamid.P"},
        {"id": ["wamid.P"], "from": ANA},
        {"id": "", "from": ANA},
        {},
        "a text",
        None,
        7,
    ],
)
def test_an_item_without_sense_never_blocks_the_number(provider: Provider, poison: Any) -> None:
    provider.post(change(messages=[text("wamid.A"), poison, text("wamid.B")]))
    provider.post(change(messages=[text("wamid.C")]))

    process()

    assert not WebhookEvent.objects.filter(state="new").exists()
    kept = [name for name in wamids() if name != "wamid.P"]
    unreadable = WebhookEvent.objects.filter(state="dead")
    assert kept == (["wamid.C"] if unreadable.exists() and len(kept) == 1 else ["wamid.A", "wamid.B", "wamid.C"])
    shown = (
        unreadable.count() + WebhookItem.objects.count() + Message.objects.filter(whatsapp_message_id="wamid.P").count()
    )
    assert shown == 1


@pytest.mark.parametrize(
    "raw",
    [
        b'{"entry":[{"changes":[{"field":"messages","value":' + b"[" * 2000 + b"]" * 2000 + b"}]}]}",
        b'{"entry":[{"changes":[{"field":"messages","value":' + b"[" * 900 + b'"\\u0000"' + b"]" * 900 + b"}]}]}",
        b'{"entry":[{"changes":[{"field":"x","value":' + b"[" * 400 + b"]" * 400 + b"}]}]}",
        b'{"entry":[{"changes":[{"field":"x","value":{"n":1e999,"m":' + b"9" * 400 + b"}}]}]}",
        b'{"entry":[{"changes":[{"field":"x","value":{"n":NaN,"s":"\\ud800"}}]}]}',
        b'{"entry":[{"changes":[{"field":"x","value":{"n":123456789012345678901234567890,"s":"\\ud800"}}]}]}',
        b'{"entry":[{"changes":[{"field":"x","value":{"s":"\xed\xa0\x80"}}]}]}',
        '{"entry":[{"changes":[{"field":"x","value":{"s":"\\ud800"}}]}]}'.encode("utf-16"),
        b'{"entry":[null,1,"x",[],{"changes":null},{"changes":[null,1,"x",[],{}]}]}',
        b'{"entry":[{"changes":[{"field":"messages","value":null},{"field":"messages","value":{"metadata":[]}}]}]}',
        b'{"entry":[{"changes":[{"field":null,"value":{"messages":"x","statuses":{},"contacts":[1]}}]}]}',
    ],
)
def test_a_body_without_sense_never_blocks_the_number(provider: Provider, raw: bytes) -> None:
    assert provider.post_raw(raw).status_code == 200
    provider.post(change(messages=[text("wamid.A")]))

    process()

    assert wamids() == ["wamid.A"]
    odd = WebhookEvent.objects.order_by("id")[0]
    assert bytes(odd.raw_body) == raw
    assert odd.state == "dead" or WebhookItem.objects.filter(event=odd).exists()


@pytest.mark.parametrize("name", ["O\0la", "\ud83d", "Ana \ude00!", "\0"])
def test_null_bytes_and_lone_surrogates_are_removed_wherever_they_are(provider: Provider, name: str) -> None:
    cleaned = "".join(letter for letter in name if letter != "\0" and not "\ud800" <= letter <= "\udfff")
    person = {"profile": {"name": name, "username": name}, "wa_id": ANA}
    provider.post(change(contacts=[person], messages=[text("wamid.A", name, extra={name: [name]})]))
    provider.post(change(statuses=[status("wamid.X", "failed", errors=[{"title": name}])]))
    provider.post(change(field=f"new{name}", anything=name))

    process()

    message = Message.objects.get()
    assert (message.text, message.content["extra"]) == (cleaned, {cleaned: [cleaned]})
    assert Contact.objects.get().profile_name == cleaned
    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {"done"}
    assert WebhookItem.objects.get().payload["item"]["change"]["value"]["anything"] == cleaned


def test_an_unknown_number_is_set_aside_whole(provider: Provider) -> None:
    item = text("wamid.A")
    provider.post(change(phone_id="999", messages=[item]))

    process()

    kept = WebhookItem.objects.get()
    assert (kept.state, kept.number, kept.payload) == ("parked", None, {"phone_number_id": "999", "item": item})
    assert not Message.objects.exists()


def test_entries_changes_and_items_are_all_read(provider: Provider) -> None:
    body = {
        "object": "whatsapp_business_account",
        "entry": [
            envelope(change(messages=[text("wamid.1"), text("wamid.2")]), change(messages=[text("wamid.3")]))["entry"][
                0
            ],
            envelope(change(statuses=[status("wamid.X", "sent")], messages=[text("wamid.4")]))["entry"][0],
        ],
    }
    assert provider.post_raw(encode(body)).status_code == 200
    process()
    assert wamids() == ["wamid.1", "wamid.2", "wamid.3", "wamid.4"]


def test_the_contacts_block_is_matched_by_address_not_by_place(provider: Provider) -> None:
    bia = "5511987650002"
    people = [{"wa_id": bia, "profile": {"name": "Bia"}}, {"wa_id": ANA, "profile": {"name": "Ana"}}]
    provider.post(change(contacts=people, messages=[text("wamid.A"), text("wamid.B", sender=bia)]))
    process()
    named = dict(Message.objects.values_list("whatsapp_message_id", "contact__profile_name"))
    assert named == {"wamid.A": "Ana", "wamid.B": "Bia"}


def test_one_person_with_and_without_the_ninth_digit_is_one_contact(provider: Provider) -> None:
    provider.bring(text("wamid.A", sender="5511987650001"), text("wamid.B", sender="551187650001"))
    provider.bring(text("wamid.C", sender="+5511987650001"))
    assert (Contact.objects.count(), ContactIdentity.objects.count(), Message.objects.count()) == (1, 1, 3)


def test_a_repeat_inside_one_post_and_across_posts_is_one_message(provider: Provider) -> None:
    for _ in range(3):
        provider.post(change(messages=[text("wamid.A", at=1795000000), text("wamid.A", at=1795000000)]))
    process()
    provider.bring(text("wamid.A", at=1795000000))

    thread = Message.objects.get().conversation
    assert (thread.total_messages, thread.messages_from_contact) == (1, 1)
    assert Contact.objects.get().total_messages_received == 1
    assert UnhandledMessage.objects.count() == 1


# --- several numbers and organizations --------------------------------------------------------


def test_several_numbers_of_one_secret_are_served_by_one_post(provider: Provider, organization: Organization) -> None:
    add_number(organization, phone_id="100000000000002")
    provider.post(
        change(messages=[text("wamid.1")]),
        change(phone_id="100000000000002", messages=[text("wamid.2")]),
        change(messages=[text("wamid.3")]),
    )
    process()
    found = dict(Message.objects.values_list("whatsapp_message_id", "number__phone_number_id"))
    assert found == {"wamid.1": "100000000000001", "wamid.2": "100000000000002", "wamid.3": "100000000000001"}


def mixed(first: Json, second: Json) -> bytes:
    return encode(envelope(change(messages=[first]), change(phone_id="100000000000009", messages=[second])))


def test_a_number_whose_secret_did_not_sign_is_set_aside(provider: Provider, organization: Organization) -> None:
    add_number(organization, phone_id="100000000000009", secret="another")

    assert provider.post_raw(mixed(text("wamid.1"), text("wamid.2")), secret=SECRET).status_code == 200
    process()

    assert wamids() == ["wamid.1"]
    assert WebhookItem.objects.get().payload["item"]["id"] == "wamid.2"

    assert provider.post_raw(mixed(text("wamid.1"), text("wamid.2")), secret="another").status_code == 200
    process()
    assert set(wamids()) == {"wamid.1", "wamid.2"}


def test_an_organization_cannot_write_into_another(provider: Provider, other_organization: Organization) -> None:
    add_number(other_organization, phone_id="100000000000009", secret="theirs")

    # The other organization signs a post that names our number too.
    assert provider.post_raw(mixed(text("wamid.FORGED"), text("wamid.2")), secret="theirs").status_code == 200
    process()

    assert not Message.objects.exists()
    assert not WebhookItem.objects.exists()
    assert not WebhookEvent.objects.exists()
    with tenancy.organization_context(other_organization.pk):
        assert wamids() == ["wamid.2"]
        assert WebhookItem.objects.get().payload["item"]["id"] == "wamid.FORGED"


def test_one_post_of_one_secret_serves_each_organization_its_own(
    provider: Provider, other_organization: Organization
) -> None:
    add_number(other_organization, phone_id="100000000000009", secret=SECRET)

    unknown = change(phone_id="777", messages=[text("wamid.3", at=1)])
    ours, theirs = (
        change(messages=[text("wamid.1", at=1)]),
        change(phone_id="100000000000009", messages=[text("wamid.2")]),
    )
    for _ in range(2):
        provider.post(theirs, unknown, ours)
        process()

    assert (wamids(), WebhookItem.objects.count()) == (["wamid.1"], 0)
    with tenancy.organization_context(other_organization.pk):
        assert wamids() == ["wamid.2"]
        # What nobody owns is kept once.
        assert WebhookItem.objects.get().payload["item"]["id"] == "wamid.3"


def test_the_bytes_of_a_shared_delivery_are_not_shown_to_either_organization(
    provider: Provider, other_organization: Organization, admin: User, client_as: Callable[[User], Client]
) -> None:
    add_number(other_organization, phone_id="100000000000009", secret=SECRET)
    provider.post(change(messages=[text("wamid.1", "open")]))
    assert provider.post_raw(mixed(text("wamid.1"), text("wamid.2", "secret of theirs"))).status_code == 200

    pages = [
        client_as(admin).get(f"/admin/conversations/webhookevent/{event.pk}/change/").content.decode()
        for event in WebhookEvent.objects.order_by("id")
    ]

    assert ["wamid.1" in page for page in pages] == [True, False]
    assert ["wamid.2" in page for page in pages] == [False, False]


def test_the_same_ids_in_two_organizations_are_two_messages(
    provider: Provider, other_organization: Organization
) -> None:
    add_number(other_organization, phone_id="100000000000009", secret="theirs")
    provider.bring(text("wamid.1"))
    provider.bring(text("wamid.1"), phone_id="100000000000009", secret="theirs")

    ours = Message.objects.get()
    with tenancy.organization_context(other_organization.pk):
        theirs = Message.objects.get()
        assert theirs.contact.pk != ours.contact_id
        assert not Message.objects.filter(pk=ours.pk).exists()


def test_what_names_no_number_is_kept_by_the_owner_of_the_secret(
    provider: Provider, other_organization: Organization
) -> None:
    add_number(other_organization, phone_id="100000000000009", secret="theirs")
    body = {"entry": [{"id": "1", "changes": [{"field": "account_update", "value": {"event": "VERIFIED_ACCOUNT"}}]}]}

    assert Provider(Client()).post_raw(json.dumps(body).encode(), secret="theirs").status_code == 200
    process()

    assert not WebhookItem.objects.exists()
    with tenancy.organization_context(other_organization.pk):
        assert WebhookItem.objects.get().kind == "account"
