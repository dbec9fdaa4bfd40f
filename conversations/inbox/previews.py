"""One line of a message for lists and quotes. Stored lines name types in brackets; people read words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from conversations import payloads
from conversations.content import ContentError, parse
from conversations.models import Message

LABELS: Final[dict[str, str | Promise]] = {
    "image": _("Photo"),
    "video": _("Video"),
    "audio": _("Audio"),
    "voice": _("Voice message"),
    "document": _("Document"),
    "sticker": _("Sticker"),
    "location": _("Location"),
    "contacts": _("Contact card"),
    "interactive": _("Form"),
    "template": _("Template"),
    "order": _("Order"),
    "reaction": _("Reaction"),
    "system": _("Notice from WhatsApp"),
    "unsupported": _("Message that WhatsApp did not pass on"),
    "edit": _("Edited a message"),
    "revoke": _("Deleted a message"),
}
_MARK: Final = re.compile(r"\[([a-z]{4,12})\](?: (.*))?", re.DOTALL)


def readable(preview: str) -> str:
    """Return a stored line in words."""
    match = _MARK.fullmatch(preview)
    if match is None or match[1] not in LABELS:
        return preview
    label = str(LABELS[match[1]])
    return f"{label}: {match[2]}" if match[2] else label


def line_of(message: Message) -> str:
    """Return one line that stands for a message."""
    if message.direction == Message.Direction.INBOUND:
        return readable(payloads.preview_of(message.content, text=message.text))[:200]
    if message.message_type not in {"text", "interactive"}:
        return readable(_preview(message.content) or message.text)[:200]
    return (message.text or str(LABELS.get(message.message_type, message.message_type)))[:200]


def _preview(content: Mapping[str, Any]) -> str:
    try:
        return parse(content).preview()
    except ContentError:
        return ""
