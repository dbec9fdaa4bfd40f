"""What can be asked about chats: messages, who has WhatsApp, files."""

from __future__ import annotations

import base64
from typing import Any, Final

from aiohttp import web

from conversations.simulator import phones
from conversations.simulator.evolution.calls import Call, EvolutionError, answer_json

PAGE: Final = 50


async def find_messages(call: Call) -> web.Response:
    """Answer the newest messages that match `where.key` and `where.messageTimestamp`."""
    where: Any = call.body.get("where") or {}
    wanted: Any = where.get("key") or {}
    rows = [
        {"id": f"cm{index:022d}", **record}
        for index, record in enumerate(call.instance.messages.values())
        if all(record["key"].get(name) == value for name, value in wanted.items())
    ]
    rows.reverse()
    size, page = int(call.body.get("offset") or PAGE), int(call.body.get("page") or 1)
    shown = rows[(page - 1) * size : page * size]
    pages = -(-len(rows) // size)
    return answer_json({"messages": {"total": len(rows), "pages": pages, "currentPage": page, "records": shown}})


async def whatsapp_numbers(call: Call) -> web.Response:
    """Say which numbers have WhatsApp, and under which address."""
    found = []
    for number in call.body.get("numbers") or []:
        digits = phones.digits_of(str(number))
        user = call.sim.world.user_at(digits) if digits else None
        exists = user is not None and user.on_whatsapp
        jid = f"{user.wa_id if user else number}@s.whatsapp.net"
        found.append({"jid": jid, "exists": exists, "number": str(number), "name": user.name if user else ""})
    return answer_json(found)


async def media(call: Call) -> web.Response:
    """Answer the file of a message, as text."""
    key: Any = (call.body.get("message") or {}).get("key") or {}
    record, file = call.instance.messages.get(str(key.get("id"))), call.instance.files.get(str(key.get("id")))
    if record is None or file is None:
        raise EvolutionError(400, ["Message not found"])
    shown = {
        "mediaType": record["messageType"],
        "fileName": file.filename or f"{key['id']}.bin",
        "caption": "",
        "size": {"fileLength": str(len(file.content))},
        "mimetype": file.mime_type,
        "base64": base64.b64encode(file.content).decode(),
    }
    return answer_json(shown, 201)


async def presence(call: Call) -> web.Response:
    """Take note that somebody types."""
    return answer_json({"presence": call.body.get("presence", "composing")}, 201)


async def mark_read(call: Call) -> web.Response:
    """Turn the ticks of what people wrote blue."""
    for entry in call.body.get("readMessages") or []:
        known = call.sim.inbound.get(str(entry.get("id")))
        if known is not None:
            call.sim.chats.mark(*known, str(entry["id"]), tick="read")
    return answer_json({"message": "Read messages", "read": "success"}, 201)
