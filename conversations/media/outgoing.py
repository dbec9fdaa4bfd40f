"""Files that people attach: what kind of message each can become, how large it may be, and putting it away.

Types and sizes: WhatsApp Cloud API, "Media", read 2026-11-01. The bytes decide; names and announced types do not.
"""

from __future__ import annotations

import hashlib
import mimetypes
import uuid
import zipfile
from typing import IO, Final

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from conversations.media import kinds
from conversations.media.fetching import store
from conversations.models import SharedFile
from pytake.accounts.models import Organization, User
from pytake.core.errors import DomainError
from pytake.infra import bulk

MEGABYTE: Final = 1024 * 1024
LIMITS: Final = {
    "image": 5 * MEGABYTE,
    "video": 16 * MEGABYTE,
    "audio": 16 * MEGABYTE,
    "voice": 16 * MEGABYTE,
    "document": 100 * MEGABYTE,
}
STICKER_MAX: Final = 100 * 1024
MOVING_STICKER_MAX: Final = 500 * 1024
STICKER_SIDE: Final = 512
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
# The folder that such a document has inside.
_FOLDERS: Final = {
    f"{_OFFICE}wordprocessingml.document": "word/",
    f"{_OFFICE}spreadsheetml.sheet": "xl/",
    f"{_OFFICE}presentationml.presentation": "ppt/",
}
_DOCUMENTS: Final = frozenset(
    {
        "text/plain", "application/pdf", "application/msword", "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint", *_FOLDERS,
    }
)  # fmt: skip


class FileRefusedError(DomainError):
    """A file that cannot be sent, and why."""

    code = "FILE_REFUSED"


def add(source: File[bytes], *, organization: Organization, by: User | None) -> SharedFile:
    """Check a file and put it away, or return the one that is there already; raises FileRefusedError."""
    kind, mime_type = judge(source)
    name = kinds.safe_name(source.name or "", mime_type=mime_type)[-150:]
    digest = _sha256(source)
    same = SharedFile.objects.filter(sha256=digest, filename=name, kind=kind).first()
    if same is not None:
        return same
    key = f"{organization.pk}/{uuid.uuid4().hex}"
    row = SharedFile(
        organization=organization,
        kind=kind,
        mime_type=mime_type,
        filename=name,
        size=source.size,
        sha256=digest,
        storage_key=key,
        added_by=by,
    )
    store(key, source)
    with transaction.atomic():
        bulk.insert(SharedFile, [row], ignore_conflicts=True)
        kept: SharedFile = SharedFile.objects.get(sha256=digest, filename=name, kind=kind)
    if kept.storage_key != key:
        # Somebody added the same file at the same moment.
        default_storage.delete(key)
    return kept


def judge(source: File[bytes]) -> tuple[str, str]:
    """Return the kind of message and the type of a file; raises FileRefusedError."""
    source.seek(0)
    head = source.read(kinds.HEAD)
    if not head:
        raise _refused(_("The file is empty."))
    mime_type = kinds.sniff(head, mimetypes.guess_type(source.name or "")[0] or "")
    kind = _kind(mime_type, head)
    if mime_type in _FOLDERS and not _has_folder(source, _FOLDERS[mime_type]):
        raise _refused(_("The file is not the document that its name says."))
    most = LIMITS.get(kind, 0)
    if kind == "sticker":
        most = _sticker_limit(head)
    if source.size > most:
        text = _("The file has %(size)s. WhatsApp accepts at most %(most)s of this kind.")
        raise FileRefusedError(text % {"size": filesizeformat(source.size), "most": filesizeformat(most)})
    return kind, mime_type


def _kind(mime_type: str, head: bytes) -> str:
    if mime_type in {"image/jpeg", "image/png"}:
        return "image"
    if mime_type == "image/webp":
        return "sticker"
    if mime_type in kinds.VIDEO:
        return "video"
    if mime_type == "audio/ogg":
        if b"OpusHead" not in head:
            raise _refused(_("WhatsApp plays OGG files with Opus sound only. Save it as MP3 and attach it again."))
        return "voice"
    if mime_type in kinds.AUDIO:
        return "audio"
    if mime_type in _DOCUMENTS:
        return "document"
    if mime_type in kinds.ACTIVE:
        raise _refused(_("Web pages and SVG drawings are not sent: they can contain programs."))
    raise _refused(
        _("WhatsApp does not accept this type of file. Send JPEG, PNG, MP4, MP3, PDF, text or Office documents.")
    )


def _sticker_limit(head: bytes) -> int:
    """Return how large a sticker may be; only square ones of the right side are stickers."""
    moving = False
    if head[12:16] == b"VP8X":
        moving = bool(head[20] & 2)
        sides = {int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1}
    elif head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        sides = {(bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1}
    else:
        sides = {int.from_bytes(head[place : place + 2], "little") & 0x3FFF for place in (26, 28)}
    if sides != {STICKER_SIDE}:
        raise _refused(
            _("WebP pictures are sent as stickers, which must have 512 × 512 points. Save it as PNG or JPEG.")
        )
    return MOVING_STICKER_MAX if moving else STICKER_MAX


def _has_folder(source: IO[bytes] | File[bytes], folder: str) -> bool:
    source.seek(0)
    try:
        with zipfile.ZipFile(source) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return False
    return "[Content_Types].xml" in names and any(name.startswith(folder) for name in names)


def _sha256(source: File[bytes]) -> str:
    source.seek(0)
    digest = hashlib.sha256()
    for chunk in source.chunks():
        digest.update(chunk)
    return digest.hexdigest()


def _refused(text: object) -> FileRefusedError:
    return FileRefusedError(text, fields={"file": [text]})
