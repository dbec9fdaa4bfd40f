"""Rows for the files that stored messages announce."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from conversations.models import MediaFile, Message
from conversations.payloads import MEDIA
from pytake.infra import bulk
from pytake.infra.nudge import nudge

# So long does the provider keep what a webhook announced.
LIFE: Final = timedelta(days=7)


def expect(messages: Sequence[Message], *, now: datetime) -> None:
    """Write a row for every message that announces a file, and tell a worker after the commit."""
    rows = [row for message in messages if (row := _row(message, now)) is not None]
    if rows:
        bulk.insert(MediaFile, rows)
        nudge("conversations.fetch_media")


def _row(message: Message, now: datetime) -> MediaFile | None:
    body = announced(message.content)
    if body is None:
        return None
    media_id = body.get("id")
    row = MediaFile(
        organization_id=message.organization_id,
        message=message,
        number_id=message.number_id,
        provider_media_id=str(media_id or "")[:255],
        declared_type=str(body.get("mime_type") or "")[:150],
        filename=str(body.get("filename") or "")[:150],
        expires_at=(message.whatsapp_timestamp or now) + LIFE,
        due_at=now,
        created_at=now,
        updated_at=now,
    )
    problem = _problem(message.content)
    if problem or not media_id:
        row.state = MediaFile.State.FAILED
        row.error_code, row.error_detail = problem or ("no_id", "")
    return row


def announced(payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what a message, or the new version in an edit, says of its file."""
    kind = str(payload.get("type"))
    if kind == "edit":
        edit = payload.get("edit")
        inner = edit.get("message") if isinstance(edit, dict) else None
        return announced(inner) if isinstance(inner, dict) and inner.get("type") != "edit" else None
    body = payload.get(kind)
    return body if kind in MEDIA | {"voice"} and isinstance(body, dict) else None


def _problem(payload: Mapping[str, Any]) -> tuple[str, str] | None:
    errors = payload.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return None
    data = first.get("error_data")
    detail = data.get("details") if isinstance(data, dict) else None
    return str(first.get("code") or "")[:40], str(detail or first.get("title") or "")[:255]
