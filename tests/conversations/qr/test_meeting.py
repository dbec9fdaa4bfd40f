"""Numbers paired by QR code among the others: pages and endpoints of numbers, files of ours, health."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversations import breakers, lanes, outbox
from conversations.content import Attachment, Button, Buttons, Contacts, File, LinkButton, Person
from conversations.media import outgoing
from conversations.models import Conversation, MediaUpload, WhatsAppNumber
from conversations.official import registration
from conversations.qr import watch
from pytake.accounts.models import User
from pytake.core.errors import ConflictError
from tests.conversations.qr.conftest import Evolution, Say, drain, fresh

ClientAs = Callable[[User], Client]
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 100


@pytest.fixture
def storage(settings: Settings, tmp_path: Path) -> None:
    """Files go to a folder of the test."""
    settings.MEDIA_ROOT = str(tmp_path)


def test_the_list_leads_to_the_wizard_and_the_number_to_its_link(
    evolution: Evolution, waiting_number: WhatsAppNumber, admin: User, client_as: ClientAs
) -> None:
    client = client_as(admin)
    listed = client.get("/inbox/numbers/").content.decode()
    tab = client.get(f"/inbox/numbers/{waiting_number.pk}/connection/").content.decode()

    assert 'href="/inbox/numbers/qr/new/"' in listed
    assert f'href="/inbox/numbers/{waiting_number.pk}/connect/"' in tab
    assert "/credentials/" not in tab
    assert "/disconnect/" not in tab


@pytest.mark.parametrize("tab", ["credentials/", "profile/"])
def test_it_has_no_credentials_at_whatsapp(
    evolution: Evolution, number: WhatsAppNumber, admin: User, client_as: ClientAs, tab: str
) -> None:
    client = client_as(admin)

    assert client.get(f"/inbox/numbers/{number.pk}/{tab}").status_code == 404
    for deed in ("credentials/token/", "test/", "webhook/"):
        assert client.post(f"/inbox/numbers/{number.pk}/{deed}").status_code == 404
    with pytest.raises(ConflictError):
        registration.test(number, now=timezone.now())


@pytest.mark.parametrize("tab", ["health/", "", "limits/"])
def test_its_other_tabs_open(
    evolution: Evolution, number: WhatsAppNumber, admin: User, client_as: ClientAs, tab: str
) -> None:
    assert client_as(admin).get(f"/inbox/numbers/{number.pk}/{tab}").status_code == 200


def test_disconnecting_logs_the_phone_out(
    evolution: Evolution, number: WhatsAppNumber, admin: User, client_as: ClientAs
) -> None:
    client_as(admin).post(f"/inbox/numbers/{number.pk}/disconnect/")

    number.refresh_from_db()
    assert (number.status, number.is_active) == ("disconnected", True)
    assert evolution.server.sim.evolution.instances[number.evolution_instance_name or ""].state == "close"


def test_deleting_removes_the_session_and_the_keys(
    evolution: Evolution, number: WhatsAppNumber, admin: User, client_as: ClientAs
) -> None:
    client_as(admin).post(f"/inbox/numbers/{number.pk}/delete/", {"confirmation": number.display_name})

    number.refresh_from_db()
    assert number.deleted_at is not None
    assert (number.evolution_api_key_envelope, number.evolution_webhook_key_envelope) == ("", "")
    assert evolution.server.sim.evolution.instances == {}


def test_files_of_ours_leave_with_their_bytes(
    evolution: Evolution, number: WhatsAppNumber, say: Say, storage: None
) -> None:
    file = outgoing.add(ContentFile(PNG, name="sala.png"), organization=number.organization, by=None)
    message = say(File(kind="image", asset=str(file.pk), caption="A sala"))
    drain(number)

    assert fresh(message).dispatch_state == "accepted"
    (sent,) = evolution.ledger()
    assert (sent["type"], sent["text"]) == ("image", "A sala")
    assert sent["body"]["request"]["media"].startswith("iVBORw0KGg")
    assert sent["body"]["request"]["mimetype"] == "image/png"
    assert not MediaUpload.objects.exists()


def test_a_file_that_is_gone_fails_alone(evolution: Evolution, number: WhatsAppNumber, say: Say, storage: None) -> None:
    file = outgoing.add(ContentFile(PNG, name="sala.png"), organization=number.organization, by=None)
    lost, text = say(File(kind="image", asset=str(file.pk))), say("Olá")
    type(file).objects.update(storage_key="nowhere/at-all")
    drain(number)

    assert (fresh(lost).dispatch_state, lost.error_code) == ("failed", "no_file")
    assert fresh(text).dispatch_state == "accepted"


def test_what_needs_buttons_leaves_as_text_and_cards_as_cards(
    evolution: Evolution, number: WhatsAppNumber, say: Say
) -> None:
    say(LinkButton(body="Veja o mapa", title="Abrir", url="https://example.com/mapa"))
    header = Attachment(kind="image", link="https://example.com/sala.png")
    say(Buttons(body="Gostou?", buttons=(Button(id="s", title="Sim"),), header=header))
    say(Contacts(people=(Person(name="Rui Alves", first_name="Rui", phones=("+55 11 98765-0009",)),)))
    drain(number)

    first, second, third = evolution.ledger()
    assert first["text"] == "Veja o mapa\n\nAbrir: https://example.com/mapa"
    assert second["text"] == "🖼️ https://example.com/sala.png\n\nGostou?\n\n1. Sim"
    card = {"fullName": "Rui Alves", "phoneNumber": "+55 11 98765-0009", "wuid": "5511987650009"}
    assert third["body"]["request"]["contact"] == [card]


def test_only_connected_numbers_have_a_turn(evolution: Evolution, number: WhatsAppNumber, say: Say) -> None:
    say()
    assert [row.number_id for row in lanes.waiting(timezone.now())] == [number.pk]

    WhatsAppNumber.objects.filter(pk=number.pk).update(status="disconnected")

    assert lanes.waiting(timezone.now()) == []


def test_a_backlog_of_first_contacts_is_not_put_off_one_by_one(
    evolution: Evolution, number: WhatsAppNumber, say: Say
) -> None:
    Conversation.objects.update(window_expires_at=None)
    rows = [say(f"{index}", priority=outbox.CAMPAIGN) for index in range(20)]
    drain(number)

    states = [(fresh(row).dispatch_state, row.not_before is None) for row in rows]
    assert states.count(("accepted", True)) == 10
    assert states.count(("queued", False)) <= 5


def test_breakers_do_not_hide_that_sends_are_not_acknowledged(
    evolution: Evolution, number: WhatsAppNumber, say: Say
) -> None:
    evolution.configure(pending=1.0)
    say()
    drain(number)
    now = timezone.now() + timedelta(seconds=61)
    watch.mark_overdue(now=now)
    number.refresh_from_db()

    breakers.announce(number, [], [], now=now)

    number.refresh_from_db()
    assert (number.health_state, number.health_reasons[0]["code"]) == ("degraded", "no_ack")
