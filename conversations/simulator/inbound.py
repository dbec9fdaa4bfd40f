"""Messages from people to the business: one, many at a rate, or what a tap on the phone page means."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Iterator
from typing import Any, Final

from conversations.simulator import bubbles
from conversations.simulator.config import ConfigError, Json
from conversations.simulator.model import SERVICE_WINDOW_S, Media, Number, User
from conversations.simulator.simulator import Simulator
from conversations.simulator.updates import Update

# They neither open the service window nor show a bubble.
SILENT: Final = frozenset({"reaction", "system", "edit", "revoke", "unsupported"})
MEDIA: Final = frozenset({"image", "video", "audio", "document", "sticker"})
WEBHOOK_MEDIA_S: Final = 7 * 24 * 3600.0
TICK_S: Final = 0.02
MAX_PER_TICK: Final = 500


def receive(sim: Simulator, user: User, number: Number, content: Json) -> str:
    """Let a person write `content` (type, its object, optionally context, referral…); return the message id."""
    now = sim.clock.now()
    fresh = sim.evolution.message_id("3A") if number.instance else sim.world.wamid()
    wamid = str(content.get("id") or fresh)
    kind = str(content.get("type", "text"))
    item: Json = {}
    if user.shown_phone:
        item["from"] = user.shown_phone
    item["from_user_id"] = sim.world.user_id_of(user, number)
    item |= {"id": wamid, "timestamp": str(int(now)), "type": kind}
    item.update({key: value for key, value in content.items() if key != "id"})
    _open_window(user, number, kind, wamid, now)
    sim.metrics.inbound += 1
    sim.limiter.count(number, now)
    sim.inbound[wamid] = (user.id, number.id)
    update = _update(sim, user, number, item)
    if user.page:
        _show(sim, user, number, item, update, now)
    if number.instance:
        sim.evolution.tell_message(number, user, update)
    else:
        sim.publish(update)
    return wamid


def _open_window(user: User, number: Number, kind: str, wamid: str, now: float) -> None:
    user.last_inbound[number.id] = wamid
    if kind not in SILENT:
        user.windows[number.id] = now + SERVICE_WINDOW_S


def _update(sim: Simulator, user: User, number: Number, item: Json) -> Update:
    block: Json = {"profile": {"name": user.name or f"Pessoa {user.id[-4:]}"}}
    if user.username:
        block["profile"]["username"] = user.username
    if user.shown_phone:
        block["wa_id"] = user.shown_phone
    block["user_id"] = item["from_user_id"]
    return Update(
        waba_id=number.waba,
        kind="messages",
        item=item,
        number_id=number.id,
        display=number.display,
        contact=None if item["type"] == "system" else block,
    )


def _show(sim: Simulator, user: User, number: Number, item: Json, update: Update, now: float) -> None:
    kind, wamid = item["type"], item["id"]
    if kind in SILENT:
        return
    quoted_id = (item.get("context") or {}).get("id", "")
    quoted = sim.chats.find(user.id, number.id, quoted_id) if quoted_id else None
    bubble = bubbles.from_person(wamid, kind=kind, text=readable(item), quoted=quoted, now=now)
    sim.chats.add(user.id, number.id, bubble)

    def acknowledged() -> None:
        if bubble["tick"] in {"waiting", "refused"}:
            sim.chats.mark(user.id, number.id, wamid, tick="delivered")

    def refused() -> None:
        if bubble["tick"] == "waiting":
            sim.chats.mark(user.id, number.id, wamid, tick="refused")

    update.on_ack, update.on_refused = acknowledged, refused


def readable(item: Json) -> str:
    """Return what a person reads of an inbound message."""
    kind = item["type"]
    inside: Any = item.get(kind) or {}
    if kind == "text":
        return str(inside.get("body", ""))
    if kind == "interactive":
        reply = inside.get(inside.get("type")) or {}
        return str(reply.get("title") or reply.get("body") or "")
    if kind == "button":
        return str(inside.get("text", ""))
    if kind in MEDIA:
        return str(inside.get("caption", ""))
    if kind == "location":
        return str(inside.get("name", ""))
    return ""


def content_of(data: Json) -> Json:
    """Return the content of an admin call: either Meta's own keys, or `text` as a plain string."""
    content = {key: value for key, value in data.items() if key not in {"from", "to", "name"}}
    if isinstance(content.get("text"), str):
        content["text"] = {"body": content["text"]}
        content.setdefault("type", "text")
    kind = content.get("type")
    if not isinstance(kind, str):
        raise ConfigError("type: a message type is expected, or text as a string")
    return content


def with_media(sim: Simulator, number: Number, content: Json) -> Json:
    """Return the content with a fetchable media object where it names none."""
    kind = content["type"]
    if kind not in MEDIA or (content.get(kind) or {}).get("id"):
        return content
    given = dict(content.get(kind) or {})
    mime = str(given.get("mime_type", DEFAULT_MIME[kind]))
    data = base64.b64decode(given.pop("content", "")) or PIXEL
    digest = hashlib.sha256(data).digest()
    media = Media(
        id=sim.world.media_id(),
        waba=number.waba,
        mime_type=mime,
        content=data,
        filename=str(given.get("filename", "")),
        expires_at=sim.clock.now() + WEBHOOK_MEDIA_S,
        sha256=digest.hex(),
    )
    sim.world.media[media.id] = media
    inside = {"id": media.id, "mime_type": mime, "sha256": base64.b64encode(digest).decode(), **given}
    return {**content, kind: inside}


DEFAULT_MIME: Final = {
    "image": "image/png",
    "video": "video/mp4",
    "audio": "audio/ogg; codecs=opus",
    "document": "application/pdf",
    "sticker": "image/webp",
}
PIXEL: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def start_bulk(sim: Simulator, data: Json) -> Json:
    """Start writing `count` messages of `personas` people at `rate` a second (0: at once); return the job.

    `text` may hold {n}; `content` replaces it by anything. The people's phones follow `base`.
    """
    count, personas = int(data["count"]), max(1, int(data.get("personas", 100)))
    number = sim.world.number_of(data.get("to"))
    if number is None:
        raise ConfigError("to: no such number")
    base = int(data.get("base", 5511970000000))
    users = [sim.world.user_at(str(base + index)) for index in range(personas)]
    if isinstance(data.get("persona"), dict):
        for user in users:
            user.persona = data["persona"]
    job: Json = {"id": len(sim.jobs) + 1, "state": "running", "count": count, "done": 0}
    sim.jobs.append(job)
    writer = _writer(sim, users, number, data, count)
    rate = float(data.get("rate", 0))
    if rate:
        task = asyncio.ensure_future(_pace(job, writer, rate))
        _running.add(task)
        task.add_done_callback(_running.discard)
    else:
        for _ in writer:
            job["done"] += 1
        job["state"] = "done"
    return job


_running: Final[set[asyncio.Task[None]]] = set()


def _writer(sim: Simulator, users: list[User], number: Number, data: Json, count: int) -> Iterator[str]:
    text = str(data.get("text", "Oi"))
    for index in range(count):
        content = data.get("content") or {"type": "text", "text": {"body": text.replace("{n}", str(index))}}
        yield receive(sim, users[index % len(users)], number, content)


async def _pace(job: Json, writer: Iterator[str], rate: float) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    while job["state"] == "running":
        due = min(int((loop.time() - started) * rate) + 1 - job["done"], MAX_PER_TICK)
        for _ in range(due):
            if next(writer, None) is None:
                job["state"] = "done"
                job["seconds"] = round(loop.time() - started, 3)
                return
            job["done"] += 1
        await asyncio.sleep(TICK_S)
