"""Files of ours on their way to people: put away, uploaded once for a number, waited for, named when they fail."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from django.core.files.base import ContentFile
from django.db import DatabaseError
from django.utils import timezone
from pytest_django import Settings

from conversations.content import Attachment, Button, Buttons, File
from conversations.media import outgoing, uploading
from conversations.media.outgoing import MEGABYTE, FileRefusedError
from conversations.models import Conversation, MediaUpload, Message, SharedFile, WhatsAppNumber
from pytake.accounts.models import Organization
from pytake.infra import tenancy
from tests.conversations.channel.conftest import Say, add_number, drain, fresh
from tests.conversations.media.conftest import stored
from tests.conversations.media.servers import Simulated

pytestmark = pytest.mark.django_db(transaction=True)

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 100
PDF = b"%PDF-1.4\n" + b"words" * 100


def add(organization: Organization, content: bytes = PNG, name: str = "sala.png") -> SharedFile:
    return outgoing.add(ContentFile(content, name=name), organization=organization, by=None)


def upload(*, after: float = 0) -> int:
    """Do what a worker does `after` seconds from now."""
    now = timezone.now() + timedelta(seconds=after)
    return uploading.upload_waiting(until=now + timedelta(hours=1), clock=lambda: now)


def picture(file: SharedFile, caption: str = "") -> File:
    return File(kind="image", asset=str(file.pk), caption=caption)


def office(folder: str = "word/") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(f"{folder}document.xml", "<w/>")
    return target.getvalue()


def webp(side: int = 512, *, moving: bool = False, size: int = 1000) -> bytes:
    sides = (side - 1).to_bytes(3, "little") * 2
    head = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0" + bytes([2 if moving else 0]) + b"\0\0\0" + sides
    return head + b"\0" * (size - len(head))


def test_a_file_is_uploaded_once_and_sent_by_its_id(
    simulator: Simulated, number: WhatsAppNumber, say: Say, files: Path
) -> None:
    file = add(number.organization)
    first, text, second = say(content=picture(file, "A sala")), say("E isto"), say(content=picture(file))
    drain(number)
    before = [fresh(first).dispatch_state, fresh(text).dispatch_state, fresh(second).dispatch_state]

    assert upload() == 1
    drain(number)
    third = say(content=picture(file))
    drain(number)

    # What follows to the same person waits with it.
    assert before == ["queued"] * 3
    assert [fresh(one).dispatch_state for one in (first, text, second, third)] == ["accepted"] * 4
    media = MediaUpload.objects.get()
    bodies = [orjson.loads(sent.body) for sent in simulator.server.sim.ledger.entries]
    assert [body["type"] for body in bodies] == ["image", "text", "image", "image"]
    assert bodies[0]["image"] == {"id": media.provider_media_id, "caption": "A sala"}
    assert {body["image"]["id"] for body in bodies if body["type"] == "image"} == {media.provider_media_id}
    assert simulator.server.sim.world.media[media.provider_media_id].content == PNG
    assert len(stored(files)) == 1
    # Nothing of ours is changed in what is stored: a retry may need another id.
    assert fresh(first).content["asset"] == str(file.pk)


def test_each_number_has_its_own_upload(simulator: Simulated, number: WhatsAppNumber, say: Say) -> None:
    file = add(number.organization)
    say(content=picture(file))
    upload()
    other = add_number(number.organization, phone_id="100000000000002")

    ready = uploading.check(other, [], now=timezone.now())

    assert ready.ready == []
    assert MediaUpload.objects.filter(number=number).count() == 1
    assert MediaUpload.objects.filter(number=other).count() == 0


def test_an_id_that_the_provider_will_forget_is_renewed(simulator: Simulated, number: WhatsAppNumber, say: Say) -> None:
    file = add(number.organization)
    say(content=picture(file))
    upload()
    former = MediaUpload.objects.get().provider_media_id
    MediaUpload.objects.update(expires_at=timezone.now() + timedelta(hours=1))

    message = say(content=picture(file))

    assert upload() == 1
    drain(number)
    assert MediaUpload.objects.get().provider_media_id != former
    assert fresh(message).dispatch_state == "accepted"


def test_a_header_of_ours_is_uploaded_as_well(simulator: Simulated, number: WhatsAppNumber, say: Say) -> None:
    file = add(number.organization)
    header = Attachment(kind="image", asset=str(file.pk))
    message = say(content=Buttons(body="Gostou?", buttons=(Button(id="y", title="Sim"),), header=header))

    upload()
    drain(number)

    assert fresh(message).dispatch_state == "accepted"


def test_what_the_provider_refuses_is_said_on_the_message(
    simulator: Simulated, number: WhatsAppNumber, say: Say
) -> None:
    file = add(number.organization)
    SharedFile.objects.update(mime_type="image/tiff")
    message = say(content=picture(file))

    upload()
    drain(number)

    assert (fresh(message).dispatch_state, message.error_code) == ("failed", "100")
    assert "supported types" in message.error_title


def test_an_upload_is_tried_again_when_the_provider_is_away(
    simulator: Simulated, number: WhatsAppNumber, say: Say, settings: Settings
) -> None:
    file = add(number.organization)
    settings.GRAPH_BASE_URL = "http://127.0.0.1:1"
    message = say(content=picture(file))
    upload()
    settings.GRAPH_BASE_URL = simulator.url
    drain(number, after=60)
    waiting = fresh(message).dispatch_state

    assert upload(after=10) == 1
    drain(number, after=120)

    assert (waiting, fresh(message).dispatch_state) == ("queued", "accepted")


def test_a_file_that_is_gone_from_the_storage_fails_the_message(
    simulator: Simulated, number: WhatsAppNumber, say: Say, files: Path
) -> None:
    file = add(number.organization)
    for path in stored(files):
        path.unlink()
    message = say(content=picture(file))

    upload()
    drain(number)

    assert (fresh(message).dispatch_state, message.error_code) == ("failed", "no_file")


def test_numbers_paired_by_code_need_no_upload(number: WhatsAppNumber, say: Say, thread: Conversation) -> None:
    WhatsAppNumber.objects.filter(pk=number.pk).update(connection_type="qrcode")
    message = say(content=picture(add(number.organization)))

    assert MediaUpload.objects.count() == 0
    assert message.not_before is None


def test_files_of_others_cannot_be_sent(
    number: WhatsAppNumber, say: Say, other_organization: Organization, simulator: Simulated
) -> None:
    with tenancy.organization_context(other_organization.pk):
        theirs = add(other_organization)

    with pytest.raises(DatabaseError):
        say(content=picture(theirs))
    assert Message.objects.filter(message_type="image").count() == 0


def test_the_same_file_is_kept_once(in_organization: Organization, files: Path) -> None:
    first, again, renamed = add(in_organization), add(in_organization), add(in_organization, name="outra.png")

    assert first.pk == again.pk != renamed.pk
    assert len(stored(files)) == 2


@pytest.mark.parametrize(
    ("content", "name", "kind", "mime"),
    [
        (PNG, "a.png", "image", "image/png"),
        (b"\xff\xd8\xff\xe0" + b"x" * 100, "a.exe", "image", "image/jpeg"),
        (webp(), "a.webp", "sticker", "image/webp"),
        (webp(moving=True, size=400 * 1024), "a.webp", "sticker", "image/webp"),
        (b"\0\0\0\x18ftypmp42" + b"x" * 100, "a.mp4", "video", "video/mp4"),
        (b"ID3" + b"x" * 100, "a.mp3", "audio", "audio/mpeg"),
        (b"OggS" + b"\0" * 24 + b"OpusHead" + b"x" * 100, "a.ogg", "voice", "audio/ogg"),
        (PDF, "a.pdf", "document", "application/pdf"),
        (b"nome;valor\n", "a.csv", "document", "text/plain"),
        (office(), "a.docx", "document", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (office("xl/"), "a.xlsx", "document", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ],
)
def test_the_bytes_say_what_a_file_becomes(content: bytes, name: str, kind: str, mime: str) -> None:
    assert outgoing.judge(ContentFile(content, name=name)) == (kind, mime)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "a.png"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.png"),
        (b"<?xml version='1.0'?><svg/>", "a.svg"),
        (b"<!doctype html><script>1</script>", "a.pdf"),
        (b"GIF89a" + b"x" * 100, "a.gif"),
        (b"MZ\0\0" + b"x" * 100, "a.pdf"),
        (b"PK\x03\x04" + b"x" * 100, "a.docx"),
        (office("word/"), "a.xlsx"),
        (office(), "a.zip"),
        (b"OggS" + b"x" * 100, "a.ogg"),
        (webp(side=300), "a.webp"),
        (webp(size=200 * 1024), "a.webp"),
        (PNG + b"x" * 5 * MEGABYTE, "a.png"),
        (b"ID3" + b"x" * 16 * MEGABYTE, "a.mp3"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_a_reason(content: bytes, name: str) -> None:
    with pytest.raises(FileRefusedError) as caught:
        outgoing.judge(ContentFile(content, name=name))

    assert len(str(caught.value.message)) > 15
