"""Files of sessions travel as text (base64): the server decrypts those that arrive, and takes those that leave."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import IO, Any, Final

from django.core.files.storage import default_storage

from conversations.claimed import Claimed
from conversations.gateway.base import Refused
from conversations.gateway.evolution_server import ServerError
from conversations.gateway.media import Fetched, MediaError
from conversations.models import SharedFile, WhatsAppNumber
from conversations.qr import links
from pytake.infra.crypto import DecryptionError

# A file is held in memory while it leaves, a third larger than it is.
SENT_MAX: Final = 64 * 1024 * 1024


def fetch(message_id: str, target: IO[bytes], *, number: WhatsAppNumber, bytes_max: int) -> Fetched:
    """Write the file of a message to `target`; raises MediaError."""
    try:
        found = links.server_of(number).file_of(message_id, bytes_max=bytes_max)
    except DecryptionError as exc:
        raise MediaError("token", "The number has no readable key.") from exc
    except ServerError as exc:
        if exc.code == "too_large":
            raise MediaError("too_large", exc.detail, is_final=True) from exc
        if exc.code == "400":
            raise MediaError("gone", exc.detail, is_gone=True) from exc
        raise MediaError("no_answer", exc.code) from exc
    try:
        data = base64.b64decode(str(found.get("base64") or ""), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise MediaError("damaged", "The server's answer is no file.") from exc
    if not data:
        raise MediaError("gone", is_gone=True)
    if len(data) > bytes_max:
        raise MediaError("too_large", str(len(data)), is_final=True)
    target.write(data)
    declared = str(found.get("mimetype") or "")
    return Fetched(size=len(data), sha256=hashlib.sha256(data).hexdigest(), declared_type=declared)


def carried(messages: Sequence[Claimed]) -> tuple[list[Claimed], list[tuple[Claimed, Refused]]]:
    """Put the bytes of files of ours into messages; those whose file is gone or too large come back refused."""
    named = {message.id: str(message.content.get("asset") or "") for message in messages}
    wanted = {key for key in named.values() if key}
    if not wanted:
        return list(messages), []
    rows = {str(row.pk): row for row in SharedFile.objects.filter(pk__in=wanted)}
    ready: list[Claimed] = []
    refused: list[tuple[Claimed, Refused]] = []
    for message in messages:
        key = named[message.id]
        found = _content(message.content, rows.get(key)) if key else message.content
        if isinstance(found, Refused):
            refused.append((message, found))
        else:
            ready.append(replace(message, content=found))
    return ready, refused


def _content(content: Mapping[str, Any], row: SharedFile | None) -> Mapping[str, Any] | Refused:
    if row is None or not default_storage.exists(row.storage_key):
        return Refused(code="no_file", detail="", scope="message")
    if row.size > SENT_MAX:
        return Refused(code="too_large", detail=str(row.size), scope="message")
    with default_storage.open(row.storage_key) as source:
        data = base64.b64encode(source.read()).decode()
    kept = {key: value for key, value in content.items() if key != "asset"}
    # Documents must have a name.
    name = {"filename": content.get("filename") or row.filename} if row.kind == "document" else {}
    return {**kept, **name, "base64": data, "mime_type": row.mime_type}
