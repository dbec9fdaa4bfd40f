"""What a message looks like on the phone page: plain data, made from the request of the business."""

from __future__ import annotations

from typing import Any, Final

from conversations.simulator.config import Json
from conversations.simulator.errors import title
from conversations.simulator.model import Sent

MEDIA_NAMES: Final = {
    "image": "Foto",
    "video": "Vídeo",
    "audio": "Áudio",
    "document": "Documento",
    "sticker": "Figurinha",
    "location": "Localização",
    "contacts": "Contato",
}
QUOTE_MAX: Final = 120


def from_business(sent: Sent, body: Json, context: Json | None, now: float) -> Json:
    """Return the bubble of a delivered message."""
    bubble: Json = {
        "id": sent.wamid,
        "side": "in",
        "at": now,
        "type": sent.kind,
        "text": sent.text,
        "unread": True,
    }
    if context is not None:
        bubble["quote"] = quote(context)
    if sent.kind == "interactive":
        bubble.update(_interactive(body["interactive"]))
    elif sent.kind in MEDIA_NAMES:
        bubble["media"] = MEDIA_NAMES[sent.kind]
    elif sent.kind == "template":
        buttons = _template_buttons(body["template"])
        if buttons:
            bubble["buttons"] = buttons
    return bubble


def from_person(wamid: str, *, kind: str, text: str, quoted: Json | None, now: float) -> Json:
    """Return the bubble of a message that the person wrote; its tick is `waiting` until the business has it."""
    bubble: Json = {"id": wamid, "side": "out", "at": now, "type": kind, "text": text, "tick": "waiting"}
    if kind in MEDIA_NAMES:
        bubble["media"] = MEDIA_NAMES[kind]
    if quoted is not None:
        bubble["quote"] = quote(quoted)
    return bubble


def note(wamid: str, now: float, code: int) -> Json:
    """Return the line that stands for a message that did not arrive."""
    return {"id": wamid, "side": "note", "at": now, "code": code, "text": title(code)}


def quote(bubble: Json) -> Json:
    """Return what is shown above an answer."""
    text = str(bubble.get("text") or bubble.get("media") or "")
    return {"side": bubble["side"], "text": text[:QUOTE_MAX]}


def _interactive(data: Json) -> Json:
    action = data.get("action") or {}
    parts: Json = {"footer": (data.get("footer") or {}).get("text", "")}
    header = data.get("header") or {}
    if header:
        parts["header"] = header.get("text", "") or MEDIA_NAMES.get(str(header.get("type")), "")
    match data.get("type"):
        case "button":
            parts["buttons"] = [button["reply"] for button in action.get("buttons", [])]
        case "list":
            parts["list"] = {"button": action.get("button", ""), "sections": action.get("sections", [])}
        case "cta_url":
            parameters = action.get("parameters") or {}
            parts["link"] = {"title": parameters.get("display_text", ""), "url": parameters.get("url", "")}
    return parts


def _template_buttons(template: Json) -> list[Json]:
    """Return the quick replies of a template message, as buttons."""
    buttons = []
    for component in template.get("components", []):
        if component.get("type") == "button" and component.get("sub_type") == "quick_reply":
            payload: Any = next((item.get("payload") for item in component.get("parameters", [])), "")
            buttons.append({"id": str(payload), "title": str(payload)[:20], "template": True})
    return buttons
