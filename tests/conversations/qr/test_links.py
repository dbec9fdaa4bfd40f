"""Linking a phone: codes, states, what breaks a link, against the simulator over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from conversations.models import QrLink, WhatsAppNumber
from conversations.qr import links
from pytake.accounts.models import AuditEntry, Organization, User
from tests.conversations.qr.conftest import SHOP, Evolution

S = WhatsAppNumber.Status
P = QrLink.Problem


def link(number: WhatsAppNumber) -> QrLink:
    number.refresh_from_db()
    return QrLink.objects.get(number=number)


def test_a_new_number_shows_a_code_at_once(evolution: Evolution, waiting_number: WhatsAppNumber) -> None:
    shown = link(waiting_number)

    assert waiting_number.status == S.CONNECTING
    assert shown.code.startswith("2@")
    assert evolution.sim("evolution")["data"][0]["state"] == "connecting"


def test_codes_are_renewed_by_the_servers_events(evolution: Evolution, waiting_number: WhatsAppNumber) -> None:
    evolution.deliver()
    first = link(waiting_number).code

    evolution.advance(31)
    evolution.deliver()

    assert link(waiting_number).code not in {"", first}


def test_with_a_phone_there_is_a_pairing_code_too(
    evolution: Evolution, waiting_number: WhatsAppNumber, admin: User
) -> None:
    links.begin(waiting_number, phone=SHOP, by=admin, now=timezone.now())

    assert len(link(waiting_number).pairing_code) == 8


def test_scanning_connects_the_number(evolution: Evolution, waiting_number: WhatsAppNumber) -> None:
    evolution.scan(waiting_number)
    evolution.deliver()

    shown = link(waiting_number)
    assert (waiting_number.status, waiting_number.phone_number) == (S.CONNECTED, SHOP)
    assert (shown.code, shown.problem) == ("", P.NONE)
    assert shown.linked_since is not None


def test_a_page_that_waits_finds_out_without_webhooks(evolution: Evolution, waiting_number: WhatsAppNumber) -> None:
    evolution.scan(waiting_number)

    links.check(waiting_number, now=timezone.now() + timedelta(seconds=10))

    assert link(waiting_number).code == ""
    assert (waiting_number.status, waiting_number.phone_number) == (S.CONNECTED, SHOP)


def test_the_server_is_asked_once_in_a_while_only(evolution: Evolution, waiting_number: WhatsAppNumber) -> None:
    evolution.scan(waiting_number)

    links.check(waiting_number, now=timezone.now())

    assert link(waiting_number).number.status == S.CONNECTING


def test_codes_end_at_the_limit_with_a_plain_reason(evolution: Evolution, waiting_number: WhatsAppNumber) -> None:
    evolution.configure(qr_limit=2)
    evolution.advance(31)
    evolution.advance(31)
    evolution.deliver()

    shown = link(waiting_number)
    assert (shown.code, shown.problem) == ("", P.LIMIT)
    assert waiting_number.status == S.DISCONNECTED


def test_trying_again_after_the_limit_shows_a_new_code(
    evolution: Evolution, waiting_number: WhatsAppNumber, admin: User
) -> None:
    evolution.configure(qr_limit=1)
    evolution.advance(31)
    evolution.deliver()

    links.begin(waiting_number, by=admin, now=timezone.now())

    assert link(waiting_number).code
    assert waiting_number.status == S.CONNECTING


def test_a_phone_that_removes_the_device_disconnects(evolution: Evolution, number: WhatsAppNumber) -> None:
    evolution.lose(number, 401)
    evolution.deliver()

    assert link(number).problem == P.LOGGED_OUT
    assert number.status == S.DISCONNECTED


@pytest.mark.parametrize("code", [428, 515])
def test_passing_breaks_come_back_by_themselves(evolution: Evolution, number: WhatsAppNumber, code: int) -> None:
    evolution.lose(number, code)
    evolution.advance(3)
    evolution.deliver()

    assert link(number).problem == P.NONE
    assert number.status == S.CONNECTED


def test_an_event_that_comes_late_does_not_undo_a_newer_one(evolution: Evolution, number: WhatsAppNumber) -> None:
    evolution.lose(number, 428)
    evolution.advance(3)
    evolution.deliver()
    evolution.advance(5)
    evolution.lose(number, 401)
    evolution.deliver(keep=True)
    late = [row for row in evolution.letters.kept if b'"connection.update"' in row[2]]
    path, headers, body = late[0]
    changed = body.replace(b'"state":"close"', b'"state":"open"').replace(b"2026-", b"2020-")

    evolution.letters.kept = [(path, headers, changed)]
    evolution.deliver()

    assert link(number).problem == P.LOGGED_OUT
    assert number.status == S.DISCONNECTED


def test_another_phone_is_not_taken(evolution: Evolution, number: WhatsAppNumber, admin: User) -> None:
    evolution.lose(number, 401)
    evolution.deliver()
    links.begin(number, by=admin, now=timezone.now())
    evolution.sim("evolution", instance=number.evolution_instance_name, pair=True, phone="5521940001111")
    evolution.deliver()

    assert link(number).problem == P.OTHER_PHONE
    assert (number.status, number.phone_number) == (S.ERROR, SHOP)


def test_disconnecting_logs_the_phone_out(evolution: Evolution, number: WhatsAppNumber, admin: User) -> None:
    assert links.disconnect(number, by=admin, now=timezone.now())

    assert link(number).problem == P.NONE
    assert number.status == S.DISCONNECTED
    assert evolution.sim("evolution")["data"][0]["state"] == "close"
    assert AuditEntry.objects.filter(action="number.disconnected").exists()


def test_a_wrong_key_is_told(
    evolution: Evolution, waiting_number: WhatsAppNumber, admin: User, settings: Settings
) -> None:
    settings.EVOLUTION_API_KEY = "wrong"
    links.begin(waiting_number, by=admin, now=timezone.now())

    assert link(waiting_number).problem == P.KEY
    assert waiting_number.status == S.ERROR


def test_a_server_that_is_away_is_told(in_organization: Organization, admin: User, settings: Settings) -> None:
    settings.EVOLUTION_BASE_URL = "http://127.0.0.1:9/evolution"
    settings.EVOLUTION_API_KEY = "key"
    settings.EGRESS_ALLOWED_ORIGINS = ["http://127.0.0.1:9"]
    number = links.create(in_organization, display_name="Loja", by=admin, now=timezone.now())

    links.begin(number, by=admin, now=timezone.now())

    assert link(number).problem == P.UNREACHABLE


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080",
        "http://10.0.0.7",
        "http://[::ffff:192.168.0.1]/",
        "ftp://example.com",
        "http://u:p@example.com",
        "https://example.com:25",
    ],
)
def test_addresses_in_private_networks_are_refused(in_organization: Organization, admin: User, url: str) -> None:
    with pytest.raises(links.ServerAddressError):
        links.create(in_organization, display_name="Loja", server_url=url, api_key="k", by=admin, now=timezone.now())


def test_a_name_that_leads_into_a_private_network_is_not_called(in_organization: Organization, admin: User) -> None:
    number = links.create(
        in_organization,
        display_name="Loja",
        server_url="http://localhost:8099",
        api_key="k",
        by=admin,
        now=timezone.now(),
    )

    links.begin(number, by=admin, now=timezone.now())

    assert link(number).problem == P.UNREACHABLE
    assert "private_address" in number.status_reason
