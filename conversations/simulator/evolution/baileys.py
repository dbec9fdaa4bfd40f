"""Messages in the words of the unofficial protocol, made from content in Meta's words (which the phone page speaks)."""

from __future__ import annotations

from typing import Any, Final

from conversations.simulator.config import Json
from conversations.simulator.model import Media

ACKS: Final = {
    "sent": "SERVER_ACK",
    "delivered": "DELIVERY_ACK",
    "read": "READ",
    "played": "PLAYED",
    "failed": "ERROR",
}
MEDIA: Final = frozenset({"image", "video", "audio", "document", "sticker"})


def message(item: Json, *, jid: str, media: Media | None) -> tuple[str, Json]:
    """Return the type and the `message` object of what a person wrote."""
    kind = str(item["type"])
    inside: Any = item.get(kind) or {}
    if kind in MEDIA:
        return f"{kind}Message", {f"{kind}Message": _file(kind, inside, media)}
    match kind:
        case "text":
            return "conversation", {"conversation": inside.get("body", "")}
        case "location":
            place = {"degreesLatitude": inside.get("latitude"), "degreesLongitude": inside.get("longitude")}
            return "locationMessage", {"locationMessage": {**place, **_some(inside, "name", "address")}}
        case "contacts":
            cards = [_card(card) for card in inside or []]
            if len(cards) == 1:
                return "contactMessage", {"contactMessage": cards[0]}
            return "contactsArrayMessage", {"contactsArrayMessage": {"contacts": cards}}
        case "reaction":
            key = {"remoteJid": jid, "fromMe": True, "id": inside.get("message_id")}
            return "reactionMessage", {"reactionMessage": {"key": key, "text": inside.get("emoji", "")}}
        case "interactive":
            return _choice(inside)
        case _:
            return f"{kind}Message", {f"{kind}Message": inside}


def _choice(inside: Json) -> tuple[str, Json]:
    if inside.get("type") == "list_reply":
        row = inside["list_reply"]
        chosen = {"title": row["title"], "singleSelectReply": {"selectedRowId": row["id"]}}
        return "listResponseMessage", {"listResponseMessage": chosen}
    button = inside.get("button_reply") or {}
    pressed = {"selectedButtonId": button.get("id"), "selectedDisplayText": button.get("title")}
    return "buttonsResponseMessage", {"buttonsResponseMessage": pressed}


def _file(kind: str, inside: Json, media: Media | None) -> Json:
    made: Json = {
        "url": "https://mmg.whatsapp.net/v/t62.7118-24/000.enc",
        "mimetype": inside.get("mime_type", ""),
        "mediaKey": "c2ltdWxhdG9y",
        **_some(inside, "caption"),
    }
    if inside.get("filename"):
        made["fileName"] = inside["filename"]
    if kind == "audio":
        made |= {"ptt": bool(inside.get("voice", True)), "seconds": 4}
    if media is not None:
        made |= {"fileLength": str(len(media.content)), "mimetype": media.mime_type, "fileSha256": media.sha256}
    return made


def _card(card: Json) -> Json:
    name = str((card.get("name") or {}).get("formatted_name", ""))
    phones = [str(phone.get("phone", "")) for phone in card.get("phones", [])]
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"FN:{name}"]
    lines += [f"TEL;type=CELL;waid={''.join(c for c in phone if c.isdigit())}:{phone}" for phone in phones]
    return {"displayName": name, "vcard": "\n".join([*lines, "END:VCARD"])}


def _some(inside: Json, *names: str) -> Json:
    return {name: inside[name] for name in names if inside.get(name)}
