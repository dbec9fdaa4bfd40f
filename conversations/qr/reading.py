"""What Evolution API posts, told in the words that the rest of the channel reads (those of the Cloud API). Pure.

Shapes differ between versions; what is missing is left out, and what is unknown is kept as it came.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from conversations import payloads
from conversations.payloads import Item, UnreadableError

# The rungs of the unofficial protocol. PENDING says nothing; DELETED has been reported for edits.
STATUSES: Final = {
    "SERVER_ACK": "sent",
    "DELIVERY_ACK": "delivered",
    "READ": "read",
    "PLAYED": "played",
    "ERROR": "failed",
}
LINK_EVENTS: Final = frozenset(
    {"connection.update", "qrcode.updated", "logout.instance", "remove.instance", "status.instance"}
)
# Sent from the phone, as opposed to the copies of what was sent through the server.
PHONES: Final = frozenset({"ios", "android", "web", "desktop"})
_MEDIA: Final = {
    "imageMessage": "image",
    "videoMessage": "video",
    "ptvMessage": "video",
    "audioMessage": "audio",
    "documentMessage": "document",
    "stickerMessage": "sticker",
}
_WAID: Final = re.compile(r"waid=(\d+)")
_TEL: Final = re.compile(r"^TEL[^:]*:(.+)$", re.MULTILINE)


def read(raw: bytes, *, number_id: uuid.UUID | None) -> list[Item]:
    """Return the items of a POST; raises UnreadableError."""
    body = payloads.decode(raw)
    event = body.get("event") if isinstance(body, dict) else None
    if not isinstance(event, str):
        raise UnreadableError("not an event of Evolution API")
    data = body.get("data")
    at = _seconds(body.get("date_time"))
    rows = data if isinstance(data, list) else [data]
    return [item for row in rows for item in _items(event.lower().replace("_", "."), row, at, str(number_id or ""))]


def of_record(row: dict[str, Any]) -> list[Item]:
    """Return a stored message of the session as an item."""
    return list(_of_message("send.message", row, ""))


def _items(event: str, data: Any, at: str, number: str) -> Iterator[Item]:
    if not isinstance(data, dict):
        yield Item(kind="other", phone_number_id=number, payload={"event": event, "data": data})
    elif event in LINK_EVENTS:
        yield Item(kind="link", phone_number_id=number, payload={"event": event, "data": data, "at": at})
    elif event in {"messages.upsert", "send.message"}:
        yield from _of_message(event, data, number)
    elif event == "messages.update":
        yield from _of_status(data, at, number)
    elif event in {"messages.edited", "messages.delete"}:
        yield from _of_change(event, data, at, number)
    else:
        yield Item(kind="other", phone_number_id=number, payload={"event": event, "data": data})


def _of_message(event: str, data: dict[str, Any], number: str) -> Iterator[Item]:
    key = _mapping(data.get("key"))
    jid, message_id = str(key.get("remoteJid") or ""), str(key.get("id") or "")
    if jid.endswith(("@broadcast", "@newsletter")):
        return
    sender, contact = _sender(key, data)
    if not message_id or not sender:
        yield Item(kind="other", phone_number_id=number, payload={"event": event, "data": data})
        return
    content = _content(message_id, str(data.get("messageType") or ""), _mapping(data.get("message")))
    payload = {**sender, "id": message_id, "timestamp": str(data.get("messageTimestamp") or ""), **content}
    quoted = _mapping(data.get("contextInfo")).get("stanzaId")
    if quoted:
        payload["context"] = {"id": quoted}
    if jid.endswith("@g.us"):
        payload["group_id"] = jid
    if key.get("fromMe"):
        typed = event == "messages.upsert" and str(data.get("source")) in PHONES
        yield Item(kind="echo", phone_number_id=number, payload={**payload, "from_phone": typed})
        return
    yield Item(kind="message", phone_number_id=number, payload=payload, contact=contact)


def _sender(key: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the person's addresses as a message names them (the other side of the chat), and the profile."""
    jid = str(key.get("remoteJid") or "")
    if jid.endswith("@g.us"):
        candidates = [key.get("participant"), key.get("participantAlt") or key.get("participantPn")]
    else:
        candidates = [jid, key.get("remoteJidAlt") or key.get("senderPn")]
    found: dict[str, str] = {}
    for candidate in candidates:
        name, _, host = str(candidate or "").partition("@")
        name = name.partition(":")[0]
        if host == "s.whatsapp.net" and name.isdecimal():
            found["from"] = name
        elif host == "lid" and name.isdecimal():
            found["from_lid"] = name
    # What we sent carries our own name.
    name = "" if key.get("fromMe") else str(data.get("pushName") or "")
    return found, {"profile": {"name": name}} if name else {}


def _content(message_id: str, kind: str, message: Mapping[str, Any]) -> dict[str, Any]:
    """Return type and body of a message."""
    inner = _mapping(message.get(kind)) if kind in message else {}
    if kind == "conversation" or "conversation" in message:
        return _text(message.get("conversation"))
    if kind == "extendedTextMessage":
        return _text(inner.get("text"))
    if kind in _MEDIA:
        return {"type": _MEDIA[kind], _MEDIA[kind]: _file(message_id, kind, inner)}
    if kind in _READERS:
        return _READERS[kind](inner)
    return {"type": "unsupported", "unsupported": {"type": kind}}


def _text(value: Any) -> dict[str, Any]:
    return {"type": "text", "text": {"body": str(value or "")}}


def _file(message_id: str, kind: str, inner: Mapping[str, Any]) -> dict[str, Any]:
    # The server gives the file to whoever names the message.
    made: dict[str, Any] = {"id": message_id, "mime_type": str(inner.get("mimetype") or "")}
    made |= {ours: inner[theirs] for theirs, ours in _FILE_KEYS if inner.get(theirs)}
    return {**made, "voice": True} if kind == "audioMessage" and inner.get("ptt") else made


_FILE_KEYS: Final = (("caption", "caption"), ("fileName", "filename"))


def _location(inner: Mapping[str, Any]) -> dict[str, Any]:
    made = {"latitude": inner.get("degreesLatitude"), "longitude": inner.get("degreesLongitude")}
    made |= {name: inner[name] for name in ("name", "address") if inner.get(name)}
    return {"type": "location", "location": made}


def _contact(inner: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "contacts", "contacts": [_card(inner)]}


def _contacts(inner: Mapping[str, Any]) -> dict[str, Any]:
    cards = inner.get("contacts")
    rows = cards if isinstance(cards, list) else []
    return {"type": "contacts", "contacts": [_card(card) for card in rows if isinstance(card, dict)]}


def _card(inner: Mapping[str, Any]) -> dict[str, Any]:
    card = str(inner.get("vcard") or "")
    phones = [{"phone": found.strip()} for found in _TEL.findall(card)]
    for phone, wa_id in zip(phones, _WAID.findall(card), strict=False):
        phone["wa_id"] = wa_id
    return {"name": {"formatted_name": str(inner.get("displayName") or "")}, "phones": phones}


def _reaction(inner: Mapping[str, Any]) -> dict[str, Any]:
    target = _mapping(inner.get("key")).get("id")
    return {"type": "reaction", "reaction": {"message_id": target, "emoji": str(inner.get("text") or "")}}


def _button(inner: Mapping[str, Any]) -> dict[str, Any]:
    reply = {
        "id": inner.get("selectedButtonId") or inner.get("selectedId"),
        "title": str(inner.get("selectedDisplayText") or ""),
    }
    return {"type": "interactive", "interactive": {"type": "button_reply", "button_reply": reply}}


def _row(inner: Mapping[str, Any]) -> dict[str, Any]:
    chosen = _mapping(inner.get("singleSelectReply")).get("selectedRowId")
    reply = {"id": chosen, "title": str(inner.get("title") or "")}
    return {"type": "interactive", "interactive": {"type": "list_reply", "list_reply": reply}}


_READERS: Final = {
    "locationMessage": _location,
    "liveLocationMessage": _location,
    "contactMessage": _contact,
    "contactsArrayMessage": _contacts,
    "reactionMessage": _reaction,
    "buttonsResponseMessage": _button,
    "templateButtonReplyMessage": _button,
    "listResponseMessage": _row,
}


def _of_status(data: dict[str, Any], at: str, number: str) -> Iterator[Item]:
    """Give the status of one of our messages. `messageId` is a key of the server's own; only `keyId` means anything."""
    status = STATUSES.get(str(data.get("status") or ""))
    key_id = data.get("keyId")
    if not data.get("fromMe") or status is None or not isinstance(key_id, str):
        return
    payload: dict[str, Any] = {"id": key_id, "status": status, "timestamp": at}
    if status == "failed":
        payload["errors"] = [{"code": "QR_ERROR", "title": "WhatsApp reported an error."}]
    yield Item(kind="status", phone_number_id=number, payload=payload)


def _of_change(event: str, data: dict[str, Any], at: str, number: str) -> Iterator[Item]:
    """Give an edit or a deletion by the other side."""
    key = _mapping(data.get("key")) or data
    sender, _ = _sender(key, data)
    target = str(key.get("id") or "")
    if key.get("fromMe") or not sender or not target:
        return
    kind = "edit" if event == "messages.edited" else "revoke"
    change: dict[str, Any] = {"original_message_id": target}
    if kind == "edit":
        edited = _mapping(data.get("editedMessage"))
        # Some versions wrap the new text once more.
        edited = _mapping(_mapping(edited.get("editedMessage")).get("message")) or edited
        change["message"] = _content(target, next(iter(edited), ""), edited)
    mark = f"{target}:{kind}" if kind == "revoke" else f"{target}:{kind}:{at}"
    yield Item(
        kind="message",
        phone_number_id=number,
        payload={**sender, "id": mark, "timestamp": at, "type": kind, kind: change},
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _seconds(value: Any) -> str:
    """Return Unix seconds of an ISO instant; empty if it is none."""
    try:
        return f"{datetime.fromisoformat(str(value)).timestamp():.3f}"
    except ValueError:
        return ""
