"""Bringing files to the provider, once for a number: claim a row, upload, settle, let the messages go that wait.

Rows are the queue. A message whose file is on its way is put off for a moment, so that what follows it to the same
person waits too; a finished upload, good or bad, lets it go at once. Uploading twice does no harm.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction

from conversations import numbers
from conversations.claimed import Claimed
from conversations.content import assets_of, with_media
from conversations.gateway import media as gateway
from conversations.gateway import uploads
from conversations.gateway.base import Refused
from conversations.media import departing
from conversations.models import MediaUpload, SharedFile, WhatsAppNumber
from pytake.infra import tenancy
from pytake.infra.crypto import DecryptionError
from pytake.infra.nudge import nudge

log = structlog.get_logger(__name__)
# So long does the provider keep what was uploaded.
LIFE: Final = timedelta(days=30)
LEASE: Final = timedelta(minutes=6)
ATTEMPTS_MAX: Final = 6
_S = MediaUpload.State


@dataclass(frozen=True, slots=True)
class Claim:
    """A row that this worker uploads."""

    pk: uuid.UUID
    organization_id: uuid.UUID
    token: uuid.UUID


@dataclass(frozen=True, slots=True)
class Checked:
    """Messages by what their files allow: they may leave, must wait (with seconds), cannot be sent."""

    ready: list[Claimed]
    waiting: list[tuple[Claimed, float]]
    refused: list[tuple[Claimed, Refused]]


def check(number: WhatsAppNumber, messages: Sequence[Claimed], *, now: datetime) -> Checked:
    """Put the provider's media ids into messages that name files of ours; one query, none without such messages."""
    named = {message.id: files for message in messages if (files := assets_of(message.content))}
    if not named or number.connection_type != number.ConnectionType.OFFICIAL:
        return Checked(list(messages), [], [])
    wanted = [uuid.UUID(file) for file in set().union(*named.values())]
    rows = {str(row.file_id): row for row in MediaUpload.objects.filter(number=number, file_id__in=wanted)}
    found = Checked([], [], [])
    for message in messages:
        _sort(message, named.get(message.id, set()), rows, found, now=now)
    return found


def _sort(message: Claimed, files: set[str], rows: Mapping[str, MediaUpload], found: Checked, *, now: datetime) -> None:
    theirs = [rows[file] for file in files if file in rows]
    failed = [row for row in theirs if row.state == _S.FAILED]
    if failed or len(theirs) < len(files):
        code, detail = (failed[0].error_code, failed[0].error_detail) if failed else ("no_file", "")
        found.refused.append((message, Refused(code=code or "no_file", detail=detail, scope="message")))
    elif all(row.state == _S.READY and row.expires_at is not None and row.expires_at > now for row in theirs):
        ids = {file: rows[file].provider_media_id for file in files}
        found.ready.append(replace(message, content=with_media(message.content, ids)) if files else message)
    else:
        found.waiting.append((message, departing.HOLD.total_seconds()))


_CLAIM: Final = """
UPDATE conversations_mediaupload upload SET due_at = %(lease)s, attempts = upload.attempts + 1, claim_token = %(token)s
FROM (
    SELECT id FROM conversations_mediaupload
    WHERE state = 'pending' AND due_at <= %(now)s ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
) due
WHERE upload.id = due.id
RETURNING upload.id, upload.organization_id, upload.claim_token
"""


def upload_waiting(*, until: datetime, clock: Any) -> int:
    """Upload what is due until nothing is or `clock()` reaches `until`. Returns how many rows were tried."""
    total = 0
    while clock() < until and (found := claim(now=clock())) is not None:
        upload(found, clock=clock)
        total += 1
    return total


def claim(*, now: datetime) -> Claim | None:
    """Take the row that has been due longest, for this worker alone until the lease runs out."""
    values: dict[str, Any] = {"now": now, "lease": now + LEASE, "token": uuid.uuid4()}
    with tenancy.platform_scope("find media to upload"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        row = cursor.fetchone()
    return Claim(*row) if row else None


def upload(found: Claim, *, clock: Any) -> None:
    """Bring one file to the provider and write down how it ended."""
    with tenancy.organization_context(found.organization_id):
        row = MediaUpload.objects.select_related("number", "file").get(pk=found.pk)
        try:
            result: str | gateway.MediaError = _send(row)
        except gateway.MediaError as exc:
            result = exc
        except OSError as exc:  # the storage is away; the row comes up again
            log.exception("media.storage_failed", upload_id=str(row.pk))
            result = gateway.MediaError("storage", type(exc).__name__)
        _settle(row, found, result, now=clock())


def _send(row: MediaUpload) -> str:
    if row.attempts > ATTEMPTS_MAX:
        raise gateway.MediaError("too_often", is_final=True)
    number, file = row.number, row.file
    if not default_storage.exists(file.storage_key):
        raise gateway.MediaError("no_file", is_final=True)
    try:
        token = numbers.access_token(number)
    except DecryptionError as exc:
        raise gateway.MediaError("no_token", "The access token cannot be decrypted.", is_final=True) from exc
    address = f"{settings.GRAPH_BASE_URL}/{settings.GRAPH_API_VERSION}/{number.phone_number_id}/media"
    # A copy on this disk, whatever the storage: the client asks for its length and reads it in pieces.
    with default_storage.open(file.storage_key) as stored, tempfile.TemporaryFile() as source:
        shutil.copyfileobj(stored, source)
        source.seek(0)
        return uploads.upload(address, source, token=token, mime_type=_announced(file), filename=file.filename)


def _announced(file: SharedFile) -> str:
    return "audio/ogg; codecs=opus" if file.kind == "voice" else file.mime_type


def _settle(row: MediaUpload, found: Claim, result: str | gateway.MediaError, *, now: datetime) -> None:
    """Write the end of an attempt if the claim still holds, and let go of what waits for it."""
    values: dict[str, Any]
    if isinstance(result, str):
        values = {"state": _S.READY, "provider_media_id": result, "expires_at": now + LIFE, "error_code": ""}
    else:
        values = {"error_code": result.code[:40], "error_detail": result.detail}
        if result.is_final or row.attempts >= ATTEMPTS_MAX:
            values["state"] = _S.FAILED
        else:
            values["due_at"] = now + timedelta(seconds=3 ** (row.attempts - 1))
    with transaction.atomic():
        held = MediaUpload.objects.filter(pk=row.pk, claim_token=found.token, state=_S.PENDING)
        if held.update(claim_token=None, updated_at=now, **values) and "state" in values:
            _let_go(row)


_LET_GO: Final = """
UPDATE conversations_message SET not_before = NULL
WHERE number_id = %(number)s AND dispatch_state = 'queued' AND not_before IS NOT NULL AND attempts = 0
    AND jsonb_path_exists(content, '$.**.asset ? (@ == $file)', jsonb_build_object('file', %(file)s::text))
"""


def _let_go(row: MediaUpload) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_LET_GO, {"number": row.number_id, "file": str(row.file_id)})
    nudge("conversations.send_messages", number_id=str(row.number_id))
