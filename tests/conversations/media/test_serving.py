"""Who gets a file, and as what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from conversations.models import Conversation, MediaFile
from pytake.accounts.models import Organization, User
from tests import make
from tests.conversations.media.conftest import PNG

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


def keep(thread: Conversation, content: bytes = PNG, mime: str = "image/png", **fields: Any) -> str:
    """Store a file of a message; return its address."""
    message = make.message(thread, "", message_type="image", content={"type": "image"})
    key = default_storage.save(f"{message.pk.hex}", ContentFile(content))
    values = {"state": "stored", "mime_type": mime, "size": len(content), "storage_key": key, **fields}
    make.media(message, **values)
    return f"/inbox/media/{message.pk}/"


def body_of(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def test_a_picture_is_shown_and_never_sniffed(client_as: SignIn, admin: User, thread: Conversation) -> None:
    answer = client_as(admin).get(keep(thread, filename="foto.png"))

    assert (answer.status_code, body_of(answer)) == (200, PNG)
    assert answer["Content-Type"] == "image/png"
    assert answer["Content-Disposition"] == 'inline; filename="foto.png"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["Cache-Control"].startswith("private")


@pytest.mark.parametrize(
    ("mime", "sent_as"),
    [
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("text/xml", "application/octet-stream"),
        ("application/pdf", "application/pdf"),
        ("text/plain", "text/plain"),
    ],
)
def test_what_could_run_or_is_no_picture_is_a_download(
    client_as: SignIn, admin: User, thread: Conversation, mime: str, sent_as: str
) -> None:
    answer = client_as(admin).get(keep(thread, b"<svg/>", mime, filename='a/..\\"b\r\n\u202egpj.svg'))

    assert answer["Content-Type"] == sent_as
    assert answer["Content-Disposition"].startswith("attachment")
    assert "\n" not in answer["Content-Disposition"]
    assert "%E2%80%AE" not in answer["Content-Disposition"]
    body_of(answer)


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("bytes=0-3", 206, PNG[:4]),
        ("bytes=4-", 206, PNG[4:]),
        ("bytes=-5", 206, PNG[-5:]),
        ("bytes=0-999999", 206, PNG),
        ("bytes=999999-", 416, b""),
        ("bytes=0-1,4-5", 200, PNG),
        ("bytes=-", 200, PNG),
        ("pages=1", 200, PNG),
    ],
)
def test_players_ask_for_parts(
    client_as: SignIn, admin: User, thread: Conversation, wanted: str, status: int, content: bytes
) -> None:
    answer = client_as(admin).get(keep(thread), headers={"Range": wanted})

    assert (answer.status_code, body_of(answer)) == (status, content)
    if status == 206:
        assert answer["Content-Range"].endswith(f"/{len(PNG)}")


def test_strangers_and_visitors_get_nothing(
    client_as: SignIn, thread: Conversation, other_organization: Organization
) -> None:
    address = keep(thread)
    stranger = make.user(other_organization, "org_admin")

    assert client_as(stranger).get(address).status_code == 404
    assert client_as(stranger).post(f"{address}again/").status_code == 404
    assert Client().get(address).status_code in {302, 403}


def test_a_thread_of_another_department_is_closed_to_an_agent(
    client_as: SignIn, thread: Conversation, organization: Organization
) -> None:
    address = keep(thread)
    Conversation.objects.filter(pk=thread.pk).update(department=make.department(organization))

    assert client_as(make.user(organization, "agent")).get(address).status_code == 404


def test_a_file_that_is_not_there_is_not_found(client_as: SignIn, admin: User, thread: Conversation) -> None:
    assert client_as(admin).get(keep(thread, state="pending")).status_code == 404
    assert client_as(admin).get(keep(thread, storage_key="gone")).status_code == 404


def test_a_broken_file_says_why_and_is_fetched_again_on_request(
    client_as: SignIn, admin: User, thread: Conversation
) -> None:
    address = keep(thread, state="expired", error_code="gone", attempts=8)
    client = client_as(admin)
    page = client.get("/inbox/", {"view": "all", "c": str(thread.pk)}).content.decode()
    assert f'action="{address}again/"' in page

    answer = client.post(f"{address}again/")

    row = MediaFile.objects.get()
    assert (answer.status_code, row.state, row.attempts) == (302, "pending", 0)
