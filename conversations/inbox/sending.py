"""Sending files as an agent, and sending again what failed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.core.files.base import File as Upload

from conversations import content_words
from conversations.content import CAPTION_MAX, Content, ContentError, File, parse
from conversations.inbox import threads
from conversations.media import outgoing
from conversations.models import Conversation, Message, SharedFile
from pytake.accounts.models import User

WITH_CAPTION: Final = frozenset({"image", "video", "document"})


def send_file(
    conversation: Conversation,
    upload: Upload[Any],
    *,
    text: str,
    by: User,
    now: datetime,
    client_key: str | None = None,
    reply_to: Message | None = None,
) -> list[Message]:
    """Send a file with a caption; where none is possible, or it is too long, the text follows by itself."""
    kept = outgoing.add(upload, organization=conversation.organization, by=by)
    words = text.strip()
    caption = words if kept.kind in WITH_CAPTION and len(words) <= CAPTION_MAX else ""
    content = of_file(kept, caption=caption)
    sent = [threads.send(conversation, content, by=by, now=now, client_key=client_key, reply_to=reply_to)]
    if words and not caption:
        key = f"{client_key}-text"[:64] if client_key else None
        sent.append(threads.reply(conversation, text=words, by=by, now=now, client_key=key))
    return sent


def of_file(kept: SharedFile, *, caption: str = "") -> Content:
    """Return a file of ours as a message."""
    name = kept.filename if kept.kind == "document" else ""
    try:
        return File(kind=kept.kind, asset=str(kept.pk), filename=name, caption=caption)
    except ContentError as error:
        raise content_words.as_domain_error(error) from error


def send_again(conversation: Conversation, failed: Message, *, by: User, now: datetime, client_key: str) -> Message:
    """Send what failed once more, as a message of its own."""
    try:
        content = parse(failed.content)
    except ContentError as error:
        raise content_words.as_domain_error(error) from error
    return threads.send(
        conversation, content, by=by, now=now, client_key=client_key, retry_of=failed, reply_to=failed.reply_to
    )
