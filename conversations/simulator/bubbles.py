"""What a message looks like on the phone page: plain data, made from the request of the business."""

from __future__ import annotations

import re
from typing import Any, Final

from conversations.simulator.config import Json
from conversations.simulator.errors import title
from conversations.simulator.model import Sent, Template

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


def from_business(
    sent: Sent, body: Json, context: Json | None, now: float, *, template: Template | None = None
) -> Json:
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
    elif sent.kind == "template":
        bubble.update(_template(body["template"], template))
    elif sent.kind in MEDIA_NAMES:
        bubble["media"] = MEDIA_NAMES[sent.kind]
        bubble.update(_parts(sent.kind, body[sent.kind]))
    return bubble


def _parts(kind: str, data: Any) -> Json:
    """Return the file, place or people of a message."""
    if kind == "location":
        return {"place": {key: str(data.get(key, "")) for key in ("latitude", "longitude", "name", "address")}}
    if kind == "contacts":
        return {"people": [_person(one) for one in data]}
    return {"file": file(kind, data)}


def file(kind: str, media: Json) -> Json:
    """Return what the page needs to show a file: its id for ours, or its address elsewhere."""
    shown = {"kind": kind, "id": str(media.get("id", "")), "link": str(media.get("link", ""))}
    return shown | {"name": str(media.get("filename", "")), "voice": bool(media.get("voice"))}


def _person(contact: Json) -> Json:
    phones = [str(phone.get("phone", "")) for phone in contact.get("phones") or []]
    return {"name": contact["name"]["formatted_name"], "phones": phones}


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
    kind = str(header.get("type", ""))
    if header.get("text"):
        parts["header"] = header["text"]
    elif isinstance(header.get(kind), dict):
        parts["file"] = file(kind, header[kind])
    match data.get("type"):
        case "button":
            parts["buttons"] = [button["reply"] for button in action.get("buttons", [])]
        case "list":
            parts["list"] = {"button": action.get("button", ""), "sections": action.get("sections", [])}
        case "cta_url":
            parameters = action.get("parameters") or {}
            parts["link"] = {"title": parameters.get("display_text", ""), "url": parameters.get("url", "")}
        case "location_request_message":
            parts["buttons"] = [{"id": "send_location", "title": "Enviar localização", "ask": "location"}]
        case "flow":
            parameters = action.get("parameters") or {}
            token = str(parameters.get("flow_token", ""))
            parts["buttons"] = [{"id": "open_flow", "title": parameters.get("flow_cta", ""), "ask": token or "flow"}]
    return parts


def _template(message: Json, template: Template | None) -> Json:
    """Return what a template message shows besides its text: file or place, footer, buttons, cards."""
    model = template.components if template is not None else []
    given = message.get("components", [])
    return _filled(model, given) | {"cards": _cards(model, given)}


def _filled(model: list[Json], given: list[Json]) -> Json:
    parts: Json = {"buttons": [], "links": []}
    for parameter in _parameters(given, "header"):
        kind = str(parameter.get("type", "text"))
        if kind in MEDIA_NAMES:
            parts.update(_parts(kind, parameter[kind]))
    for part in model:
        if part.get("type") == "FOOTER":
            parts["footer"] = str(part.get("text", ""))
    known: list[Json] = next((part.get("buttons", []) for part in model if part.get("type") == "BUTTONS"), [])
    carried = {int(part["index"]): part for part in given if str(part.get("type", "")).lower() == "button"}
    for index in range(max(len(known), max(carried, default=-1) + 1)):
        _button(parts, known[index] if index < len(known) else {}, carried.get(index, {}))
    return parts


def _button(parts: Json, known: Json, carried: Json) -> None:
    """Add a button: what the template says of it, and what the message fills in."""
    parameter: Json = next(iter(carried.get("parameters", [])), {})
    kind = str(known.get("type") or carried.get("sub_type", "")).lower()
    title = str(known.get("text") or "")
    match kind:
        case "quick_reply":
            title = title or str(parameter.get("payload", ""))[:20]
            parts["buttons"].append({"id": str(parameter.get("payload") or title), "title": title, "template": True})
        case "url":
            address = re.sub(r"\{\{\w+\}\}", str(parameter.get("text", "")), str(known.get("url", "")))
            parts["links"].append({"title": title or "Abrir", "url": address})
        case "copy_code" | "otp":
            code = parameter.get("coupon_code") or parameter.get("text", "")
            parts["links"].append({"title": f"{title or 'Copiar código'}: {code}", "url": ""})
        case "flow":
            action = parameter.get("action") or {}
            token = str(action.get("flow_token") or "flow")
            parts["buttons"].append({"id": "open_flow", "title": title or "Abrir", "ask": token})


def _cards(model: list[Json], given: list[Json]) -> list[Json]:
    cards: list[Json] = next(
        (part.get("cards", []) for part in given if str(part.get("type", "")).lower() == "carousel"), []
    )
    models: list[Json] = next((part.get("cards", []) for part in model if part.get("type") == "CAROUSEL"), [])
    return [
        _filled(inside.get("components", []), card["components"])
        | {"text": ", ".join(str(one.get("text", "")) for one in _parameters(card["components"], "body"))}
        for card, inside in zip(cards, models, strict=False)
    ]


def _parameters(given: list[Json], kind: str) -> list[Json]:
    found: list[Json] = next(
        (part.get("parameters", []) for part in given if str(part.get("type", "")).lower() == kind), []
    )
    return found
