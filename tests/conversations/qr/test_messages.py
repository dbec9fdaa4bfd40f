"""Messages through a QR number in both directions, against the simulator over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from conversations import contacts
from conversations.contacts import Sender
from conversations.content import Button, Buttons, ListMenu, Row, Section
from conversations.models import ContactIdentity, MediaFile, Message, MessageStatusEvent, WebhookEvent, WhatsAppNumber
from conversations.simulator.evolution.posts import token
from tests.conversations.media.conftest import fetch
from tests.conversations.qr.conftest import ANA, Evolution, Say, drain, fresh, post

MENU = Buttons(body="Quando?", buttons=(Button(id="am", title="Manhã"), Button(id="pm", title="Tarde ☀️")))
ROWS = ListMenu(
    body="Qual exame?",
    button="Ver",
    sections=(Section(rows=(Row(id="r1", title="Sangue"), Row(id="r2", title="Raio X"))),),
)


def received(message_id: str) -> Message:
    return Message.objects.get(whatsapp_message_id=message_id)


def test_what_people_write_arrives(evolution: Evolution, number: WhatsAppNumber) -> None:
    wamid = evolution.write(number, "Bom dia")
    evolution.deliver()

    message = received(wamid)
    assert (message.text, message.direction, message.contact.profile_name) == ("Bom dia", "inbound", "Ana Souza")
    assert message.contact.identities.get().value == ANA


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"type": "image", "image": {"caption": "veja"}}, "image"),
        ({"type": "audio", "audio": {}}, "audio"),
        ({"type": "document", "document": {"filename": "exame.pdf"}}, "document"),
        ({"type": "sticker", "sticker": {}}, "sticker"),
        ({"type": "video", "video": {}}, "video"),
        ({"type": "location", "location": {"latitude": -23.5, "longitude": -46.6, "name": "Casa"}}, "location"),
        ({"type": "contacts", "contacts": [{"name": {"formatted_name": "Rui"}, "phones": []}]}, "contacts"),
        ({"type": "poll", "poll": {"name": "?"}}, "unsupported"),
    ],
)  # fmt: skip
def test_every_type_arrives_as_what_it_is(
    evolution: Evolution, number: WhatsAppNumber, content: dict[str, Any], kind: str
) -> None:
    wamid = evolution.write(number, **content)
    evolution.deliver()

    assert received(wamid).message_type == kind


def test_reactions_edits_and_deletions_are_kept(evolution: Evolution, number: WhatsAppNumber) -> None:
    wamid = evolution.write(number, "Quero 2")
    evolution.write(number, type="reaction", reaction={"message_id": wamid, "emoji": "👍"})
    new = {"type": "text", "text": {"body": "Quero 3"}}
    evolution.write(number, type="edit", edit={"original_message_id": wamid, "message": new})
    evolution.write(number, type="revoke", revoke={"original_message_id": wamid})
    evolution.deliver()

    kinds = {row.message_type: row.content for row in Message.objects.all()}
    assert kinds["reaction"]["reaction"] == {"message_id": wamid, "emoji": "👍"}
    assert kinds["edit"]["edit"]["message"]["text"]["body"] == "Quero 3"
    assert kinds["revoke"]["revoke"]["original_message_id"] == wamid


def test_a_text_leaves_and_climbs_by_its_key_id(evolution: Evolution, number: WhatsAppNumber, say: Say) -> None:
    message = say("Olá")
    drain(number)

    (sent,) = evolution.ledger()
    assert (sent["text"], sent["to"], sent["wamid"]) == ("Olá", ANA, fresh(message).whatsapp_message_id)
    assert (message.dispatch_state, message.status) == ("accepted", "queued")
    evolution.advance(3600 * 5)
    evolution.deliver()
    assert fresh(message).status in {"delivered", "read"}
    assert message.reconcile_until is None


def test_statuses_in_reverse_never_lower_a_message(evolution: Evolution, number: WhatsAppNumber, say: Say) -> None:
    identity = ContactIdentity.objects.get()
    identity.value = "5511999999004"
    identity.save()
    message = say()
    drain(number)
    evolution.advance(10)
    for event in evolution.deliver("messages.update"):
        assert event["data"]["keyId"] == fresh(message).whatsapp_message_id

    assert fresh(message).status == "read"
    assert MessageStatusEvent.objects.filter(message=message).count() == 3


def test_statuses_that_come_before_the_answer_are_kept(evolution: Evolution, number: WhatsAppNumber, say: Say) -> None:
    message = say()
    drain(number)
    evolution.advance(3600 * 5)
    wamid = fresh(message).whatsapp_message_id
    Message.objects.filter(pk=message.pk).update(
        whatsapp_message_id=None, dispatch_state="queued", attempts=0, reconcile_until=None
    )
    evolution.deliver("messages.update")

    assert MessageStatusEvent.objects.filter(whatsapp_message_id=wamid, message__isnull=True).exists()


def test_menus_leave_as_numbered_text(evolution: Evolution, number: WhatsAppNumber, say: Say) -> None:
    say(MENU)
    say(ROWS)
    drain(number)

    assert [row["text"] for row in evolution.ledger()] == [
        "Quando?\n\n1. Manhã\n2. Tarde ☀️",
        "Qual exame?\n\n1. Sangue\n2. Raio X",
    ]


@pytest.mark.parametrize(
    ("typed", "reply_id"),
    [
        ("2", "pm"), ("1.", "am"), ("manha", "am"), ("TARDE", "pm"), ("tar", "pm"), ("3", None), ("ok", None),
        ("ta", None),
    ],
)  # fmt: skip
def test_typed_answers_become_the_option(
    evolution: Evolution, number: WhatsAppNumber, say: Say, typed: str, reply_id: str | None
) -> None:
    say(MENU)
    drain(number)
    wamid = evolution.write(number, typed)
    evolution.deliver()

    reply = received(wamid).extra["reply"]
    assert reply.get("reply_id") == reply_id
    assert reply["kind"] == ("button" if reply_id else "text")
    assert received(wamid).text == typed


def test_a_number_after_something_else_was_said_is_just_a_number(
    evolution: Evolution, number: WhatsAppNumber, say: Say
) -> None:
    say(MENU)
    say("Quantas pessoas?")
    drain(number)
    wamid = evolution.write(number, "2")
    evolution.deliver()

    assert received(wamid).extra["reply"]["reply_id"] is None


def test_the_same_event_twice_is_one_message(evolution: Evolution, number: WhatsAppNumber) -> None:
    evolution.configure(duplicate=1.0)
    evolution.write(number, "Oi")
    assert len(evolution.deliver()) == 2

    assert Message.objects.count() == 1


def test_copies_of_own_sends_are_no_new_messages(evolution: Evolution, number: WhatsAppNumber, say: Say) -> None:
    say("Olá")
    drain(number)
    assert {event["event"] for event in evolution.deliver()} == {"send.message", "messages.upsert"}

    assert Message.objects.count() == 1


def test_what_is_typed_on_the_phone_is_shown_in_the_thread(evolution: Evolution, number: WhatsAppNumber) -> None:
    evolution.write(number, "Já respondo", from_me=True)
    evolution.deliver()

    message = Message.objects.get()
    assert (message.direction, message.status, message.text) == ("outbound", "sent", "Já respondo")
    assert message.extra == {"from_phone": True}
    assert drain(number) == 0


def test_people_known_by_lid_alone_can_be_answered(evolution: Evolution, number: WhatsAppNumber, say: Say) -> None:
    evolution.sim("users", id="lua", name="Lua", username="lua", hide_phone=True)
    wamid = evolution.write(number, "Oi", sender="lua")
    evolution.deliver()
    asked = received(wamid)
    assert [row.kind for row in asked.contact.identities.all()] == ["lid"]

    say("Olá, Lua", to=asked.conversation)
    drain(number)

    assert [row["user"] for row in evolution.ledger()] == ["lua"]


def test_a_lid_with_its_phone_is_the_same_person(evolution: Evolution, number: WhatsAppNumber) -> None:
    evolution.write(number, "Oi")
    evolution.configure(lid=1.0)
    evolution.write(number, "Oi de novo")
    evolution.deliver()

    assert len({message.contact_id for message in Message.objects.all()}) == 1
    assert {row.kind for row in ContactIdentity.objects.all()} == {"wa_id", "lid"}


def test_a_number_without_whatsapp_fails_with_its_reason(
    evolution: Evolution, number: WhatsAppNumber, say: Say
) -> None:
    evolution.sim("users", phone=ANA, on_whatsapp=False)
    message = say()
    drain(number)

    assert (fresh(message).dispatch_state, message.error_code) == ("failed", "NOT_ON_WHATSAPP")


def test_messages_wait_while_the_phone_is_not_linked(evolution: Evolution, number: WhatsAppNumber, say: Say) -> None:
    evolution.lose(number, 401)
    evolution.deliver()
    message = say()

    assert drain(number) == 0
    assert (fresh(message).dispatch_state, message.attempts) == ("queued", 0)


def test_a_session_between_two_connections_is_tried_again(
    evolution: Evolution, number: WhatsAppNumber, say: Say
) -> None:
    evolution.lose(number, 428)
    message = say()
    drain(number)
    assert (fresh(message).dispatch_state, message.attempts) == ("queued", 0)

    evolution.advance(3)
    drain(number, after=60)

    assert fresh(message).dispatch_state == "accepted"


@pytest.mark.parametrize("do", ["reset_after", "error_after", "garbage_200"])
def test_lost_answers_are_never_sent_again(evolution: Evolution, number: WhatsAppNumber, say: Say, do: str) -> None:
    evolution.sim("faults", match={"endpoint": "sendText"}, do=do)
    message = say()
    drain(number)
    drain(number, after=300)

    assert fresh(message).dispatch_state == "unknown"
    assert len(evolution.ledger()) == 1


def test_a_copy_tells_the_outcome_that_was_lost(evolution: Evolution, number: WhatsAppNumber, say: Say) -> None:
    evolution.sim("faults", match={"endpoint": "sendText"}, do="reset_after")
    message = say()
    drain(number)
    evolution.deliver()

    (sent,) = evolution.ledger()
    assert (fresh(message).dispatch_state, message.whatsapp_message_id) == ("accepted", sent["wamid"])
    assert Message.objects.count() == 1


def test_events_with_a_wrong_token_are_refused(evolution: Evolution, number: WhatsAppNumber) -> None:
    path, body = f"/api/v1/whatsapp/webhook/evolution/{number.pk}", b'{"event":"x"}'
    now = timezone.now().timestamp()
    before = WebhookEvent.objects.count()

    for authorization in ("", "Bearer x", f"Bearer {token('another-key', now=now)}"):
        assert post(path, body, authorization=authorization) == 401
    evolution.write(number)
    evolution.deliver(keep=True)
    good = evolution.letters.kept[-1][1]["Authorization"]
    elsewhere = "/api/v1/whatsapp/webhook/evolution/00000000-0000-7000-8000-000000000000"
    assert post(elsewhere, body, authorization=good) == 401
    assert post(path, body + b" " * 5_000_000, authorization=good) == 413
    assert WebhookEvent.objects.count() == before + 1


def test_odd_events_are_kept_and_do_not_stop_the_others(evolution: Evolution, number: WhatsAppNumber) -> None:
    wamid = evolution.write(number, "Oi")
    evolution.deliver(keep=True)
    path, headers, body = evolution.letters.kept[-1]
    whole = json.loads(body)
    for data in (None, [], {"key": None}, {"key": {"remoteJid": 5}, "message": "x"}, {"status": "READ"}, [1, {}]):
        for event in (
            "messages.upsert",
            "messages.update",
            "messages.edited",
            "connection.update",
            "qrcode.updated",
            "?",
        ):
            odd = json.dumps({**whole, "event": event, "data": data}).encode()
            assert post(path, odd, authorization=headers["Authorization"]) == 200
    assert post(path, b"not json", authorization=headers["Authorization"]) == 200
    second = evolution.write(number, "Ainda aí?")
    evolution.deliver("messages.upsert")

    assert received(wamid).text == "Oi"
    assert received(second).text == "Ainda aí?"


def test_files_come_from_the_session(
    evolution: Evolution, number: WhatsAppNumber, settings: Settings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    evolution.write(number, type="image", image={"caption": "veja"})
    evolution.deliver()
    assert fetch() == 1

    row = MediaFile.objects.get()
    assert (row.state, row.mime_type) == ("stored", "image/png")


def test_known_people_keep_their_contact(evolution: Evolution, number: WhatsAppNumber) -> None:
    sender = Sender(addresses=(("wa_id", "551187650001"),))
    (known,) = contacts.resolve([sender], organization_id=number.organization_id, now=timezone.now())
    wamid = evolution.write(number, "Oi", sender="5511987650001")
    evolution.deliver()

    assert known is not None
    assert received(wamid).contact_id == known.pk
