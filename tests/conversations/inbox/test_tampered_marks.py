"""Places in lists come back in addresses, where people may write anything."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from pytake.accounts.models import Organization, User
from tests import make

pytestmark = pytest.mark.django_db
KEY = "0197f3a0-0000-7000-8000-000000000000"
INSTANTS = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-21T10:00:00", "yesterday", "", "\0")


def encoded(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


CURSORS = [
    *(encoded([at, KEY]) for at in INSTANTS),
    *(encoded([at, at, KEY]) for at in INSTANTS),
    encoded([5, 7]),
    encoded({"a": 1}),
    encoded(5),
    encoded([["[" * 5000], KEY]),
    "%%%",
    "é",
]
MARKS = [f"{at}~{sequence}~{KEY}" for at in INSTANTS for sequence in ("0", "99999999999999999999", "-1", "x")] + ["~~"]


@pytest.fixture
def client(admin: User, client_as: Callable[[User], Client]) -> Client:
    return client_as(admin)


@pytest.mark.parametrize("view", ["all", "waiting", "mine"])
@pytest.mark.parametrize("cursor", CURSORS)
def test_a_tampered_cursor_begins_at_the_top(client: Client, view: str, cursor: str) -> None:
    assert client.get("/inbox/", {"view": view, "cursor": cursor}).status_code == 200


@pytest.mark.parametrize("name", ["before", "from"])
@pytest.mark.parametrize("mark", MARKS)
def test_a_tampered_mark_shows_the_end_of_the_thread(
    client: Client, in_organization: Organization, name: str, mark: str
) -> None:
    thread = make.conversation(make.number(in_organization))
    make.message(thread, text="olá")

    answer = client.get("/inbox/", {"view": "all", "c": str(thread.pk), name: mark})

    assert answer.status_code == 200


@pytest.mark.parametrize("at", INSTANTS)
def test_lists_of_flows_do_so_too(client: Client, at: str) -> None:
    assert client.get("/flows/", {"cursor": f"{at}~{KEY}"}).status_code == 200
