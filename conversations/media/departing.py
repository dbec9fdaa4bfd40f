"""Messages that need files of ours: the uploads they wait for are ordered with them, in the same transaction."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from conversations.content import assets_of
from conversations.models import MediaUpload, Message, WhatsAppNumber
from pytake.infra import bulk
from pytake.infra.nudge import nudge

# Renewed so long before the provider forgets them: some time is left for queues.
MARGIN: Final = timedelta(days=1)
HOLD: Final = timedelta(seconds=30)
_S = MediaUpload.State
_QUEUED, _OFFICIAL = Message.DispatchState.QUEUED, WhatsAppNumber.ConnectionType.OFFICIAL


def expect(messages: Sequence[Message], *, now: datetime) -> None:
    """Order the uploads that new messages need, and put those messages off until they are there."""
    named = _named(messages)
    wanted = {(file, message.number_id): message for message, files in named for file in files}
    if not wanted:
        return
    rows = [
        MediaUpload(
            organization_id=message.organization_id,
            file_id=uuid.UUID(file),
            number_id=number_id,
            due_at=now,
            created_at=now,
            updated_at=now,
        )
        for (file, number_id), message in sorted(wanted.items(), key=lambda pair: (pair[0][0], str(pair[0][1])))
    ]
    bulk.insert(MediaUpload, rows, ignore_conflicts=True)
    files = {row.file_id for row in rows}
    _renew(files, now=now)
    ready = {(str(file), number) for file, number in _ready(files, now=now).values_list("file_id", "number_id")}
    for message, theirs in named:
        if any((file, message.number_id) not in ready for file in theirs):
            message.not_before = max(message.not_before or now, now + HOLD)
    if wanted.keys() - ready:
        nudge("conversations.upload_media")


def _named(messages: Sequence[Message]) -> list[tuple[Message, set[str]]]:
    """Return messages with the files of ours that the official API must have before they leave."""
    queued = [one for one in messages if one.message_type != "text" and one.dispatch_state == _QUEUED]
    named = [(message, files) for message in queued if (files := assets_of(message.content))]
    if not named:
        return []
    numbers_ = WhatsAppNumber.objects.filter(pk__in={message.number_id for message, _ in named})
    official = set(numbers_.filter(connection_type=_OFFICIAL).values_list("pk", flat=True))
    return [(message, files) for message, files in named if message.number_id in official]


def _ready(files: Iterable[uuid.UUID], *, now: datetime) -> Any:
    return MediaUpload.objects.filter(file_id__in=files, state=_S.READY, expires_at__gt=now)


def _renew(files: Iterable[uuid.UUID], *, now: datetime) -> None:
    """Try again what failed, and what the provider will soon forget."""
    rows = MediaUpload.objects.filter(file_id__in=files)
    fresh = {"state": _S.PENDING, "due_at": now, "attempts": 0, "error_code": "", "error_detail": "", "updated_at": now}
    rows.filter(state=_S.FAILED).update(**fresh)
    rows.filter(state=_S.READY, expires_at__lte=now + MARGIN).update(**fresh)


def forget_lost(number: WhatsAppNumber, message_ids: Sequence[uuid.UUID]) -> None:
    """Let files be uploaded again for the next message: with these messages the provider did not have them."""
    if not message_ids:
        return
    contents = Message.objects.filter(pk__in=message_ids).values_list("content", flat=True)
    keys = [uuid.UUID(file) for content in contents for file in assets_of(content)]
    MediaUpload.objects.filter(number=number, file_id__in=keys, state=_S.READY).update(state=_S.FAILED)
