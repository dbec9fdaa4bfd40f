"""Our content in the words of Evolution API. Pure.

What numbers paired by QR code cannot show becomes text: buttons and lists are numbered.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from conversations import content as contents
from conversations.gateway.base import Outgoing

# Spent inside of the request while the other side sees "typing": long waits would keep the line busy.
TYPING_MAX_MS: Final = 1000
_MS_A_LETTER: Final = 25


class Request(NamedTuple):
    """Where a message is posted (under `message/`) and what."""

    endpoint: str
    body: dict[str, Any]


def request(message: Outgoing, *, typing: bool = False) -> Request:
    """Return the request for a message; raises ValueError for content that cannot be sent this way."""
    endpoint, body = _content(message.content)
    if endpoint == "sendReaction":
        body["key"] |= {"remoteJid": jid(message)}
        return Request(endpoint, body)
    body = {"number": number(message), **body}
    if message.reply_to:
        body["quoted"] = {"key": {"id": message.reply_to}}
    if typing and endpoint == "sendText":
        body["delay"] = typing_ms(body["text"])
    return Request(endpoint, body)


def number(message: Outgoing) -> str:
    """Return the address as Evolution expects it in `number`: digits, or a whole LID."""
    return jid(message) if message.to_kind == "lid" else message.to.lstrip("+")


def jid(message: Outgoing) -> str:
    """Return the address of the chat."""
    if message.to_kind == "lid":
        return message.to if message.to.endswith("@lid") else f"{message.to}@lid"
    return f"{message.to.lstrip('+')}@s.whatsapp.net"


def typing_ms(text: str) -> int:
    """Return how long a person would seem to type, never twice the same."""
    return int(min(len(text) * _MS_A_LETTER, TYPING_MAX_MS) * (0.6 + random.random() * 0.4))  # noqa: S311  # jitter


def text_of(content: Mapping[str, Any]) -> str | None:
    """Return the text that arrives for this content; None for content that is no text."""
    return contents.parse(content).as_numbered_text() if content["kind"] in _TEXTS else None


# Menus and what else needs a button arrive as text.
_TEXTS: Final = frozenset({"text", "buttons", "list", "link", "location_request"})
_MEDIA: Final = {"image": "image", "video": "video", "document": "document"}


def _content(content: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    kind = content["kind"]
    if kind in _TEXTS:
        body: dict[str, Any] = {"text": text_of(content)}
        if kind == "text":
            body["linkPreview"] = bool(content.get("preview_url", False))
        return "sendText", body
    if kind in _MEDIA:
        body = {"mediatype": _MEDIA[kind], "media": _source(content)}
        body |= _some(content, caption="caption", filename="fileName", mime_type="mimetype")
        return "sendMedia", body
    match kind:
        case "audio" | "voice":
            return "sendWhatsAppAudio", {"audio": _source(content), "encoding": True}
        case "sticker":
            return "sendSticker", {"sticker": _source(content)}
        case "location":
            place = {name: content.get(name) or "" for name in ("name", "address")}
            return "sendLocation", {"latitude": content["latitude"], "longitude": content["longitude"], **place}
        case "contacts":
            return "sendContact", {"contact": [_card(person) for person in content["people"]]}
        case "reaction":
            return "sendReaction", {
                "key": {"id": content["message_id"], "fromMe": False},
                "reaction": content.get("emoji", ""),
            }
        case _:
            raise ValueError(f"content of kind {kind!r} cannot be sent to a QR number")


def _source(content: Mapping[str, Any]) -> str:
    """Return the address or the bytes (base64) of a file; ids of the Cloud API mean nothing here."""
    found = content.get("link") or content.get("base64")
    if not found:
        raise ValueError("a file needs an address, or must be one of ours")
    return str(found)


def _some(content: Mapping[str, Any], **names: str) -> dict[str, Any]:
    return {theirs: content[ours] for ours, theirs in names.items() if content.get(ours)}


def _card(person: Mapping[str, Any]) -> dict[str, Any]:
    phone = str(next(iter(person.get("phones") or ()), ""))
    digits = "".join(char for char in phone if char.isdigit())
    made = {"fullName": str(person.get("name") or phone), "phoneNumber": phone, "wuid": digits}
    company = {"organization": str(person["company"])} if person.get("company") else {}
    email = next(iter(person.get("emails") or ()), "")
    return {**made, **company, **({"email": str(email)} if email else {})}
