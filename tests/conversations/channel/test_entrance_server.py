"""The fast entrance in a real server: whatever is killed, what was answered 200 is stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from conversations.models import WebhookEvent, WhatsAppNumber
from pytake.accounts.models import Organization
from pytake.infra import tenancy
from tests import make
from tests.conversations.channel.conftest import PATH, add_number, change, encode, envelope, process, text
from tests.conversations.channel.crowd import Crowd, connect
from tests.conversations.channel.test_group_commit import open_connection
from tests.notifications.server import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def number(transactional_db: None) -> Iterator[WhatsAppNumber]:
    organization: Organization = make.organization(name="Clínica Aurora")
    with tenancy.organization_context(organization.pk):
        yield add_number(organization)


@pytest.fixture
def server(number: WhatsAppNumber, tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path / "output")
    running.start()
    yield running
    running.stop()


def stored() -> set[bytes]:
    with tenancy.platform_scope("test"):
        return {bytes(raw) for raw in WebhookEvent.objects.values_list("raw_body", flat=True)}


def a_text(key: str) -> bytes:
    return encode(envelope(change(messages=[text(f"wamid.{key}", at=1795000000)])))


@pytest.mark.parametrize("how", [Server.kill, Server.stop], ids=["kill -9", "stop"])
def test_a_process_that_ends_in_the_middle_has_stored_what_it_answered(
    server: Server, how: Callable[[Server], None]
) -> None:
    with Crowd(server.port, a_text) as crowd:
        crowd.until(200)
        how(server)
        server.start()
        crowd.until(400)

    assert crowd.accepted() <= stored()
    assert set(crowd.answers.values()) == {200}


def test_a_database_that_hangs_up_again_and_again_loses_nothing(server: Server) -> None:
    with Crowd(server.port, a_text) as crowd, open_connection() as other:
        for round_ in range(1, 11):
            crowd.until(round_ * 50)
            hang_up(other)

    assert crowd.accepted() <= stored()
    assert set(crowd.answers.values()) <= {200, 503}
    assert process() >= len(crowd.accepted())


def hang_up(other: psycopg.Connection[tuple[object, ...]]) -> None:
    """End every session that stores deliveries, amid its statement or between two."""
    other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND query LIKE '%INTO conversations_webhookevent%' AND pid <> pg_backend_pid()"
    )
    other.commit()


def test_the_handshake_is_django_s_and_errors_say_which_request(server: Server) -> None:
    query = "?hub.mode=subscribe&hub.verify_token=verify-100000000000001&hub.challenge=7"
    with closing(connect(server.port)) as client:
        client.request("GET", PATH + query)
        assert client.getresponse().read() == b"7"

        client.request("POST", PATH, b"{}", {"X-Hub-Signature-256": "sha256=" + "0" * 64})
        response = client.getresponse()

        assert (response.status, response.headers["Connection"]) == (401, "close")
        assert json.loads(response.read())["error"]["request_id"] == response.headers["X-Request-Id"]


def test_a_body_beyond_4_mb_is_refused_before_it_is_sent(server: Server) -> None:
    with closing(connect(server.port)) as client:
        client.putrequest("POST", PATH)
        client.putheader("Content-Length", str(4 * 1024 * 1024 + 1))
        client.putheader("X-Hub-Signature-256", "sha256=" + "0" * 64)
        client.endheaders()  # and nothing of the body
        response = client.getresponse()

        assert (response.status, json.loads(response.read())["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
