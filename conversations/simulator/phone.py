"""What the phone page asks for: people, chats, sending, tapping, and a stream of what happens."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Final

import orjson
from aiohttp import web

from conversations.simulator import inbound, lifecycle
from conversations.simulator.admin import body_of, reply
from conversations.simulator.config import ConfigError, Json
from conversations.simulator.model import Number, User
from conversations.simulator.simulator import Simulator

STATIC: Final = Path(__file__).parent / "static"
FILES: Final = {
    "phone.css": "text/css",
    "phone.js": "text/javascript",
    "bubbles.js": "text/javascript",
    "people.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
POLICY: Final = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'self'; form-action 'self'"
HEARTBEAT_S: Final = 15.0
TEXT_MAX: Final = 4096
# Where people of the page are when they are asked.
PLACE: Final = {"latitude": -23.5614, "longitude": -46.6559, "name": "Avenida Paulista", "address": "São Paulo"}


def page() -> web.Response:
    """Return the page itself."""
    body = (STATIC / "phone.html").read_bytes()
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=body, content_type="text/html", charset="utf-8", headers=headers)


def asset(name: str) -> web.Response:
    """Return one of the page's files."""
    if name not in FILES:
        return web.Response(status=404)
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=(STATIC / name).read_bytes(), content_type=FILES[name], charset="utf-8", headers=headers)


async def answer(sim: Simulator, request: web.BaseRequest, action: str) -> web.StreamResponse:
    """Answer `/_sim/phone/…`."""
    try:
        if request.method == "GET" and action == "events":
            return await _events(sim, request)
        if request.method == "GET" and action in VIEWS:
            return VIEWS[action](sim, request)
        if request.method == "POST" and action in POSTS:
            return POSTS[action](sim, await body_of(request))
    except (ConfigError, KeyError, ValueError, TypeError) as exc:
        return reply({"error": str(exc)}, 400)
    return reply({"error": "no such page"}, 404)


def _add(sim: Simulator, data: Json) -> web.Response:
    return reply(_shown(sim, _added(sim, data)), 201)


def _read(sim: Simulator, data: Json) -> web.Response:
    return reply({"read": lifecycle.read_by_page(sim, _user(sim, data), _number(sim, data).id)})


def _user(sim: Simulator, data: Json) -> User:
    user = sim.world.users.get(str(data.get("as", "")))
    if user is None:
        raise ConfigError("as: no such person")
    user.page = True
    return user


def _number(sim: Simulator, data: Json) -> Number:
    number = sim.world.number_of(data.get("with"))
    if number is None:
        raise ConfigError("with: no such number")
    return number


def _people(sim: Simulator, _request: web.BaseRequest) -> web.Response:
    businesses = [
        {"id": number.id, "name": number.verified_name, "display": number.display}
        for number in sim.world.numbers.values()
    ]
    people = [_shown(sim, user) for user in sim.world.users.values() if user.page]
    codes = [
        {"name": row.name, "phone": row.digits, "pairing": row.qr.get("pairingCode")}
        for row in sim.evolution.instances.values()
        if row.state == "connecting" and row.qr
    ]
    return reply({"businesses": businesses, "people": people, "codes": codes})


def _pair(sim: Simulator, data: Json) -> web.Response:
    """Scan the QR code of an instance with the phone of a shop."""
    instance = sim.evolution.instances.get(str(data.get("instance")))
    if instance is None:
        raise ConfigError("Este código não vale mais.")
    number = sim.evolution.pair(instance)
    return reply({"id": number.id, "display": number.display}, 201)


def _shown(sim: Simulator, user: User) -> Json:
    last = sim.chats.last(user.id)
    return {
        "id": user.id,
        "name": user.name or user.username or user.phone,
        "phone": user.phone,
        "username": user.username,
        "hidden": user.hide_phone,
        "last": {"text": last.get("text") or last.get("media", ""), "at": last["at"]} if last else None,
    }


def _added(sim: Simulator, data: Json) -> User:
    name = str(data.get("name", "")).strip()[:80]
    username = str(data.get("username", "")).strip().lstrip("@")[:40]
    phone = re.sub(r"\D", "", str(data.get("phone", "")))
    if not name or not (phone or username):
        raise ConfigError("Informe o nome e um telefone ou nome de usuário.")
    if phone and not 10 <= len(phone) <= 15:
        raise ConfigError("Informe o telefone com DDD, só números.")
    person: Json = {"name": name, "page": True, "hide_phone": not phone}
    person |= {"username": username} if username else {}
    if phone:
        return sim.world.add_user({**person, "phone": phone if len(phone) > 11 else f"55{phone}"})
    return sim.world.add_user({**person, "id": _slug(sim, name)})


def _slug(sim: Simulator, name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "pessoa"
    taken = sum(user_id.startswith(base) for user_id in sim.world.users)
    return f"{base}-{taken + 1}" if taken else base


def _chat(sim: Simulator, request: web.BaseRequest) -> web.Response:
    query = dict(request.query)
    user, number = _user(sim, query), _number(sim, query)
    return reply({"person": _shown(sim, user), "bubbles": sim.chats.bubbles(user.id, number.id)})


def _say(sim: Simulator, data: Json) -> web.Response:
    """Send a text, or what a tap on a button or row of bubble `of` means."""
    user, number = _user(sim, data), _number(sim, data)
    content = _tapped(sim, user, number, data) if data.get("tap") else _typed(data)
    quoted = data.get("of") or data.get("quote")
    if quoted:
        content["context"] = {"from": number.display, "id": str(quoted)}
    wamid = inbound.receive(sim, user, number, inbound.with_media(sim, number, content))
    return reply({"id": wamid}, 201)


POSTS: Final[dict[str, Callable[[Simulator, Json], web.Response]]] = {
    "people": _add,
    "say": _say,
    "read": _read,
    "pair": _pair,
}


def _typed(data: Json) -> Json:
    text = str(data.get("text", "")).strip()
    kind = str(data.get("type", "text"))
    if kind in inbound.MEDIA:
        return {"type": kind, kind: {"caption": text} if text and kind != "audio" else {}}
    if not text or len(text) > TEXT_MAX:
        raise ConfigError(f"Escreva de 1 a {TEXT_MAX} caracteres.")
    return {"type": "text", "text": {"body": text}}


def _tapped(sim: Simulator, user: User, number: Number, data: Json) -> Json:
    bubble = sim.chats.find(user.id, number.id, str(data.get("of", "")))
    wanted = str(data["tap"])
    if bubble is None:
        raise ConfigError("of: no such bubble")
    for button in [*bubble.get("buttons", []), *(one for card in bubble.get("cards", []) for one in card["buttons"])]:
        if button["id"] == wanted:
            return _pressed(button)
    for section in bubble.get("list", {}).get("sections", []):
        for row in section.get("rows", []):
            if row["id"] == wanted:
                return {"type": "interactive", "interactive": {"type": "list_reply", "list_reply": row}}
    raise ConfigError("tap: no such button or row")


def _pressed(button: Json) -> Json:
    """Return what a press means: an answer, where the person is, or a form that was filled in."""
    if button.get("template"):
        return {"type": "button", "button": {"payload": button["id"], "text": button["title"]}}
    if button["id"] == "send_location" and "ask" in button:
        return {"type": "location", "location": PLACE}
    if "ask" in button:
        answers = orjson.dumps({"flow_token": button["ask"], "nome": "Ana", "aceito": True}).decode()
        form = {"name": "flow", "body": "Sent", "response_json": answers}
        return {"type": "interactive", "interactive": {"type": "nfm_reply", "nfm_reply": form}}
    reply_part = {"id": button["id"], "title": button["title"]}
    return {"type": "interactive", "interactive": {"type": "button_reply", "button_reply": reply_part}}


def _media(sim: Simulator, request: web.BaseRequest) -> web.Response:
    """Return a file that the business sent, for the page to show; nothing that a browser would run."""
    media = sim.world.media.get(request.query.get("id", ""))
    if media is None:
        return web.Response(status=404)
    mime = media.mime_type.split(";")[0].strip()
    safe = mime.startswith(("image/", "audio/", "video/")) and mime != "image/svg+xml"
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
    if not safe:
        headers["Content-Disposition"] = "attachment"
    return web.Response(body=media.content, content_type=mime if safe else "application/octet-stream", headers=headers)


async def _events(sim: Simulator, request: web.BaseRequest) -> web.StreamResponse:
    """Stream what happens to the people of the page as server-sent events."""
    queue = sim.chats.watch()
    stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    try:
        await stream.prepare(request)
        await stream.write(b"retry: 1000\n\n")
        while True:
            try:
                event = await asyncio.wait_for(queue.get(), HEARTBEAT_S)
            except TimeoutError:
                await stream.write(b": still here\n\n")
                continue
            if event is None:
                break
            await stream.write(b"data: " + orjson.dumps(event) + b"\n\n")
    except ConnectionError:
        pass  # the page was closed
    finally:
        sim.chats.unwatch(queue)
    return stream


VIEWS: Final = {"people": _people, "chat": _chat, "media": _media}
