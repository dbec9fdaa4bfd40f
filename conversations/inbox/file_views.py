"""Handing files of messages to people who may see the conversation, and asking for a file once more."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import IO, Final

from django.core.files.storage import default_storage
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_POST

from conversations.content import assets_of
from conversations.media import fetching, kinds
from conversations.models import Conversation, MediaFile, Message, SharedFile
from pytake.accounts.access import requires
from pytake.accounts.member_request import MemberRequest

CHUNK: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


@requires("conversations.view")
@require_GET
def media(request: MemberRequest, pk: uuid.UUID) -> StreamingHttpResponse:
    """Give the file of a message: what is safe to show inside a page, everything else as a download."""
    row = _ours(request, pk) or _visible(request, pk)
    stored = isinstance(row, SharedFile) or row.state == MediaFile.State.STORED
    if not stored or not default_storage.exists(row.storage_key):
        raise Http404
    inline = row.mime_type in kinds.INLINE and "download" not in request.GET
    source = default_storage.open(row.storage_key)
    response = _body(source, request.headers.get("Range", ""), row.size or 0)
    response["Content-Type"] = kinds.OCTETS if row.mime_type in kinds.ACTIVE else row.mime_type
    name = kinds.safe_name(row.filename, mime_type=row.mime_type)
    response["Content-Disposition"] = content_disposition_header(not inline, name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, max-age=300"
    response["Accept-Ranges"] = "bytes"
    return response


@requires("conversations.reply")
@require_POST
def media_again(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask for a file that failed once more, then show the thread."""
    row = _visible(request, pk)
    fetching.fetch_again(row, now=timezone.now())
    query = f"?view=all&c={row.message.conversation_id}"
    if request.htmx:
        return HttpResponse(status=204, headers={"HX-Trigger": "inbox:reread"})
    return redirect(reverse("inbox:inbox") + query)


def _ours(request: MemberRequest, pk: uuid.UUID) -> SharedFile | None:
    """Return the file that we sent with a message of a conversation that the person may see."""
    threads = Conversation.objects.visible_to(request.user)
    message = Message.objects.filter(pk=pk, direction="outbound", conversation__in=threads).first()
    names = assets_of(message.content) if message is not None else set()
    return SharedFile.objects.filter(pk__in=[uuid.UUID(name) for name in sorted(names)[:1]]).first()


def _visible(request: MemberRequest, pk: uuid.UUID) -> MediaFile:
    """Return the file of a message of a conversation that the person may see; 404 without saying why."""
    threads = Conversation.objects.visible_to(request.user)
    rows = MediaFile.objects.select_related("message").filter(message_id=pk, message__conversation__in=threads)
    row = rows.first()
    if row is None:
        raise Http404
    return row


def _body(source: IO[bytes], wanted: str, size: int) -> StreamingHttpResponse:
    """Return the file, or the one part of it that players ask for."""
    first, last, status = 0, size - 1, 200
    match = _RANGE.fullmatch(wanted.strip())
    if match is not None and any(match.groups()):
        first, last, status = *_span(match[1], match[2], size), 206
        if first > last:
            source.close()
            return StreamingHttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    response = StreamingHttpResponse(_read(source, first, last - first + 1), status=status)
    response["Content-Length"] = str(last - first + 1)
    if status == 206:
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    return response


def _span(start: str, end: str, size: int) -> tuple[int, int]:
    if not start:
        return max(0, size - int(end)), size - 1
    return int(start), min(int(end), size - 1) if end else size - 1


def _read(source: IO[bytes], first: int, left: int) -> Iterator[bytes]:
    with source:
        source.seek(first)
        while left > 0 and (chunk := source.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk
