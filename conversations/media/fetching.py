"""Fetching files of messages: claim a row, download under a cap, store, settle. Rows are the queue.

A claim moves `due_at` past the longest download and commits before anything is asked of the provider; a worker that
dies leaves a row that comes up again. The place in the storage is part of the claim, so that a file without a row
cannot be left behind by one crash. Whoever settles must still hold the claim; else what it stored is deleted.
"""

from __future__ import annotations

import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any, Final

import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import connection, transaction

from conversations import numbers
from conversations.gateway import media as gateway
from conversations.media import kinds
from conversations.models import MediaFile
from conversations.qr import files
from notifications import events
from pytake.infra import tenancy
from pytake.infra.crypto import DecryptionError
from pytake.infra.nudge import nudge

log = structlog.get_logger(__name__)
LEASE: Final = timedelta(minutes=6)
ATTEMPTS_MAX: Final = 8
BACKOFF_MAX: Final = timedelta(hours=1)
IN_MEMORY: Final = 1024 * 1024
AT_A_TIME: Final = 4
# A number of our own among PostgreSQL's advisory locks.
LOCK: Final = 7_104_001


@dataclass(frozen=True, slots=True)
class Claim:
    """A row that this worker fetches. `former` is where an attempt that did not end may have stored."""

    pk: uuid.UUID
    organization_id: uuid.UUID
    token: uuid.UUID
    key: str
    former: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A file that lies in the storage."""

    mime_type: str
    declared_type: str
    size: int
    sha256: str


def fetch_waiting(*, until: datetime, clock: Any) -> int:
    """Fetch what is due until nothing is or `clock()` reaches `until`. Returns how many rows were tried."""
    total = 0
    while clock() < until and (found := claim(now=clock())) is not None:
        fetch(found, clock=clock)
        total += 1
    return total


def fetch_together(*, until: datetime, clock: Any) -> int:
    """Fetch some files at a time; 0 at once when another worker is at it already."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        row = cursor.fetchone()
        if not row or not row[0]:
            return 0
        try:
            with ThreadPoolExecutor(AT_A_TIME) as pool:
                return sum(pool.map(lambda _: _in_thread(until, clock), range(AT_A_TIME)))
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _in_thread(until: datetime, clock: Any) -> int:
    try:
        return fetch_waiting(until=until, clock=clock)
    finally:
        connection.close()


_CLAIM: Final = """
UPDATE conversations_mediafile media SET
    due_at = %(lease)s, attempts = media.attempts + 1, claim_token = %(token)s,
    storage_key = media.organization_id::text || '/' || %(name)s
FROM (
    SELECT id, storage_key FROM conversations_mediafile
    WHERE state = 'pending' AND due_at <= %(now)s ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
) due
WHERE media.id = due.id
RETURNING media.id, media.organization_id, media.claim_token, media.storage_key, due.storage_key
"""


def claim(*, now: datetime) -> Claim | None:
    """Take the row that has been due longest, for this worker alone until the lease runs out."""
    values: dict[str, Any] = {"now": now, "lease": now + LEASE, "token": uuid.uuid4(), "name": uuid.uuid4().hex}
    with tenancy.platform_scope("find media to fetch"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        row = cursor.fetchone()
    return Claim(*row) if row else None


def fetch(found: Claim, *, clock: Any) -> None:
    """Fetch one file and write down how it ended."""
    with tenancy.organization_context(found.organization_id):
        row = MediaFile.objects.select_related("number", "message").get(pk=found.pk)
        try:
            if found.former:
                default_storage.delete(found.former)
            result: Stored | gateway.MediaError = _download(row, found)
        except gateway.MediaError as exc:
            result = exc
        except OSError as exc:  # the storage is full or away; the row comes up again
            log.exception("media.storage_failed", media_id=str(row.pk))
            result = gateway.MediaError("storage", type(exc).__name__)
        if not _settle(row, found, result, now=clock()):
            default_storage.delete(found.key)


def _download(row: MediaFile, found: Claim) -> Stored:
    if row.attempts > ATTEMPTS_MAX:
        raise gateway.MediaError("too_often", is_final=True)
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as target:
        fetched = _fetched(row, target)
        target.seek(0)
        declared = row.declared_type or fetched.declared_type[:150]
        mime_type = kinds.sniff(target.read(kinds.HEAD), declared)
        store(found.key, target)
    return Stored(mime_type=mime_type, declared_type=declared, size=fetched.size, sha256=fetched.sha256)


def _fetched(row: MediaFile, target: IO[bytes]) -> gateway.Fetched:
    if row.number.is_qr:
        return files.fetch(row.provider_media_id, target, number=row.number, bytes_max=settings.MEDIA_BYTES_MAX)
    return gateway.fetch(row.provider_media_id, target, source=_source(row))


def _source(row: MediaFile) -> gateway.Source:
    number = row.number
    try:
        token = numbers.access_token(number)
    except DecryptionError as exc:
        raise gateway.MediaError("token", "The number has no readable access token.") from exc
    return gateway.Source(
        base_url=settings.GRAPH_BASE_URL,
        version=settings.GRAPH_API_VERSION,
        phone_number_id=number.phone_number_id or "",
        token=token,
        hosts=tuple(settings.MEDIA_HOSTS),
        bytes_max=settings.MEDIA_BYTES_MAX,
    )


def store(key: str, source: IO[bytes]) -> None:
    """Write a file into the storage under exactly this key."""
    source.seek(0)
    saved = default_storage.save(key, File(source))
    if saved != key:
        default_storage.delete(saved)
        raise OSError("the key was taken")


def _settle(row: MediaFile, found: Claim, result: Stored | gateway.MediaError, *, now: datetime) -> bool:
    """Write the end of an attempt if the claim still holds; returns whether the stored file is kept."""
    if isinstance(result, Stored):
        values: dict[str, Any] = {
            "state": MediaFile.State.STORED,
            "mime_type": result.mime_type,
            "declared_type": result.declared_type,
            "size": result.size,
            "sha256": result.sha256,
            "error_code": "",
            "error_detail": "",
        }
    else:
        values = {"error_code": result.code[:40], "error_detail": result.detail, "storage_key": ""}
        if result.is_gone:
            values["state"] = MediaFile.State.EXPIRED
        elif row.expires_at <= now and not result.is_final:
            values |= {"state": MediaFile.State.EXPIRED, "error_code": "expired"}
        elif result.is_final or row.attempts >= ATTEMPTS_MAX:
            values["state"] = MediaFile.State.FAILED
        else:
            values["due_at"] = now + min(BACKOFF_MAX, timedelta(seconds=5 * 3 ** (row.attempts - 1)))
    with transaction.atomic():
        held = MediaFile.objects.filter(pk=row.pk, claim_token=found.token, state=MediaFile.State.PENDING)
        changed = held.update(claim_token=None, updated_at=now, **values)
        if changed:
            _announce(row, now=now)
    return bool(changed) and isinstance(result, Stored)


@transaction.atomic
def fetch_again(row: MediaFile, *, now: datetime) -> bool:
    """Put a file that failed or expired back into the queue. Returns whether there was anything to do."""
    states = (MediaFile.State.FAILED, MediaFile.State.EXPIRED)
    ended = MediaFile.objects.filter(pk=row.pk, state__in=states).exclude(provider_media_id="")
    if not ended.update(state=MediaFile.State.PENDING, attempts=0, due_at=now, updated_at=now):
        return False
    nudge("conversations.fetch_media")
    return True


def _announce(row: MediaFile, *, now: datetime) -> None:
    """Tell open pages that the bubble looks different."""
    message = row.message
    events.emit_many(
        [
            events.EventDraft(
                organization_id=row.organization_id,
                room=f"conversation:{message.conversation_id}",
                event_type="message:status",
                now=now,
                data={
                    "conversation_id": str(message.conversation_id),
                    "message_id": str(message.pk),
                    "status": message.status,
                },
            )
        ]
    )
