"""Files of messages: fetched once, checked, kept; and what happens when the provider, the file or a worker is bad."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from conversations import tasks
from conversations.media import fetching
from conversations.models import MediaFile, WhatsAppNumber
from conversations.payloads import MEDIA
from pytake.accounts.models import Organization
from pytake.infra import tenancy
from tests import make
from tests.conversations.channel.conftest import Provider, process, text
from tests.conversations.media.conftest import PNG, Receive, fetch, stored
from tests.conversations.media.servers import Liar, Simulated

pytestmark = pytest.mark.django_db
HTML = b"<!doctype html><script>alert(1)</script>"


def now_of(row: MediaFile) -> MediaFile:
    row.refresh_from_db()
    return row


@pytest.mark.parametrize("kind", sorted(MEDIA))
def test_a_file_is_fetched_and_kept_under_a_random_name(
    receive: Receive, simulator: Simulated, files: Path, kind: str
) -> None:
    row = receive(simulator.put("300000000000001", PNG), kind, filename="../../etc/passwd.png")

    assert fetch() == 1

    assert (now_of(row).state, row.mime_type, row.size, row.error_code) == ("stored", "image/png", len(PNG), "")
    (path,) = stored(files)
    assert path.read_bytes() == PNG
    assert "passwd" not in row.storage_key
    assert fetch(after=9999) == 0


def test_the_periodic_task_fetches_some_at_a_time(
    transactional_db: None, receive: Receive, simulator: Simulated, files: Path
) -> None:
    for number in range(6):
        receive(simulator.put(f"30000000000000{number}", PNG + bytes([number])))

    tasks.fetch_media()

    assert set(MediaFile.objects.values_list("state", flat=True)) == {"stored"}
    assert len(stored(files)) == 6


def test_a_replay_makes_no_second_file(provider: Provider, receive: Receive, simulator: Simulated) -> None:
    row = receive(simulator.put("300000000000001", PNG))
    fetch()

    provider.bring(dict(row.message.content))

    assert MediaFile.objects.count() == 1
    assert fetch(after=9999) == 0


@pytest.mark.parametrize(
    ("content", "declared", "found"),
    [
        (HTML, "image/png", "text/html"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>', "image/jpeg", "image/svg+xml"),
        (b'<?xml version="1.0"?><svg/>', "image/png", "image/svg+xml"),
        (b"MZ\x90\x00\x03\x00", "image/png", "application/octet-stream"),
        (b"OggS\x00\x02", "image/png", "audio/ogg"),
        (b"%PDF-1.7", "image/png", "application/pdf"),
        (b"", "image/png", "application/octet-stream"),
    ],
)
def test_the_bytes_say_what_a_file_is(
    receive: Receive, simulator: Simulated, content: bytes, declared: str, found: str
) -> None:
    row = receive(simulator.put("300000000000001", content, declared), mime_type=declared)

    fetch()

    assert (now_of(row).state, row.mime_type, row.declared_type) == ("stored", found, declared)


def test_a_file_that_is_too_large_is_not_fetched(
    receive: Receive, simulator: Simulated, settings: Settings, files: Path
) -> None:
    settings.MEDIA_BYTES_MAX = len(PNG) - 1
    row = receive(simulator.put("300000000000001", PNG))

    fetch()

    assert (now_of(row).state, row.error_code, stored(files)) == ("failed", "too_large", [])


def test_a_file_that_grows_beyond_the_limit_is_cut_off(
    receive: Receive, liar: Liar, settings: Settings, files: Path
) -> None:
    settings.MEDIA_BYTES_MAX = 1000

    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(10_000):
            await response.write(b"x" * 1000)
        return response

    liar.located, liar.answer = {"file_size": "10"}, endless
    row = receive()

    fetch()

    assert (now_of(row).state, row.error_code, stored(files)) == ("failed", "too_large", [])


def test_a_file_that_the_provider_has_no_more_has_expired(receive: Receive, simulator: Simulated) -> None:
    row = receive("300000000000009")

    fetch()

    assert (now_of(row).state, row.error_code) == ("expired", "gone")


def test_a_failure_after_the_expiry_is_the_last(receive: Receive, liar: Liar) -> None:
    liar.status = 500
    row = receive()

    fetch(after=timedelta(days=8).total_seconds())

    assert (now_of(row).state, row.error_code) == ("expired", "expired")


def test_an_expired_file_can_be_asked_for_again(receive: Receive, simulator: Simulated) -> None:
    row = receive("300000000000009")
    fetch()
    simulator.put("300000000000009", PNG)

    assert fetching.fetch_again(row, now=timezone.now())
    fetch()

    assert now_of(row).state == "stored"
    assert not fetching.fetch_again(row, now=timezone.now())


def test_what_the_provider_could_not_pass_on_says_so_at_once(receive: Receive, provider: Provider) -> None:
    message = text("wamid.BIG") | {"type": "image", "image": {"mime_type": "image/jpeg"}}
    message["errors"] = [{"code": 131052, "error_data": {"details": "File size too large"}}]

    provider.bring(message)

    row = MediaFile.objects.get()
    assert (row.state, row.error_code, row.error_detail) == ("failed", "131052", "File size too large")
    assert fetch(after=9999) == 0


def test_a_provider_that_is_away_is_asked_later_and_in_the_end_no_more(receive: Receive, liar: Liar) -> None:
    liar.status = 503
    row = receive()

    fetch()
    assert (now_of(row).state, row.attempts, row.error_code) == ("pending", 1, "http_503")
    assert row.due_at > timezone.now()
    assert fetch() == 0
    for attempt in range(1, fetching.ATTEMPTS_MAX):
        assert fetch(after=4000 * attempt) == 1

    assert (now_of(row).state, row.attempts) == ("failed", fetching.ATTEMPTS_MAX)
    assert fetch(after=99_999) == 0


def test_a_token_that_is_refused_leaves_time_for_a_new_one(
    receive: Receive, simulator: Simulated, number: WhatsAppNumber
) -> None:
    row = receive(simulator.put("300000000000001", PNG))
    WhatsAppNumber.objects.filter(pk=number.pk).update(access_token_envelope="broken")

    fetch()

    assert (now_of(row).state, row.error_code) == ("pending", "token")


def test_a_damaged_file_is_not_kept(receive: Receive, simulator: Simulated, files: Path) -> None:
    row = receive(simulator.put("300000000000001", PNG, sha256="0" * 64))

    fetch()

    assert (now_of(row).state, row.error_code, stored(files)) == ("pending", "damaged", [])


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://10.0.0.1/file", "foreign_address"),
        ("https://169.254.169.254/latest/meta-data", "foreign_address"),
        ("https://evil.example/file", "foreign_address"),
        ("https://fbsbx.com.evil.example/file", "foreign_address"),
        ("http://lookaside.fbsbx.com/file", "foreign_address"),
        ("https://lookaside.fbsbx.com:8443/file", "foreign_address"),
        ("file:///etc/passwd", "odd_address"),
        ("", "odd_address"),
        ("https://localhost/file", "private_address"),
    ],
)
def test_the_token_goes_to_the_provider_alone(
    receive: Receive, liar: Liar, settings: Settings, url: str, code: str
) -> None:
    settings.MEDIA_HOSTS = ["fbsbx.com", "localhost"]
    liar.located = {"url": url}
    row = receive()

    fetch()

    assert (now_of(row).state, row.error_code) == ("failed", code)
    assert liar.paths == ["/v26.0/300000000000001"]


def test_redirects_are_not_followed(receive: Receive, liar: Liar) -> None:
    async def away(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": f"{liar.url}/secret"})

    liar.answer = away
    row = receive()

    fetch()

    assert now_of(row).error_code == "http_302"
    assert "/secret" not in liar.paths


def test_an_id_cannot_choose_another_address(receive: Receive, liar: Liar) -> None:
    row = receive("../debug_token?x=")

    fetch()

    assert (now_of(row).state, row.error_code, liar.paths) == ("failed", "odd_id", [])


def test_two_workers_never_hold_the_same_file(receive: Receive) -> None:
    receive()
    now = timezone.now()

    first, second = fetching.claim(now=now), fetching.claim(now=now)

    assert first is not None
    assert second is None


def test_a_slow_worker_whose_claim_ran_out_leaves_nothing_behind(
    receive: Receive, simulator: Simulated, files: Path
) -> None:
    row = receive(simulator.put("300000000000001", PNG))
    slow = fetching.claim(now=timezone.now())
    assert slow is not None
    fetch(after=(fetching.LEASE + timedelta(seconds=1)).total_seconds())
    kept = now_of(row).storage_key

    fetching.fetch(slow, clock=timezone.now)

    assert (now_of(row).state, row.storage_key) == ("stored", kept)
    assert len(stored(files)) == 1


class DeadlyStorage(FileSystemStorage):
    """The process dies when the file has been written, before anybody is told."""

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        saved = super().save(name, content, max_length)
        os.kill(os.getpid(), signal.SIGKILL)
        return saved


def test_a_worker_killed_between_storing_and_telling_is_followed_by_another(
    transactional_db: None, receive: Receive, simulator: Simulated, settings: Settings, files: Path
) -> None:
    row = receive(simulator.put("300000000000001", PNG))
    connections.close_all()
    child = os.fork()
    if child == 0:
        settings.STORAGES = settings.STORAGES | {
            "default": {"BACKEND": "tests.conversations.media.test_fetching.DeadlyStorage"}
        }
        fetch()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert (now_of(row).state, len(stored(files))) == ("pending", 1)
    assert fetch() == 0

    assert fetch(after=fetching.LEASE.total_seconds() + 1) == 1

    assert (now_of(row).state, row.attempts) == ("stored", 2)
    assert [path.read_bytes() for path in stored(files)] == [PNG]
    assert default_storage.exists(row.storage_key)


def test_a_new_version_with_another_file_brings_its_own_row(provider: Provider, simulator: Simulated) -> None:
    simulator.put("300000000000002", PNG)
    inner = {"type": "image", "image": {"id": "300000000000002", "mime_type": "image/png"}}
    message = text("wamid.EDIT") | {
        "type": "edit",
        "edit": {"original_message_id": "wamid.IN9", "message": inner},
    }

    provider.bring(message)
    fetch()

    assert MediaFile.objects.get().state == "stored"


def test_rows_of_others_are_out_of_sight(receive: Receive, other_organization: Organization) -> None:
    receive()

    with tenancy.organization_context(other_organization.pk):
        assert MediaFile.objects.count() == 0
        theirs = make.media(make.message(make.conversation(make.number(other_organization))))
        assert list(MediaFile.objects.all()) == [theirs]


def test_messages_without_a_file_ask_for_none(provider: Provider) -> None:
    provider.bring(text("wamid.1"))
    process()

    assert not MediaFile.objects.exists()
