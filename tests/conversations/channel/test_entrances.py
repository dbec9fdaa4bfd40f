"""Two entrances for the provider's posts, one behaviour: the same bodies, the same answers, the same rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as our_settings
from django.db import connection, connections
from prometheus_client import REGISTRY
from pytest_django import Settings

from conversations import numbers
from conversations.models import Message, WebhookEvent, WhatsAppNumber
from pytake.accounts.models import Organization
from pytake.infra import tenancy
from pytake.infra.ids import new_id
from tests import make
from tests.conversations.channel.conftest import add_number, change, encode, envelope, free_port, process, text
from tests.conversations.channel.doors import Door, Fast, Post, View

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
THEIRS = "100000000000009"
STRANGERS = "999999999999999"
BODY = encode(envelope(change(messages=[text("wamid.A", at=1795000000)])))
FOR_BOTH = encode(
    envelope(
        change(messages=[text("wamid.A", at=1795000000)]),
        change(phone_id=THEIRS, messages=[text("wamid.B", at=1795000000)]),
    )
)
FORGED = encode([{"phone_number_id": str(10**14 + index)} for index in range(5000)])
TOO_LONG = str(our_settings.WEBHOOK_MAX_BYTES + 1)
INVALID = (401, "WEBHOOK_INVALID_SIGNATURE")
RECEIVED = (200, "")

TABLE: dict[str, tuple[Post, tuple[int, str]]] = {
    "genuine": (Post(raw=BODY), RECEIVED),
    "the other path": (Post(raw=BODY, path="/api/v1/webhooks/meta"), RECEIVED),
    "with a slash": (Post(raw=BODY, path="/api/v1/whatsapp/webhook/"), RECEIVED),
    "an odd agent": (Post(raw=BODY, agent="é" * 400), RECEIVED),
    "the previous secret": (Post(raw=BODY, secret="previous"), RECEIVED),
    "no number": (Post(raw=b'{"object":"whatsapp_business_account","entry":[]}'), RECEIVED),
    "a number of nobody": (Post(raw=encode(envelope(change(phone_id=STRANGERS)))), RECEIVED),
    "nothing": (Post(raw=b""), RECEIVED),
    "no JSON": (Post(raw=b"\xff\0{"), RECEIVED),
    "NUL and quotes": (Post(raw=BODY + b"\0'\\\"" * 9), RECEIVED),
    "the largest": (Post(raw=BODY + b" " * 3 * 1024 * 1024), RECEIVED),
    "two organizations": (Post(raw=FOR_BOTH, secret="shared"), RECEIVED),
    "no signature": (Post(raw=BODY, signature=""), INVALID),
    "another algorithm": (Post(raw=BODY, signature="sha1=" + "0" * 40), INVALID),
    "a wrong digest": (Post(raw=BODY, signature="sha256=" + "0" * 64), INVALID),
    "another secret": (Post(raw=BODY, secret="wrong"), INVALID),
    "their secret for ours": (Post(raw=BODY, secret="theirs"), INVALID),
    "a secret of long ago": (Post(raw=BODY, secret="long ago"), INVALID),
    "5,000 numbers": (Post(raw=FORGED, secret="wrong"), INVALID),
    "no length": (Post(raw=BODY, length=""), (411, "VALIDATION_ERROR")),
    "no number for a length": (Post(raw=BODY, length="-5"), (411, "VALIDATION_ERROR")),
    "too long": (Post(raw=BODY, length=TOO_LONG), (413, "PAYLOAD_TOO_LARGE")),
    "too long, unsigned": (Post(raw=BODY, length=TOO_LONG, signature=""), INVALID),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _returned_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Close connections of threads after each use, so that the test database can be emptied and dropped."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)


@pytest.fixture(params=[View, Fast], ids=["view", "fast"])
def door(request: pytest.FixtureRequest) -> Door:
    found: Door = request.param()
    return found


@pytest.fixture
def organization(transactional_db: None) -> Organization:
    return make.organization(name="Clínica Aurora")


@pytest.fixture
def number(organization: Organization) -> Iterator[WhatsAppNumber]:
    """Our number, whose secrets were rotated, and a neighbour's."""
    theirs = make.organization(name="Outra Empresa")
    add_number(theirs, phone_id=THEIRS, secret="theirs")
    add_number(theirs, phone_id="100000000000010", secret="shared")
    with tenancy.organization_context(organization.pk):
        ours = add_number(organization, secret="long ago")
        rotate(ours, "previous", "example-app-secret-0001")
        yield ours


def rotate(number: WhatsAppNumber, *secrets: str) -> None:
    for secret in secrets:
        numbers.set_secrets(number, app_secret=secret)
        number.save()


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("pytake_webhooks_total", {"result": result}) or 0.0


def events() -> list[WebhookEvent]:
    with tenancy.platform_scope("test"):
        return list(WebhookEvent.objects.order_by("id"))


def shown(event: WebhookEvent) -> dict[str, Any]:
    names = ("organization_id", "number_id", "provider", "headers", "verified_number_ids", "state", "attempts", "error")
    return {name: getattr(event, name) for name in names} | {"raw_body": bytes(event.raw_body)}


@pytest.mark.parametrize("case", TABLE)
def test_the_same_post_is_answered_alike(door: Door, number: WhatsAppNumber, case: str) -> None:
    post, (status, code) = TABLE[case]
    if case == "two organizations":
        with tenancy.platform_scope("test"):
            share(number, WhatsAppNumber.objects.get(phone_number_id=THEIRS))
    refused = counted("bad_signature") + counted("refused")

    answer = door.post(post)

    body = json.loads(answer.body)
    assert (answer.status, body.get("error", {}).get("code", "")) == (status, code)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"].startswith("req_")
    assert counted("bad_signature") + counted("refused") == refused + (status != 200)
    if status == 200:
        assert body == {"status": "received"}
        assert {bytes(event.raw_body) for event in events()} == {post.raw}
    else:
        assert body["error"]["request_id"] == answer.headers["x-request-id"]
        assert events() == []


def share(*owners: WhatsAppNumber) -> None:
    for owner in owners:
        with tenancy.organization_context(owner.organization_id):
            rotate(owner, "shared")


@pytest.mark.parametrize("case", [name for name, (_, expected) in TABLE.items() if expected == RECEIVED])
def test_both_write_the_same_rows(number: WhatsAppNumber, case: str) -> None:
    if case == "two organizations":
        with tenancy.platform_scope("test"):
            share(number, WhatsAppNumber.objects.get(phone_number_id=THEIRS))
    for door in (View(), Fast()):
        assert door.post(TABLE[case][0]).status == 200

    rows = [shown(event) for event in events()]
    half = len(rows) // 2
    assert half == (2 if case == "two organizations" else 1)
    assert rows[:half] == rows[half:]


def test_what_either_stored_is_processed(door: Door, number: WhatsAppNumber) -> None:
    assert door.post(Post(raw=BODY)).status == 200

    process()

    assert Message.objects.count() == 1


def test_a_rotated_secret_works_though_the_old_one_is_remembered(door: Door, number: WhatsAppNumber) -> None:
    assert door.post(Post(raw=BODY)).status == 200
    remembered = dict(numbers._cache)
    rotate(number, "brand new")
    numbers._cache.update({key: (read_at - 2, found) for key, (read_at, found) in remembered.items()})

    assert [door.post(Post(raw=BODY, secret=secret)).status for secret in ("brand new", "example-app-secret-0001")] == [
        200,
        200,
    ]


def test_a_number_added_a_moment_ago_is_known(door: Door, number: WhatsAppNumber) -> None:
    raw = encode(envelope(change(phone_id=STRANGERS, messages=[text("wamid.A")])))
    assert door.post(Post(raw=raw, secret="fresh")).status == 401
    remembered = dict(numbers._cache)
    added = add_number(number.organization, phone_id=STRANGERS, secret="fresh")
    numbers._cache.update({key: (read_at - 2, found) for key, (read_at, found) in remembered.items()})

    assert door.post(Post(raw=raw, secret="fresh")).status == 200
    assert [event.number_id for event in events()] == [added.pk]


def test_an_address_that_posts_too_much_is_told_when_to_come_again(
    door: Door, number: WhatsAppNumber, settings: Settings
) -> None:
    settings.WEBHOOK_POSTS_PER_MINUTE = 3
    settings.REDIS_PREFIX = f"test-{new_id().hex}"
    flood, other = (f"2001:db8::{new_id().hex[-4:]}:{n}" for n in (1, 2))

    answers = [door.post(Post(raw=BODY, address=flood)) for _ in range(5)]

    assert [answer.status for answer in answers][:3] == [200, 200, 200]
    assert answers[-1].status == 429
    assert json.loads(answers[-1].body)["error"]["code"] == "RATE_LIMITED"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 120
    assert answers[-1].headers["x-ratelimit-limit"] == "3"
    assert door.post(Post(raw=BODY, address=other)).status == 200


def test_what_a_number_gets_beyond_its_limit_is_stored_all_the_same(
    door: Door, number: WhatsAppNumber, settings: Settings
) -> None:
    settings.WEBHOOK_POSTS_PER_MINUTE_OF_NUMBER = 1

    assert [door.post(Post(raw=BODY)).status for _ in range(4)] == [200] * 4
    assert len(events()) == 4


@pytest.mark.parametrize("known", [True, False], ids=["number cached", "number unknown"])
def test_without_database_it_is_503_and_taken_later(door: Door, number: WhatsAppNumber, known: bool) -> None:
    assert door.post(Post(raw=BODY)).status == 200
    if not known:
        numbers.forget()
    there = connection.settings_dict["PORT"]
    connection.close()
    connection.settings_dict["PORT"] = str(free_port())
    try:
        refused = door.post(Post(raw=BODY))
    finally:
        connection.close()
        connection.settings_dict["PORT"] = there

    assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    assert json.loads(refused.body)["error"]["code"] == "SERVICE_UNAVAILABLE"
    assert len(events()) == 1
    assert door.post(Post(raw=BODY)).status == 200
