"""Media: upload, addresses that live five minutes, download with the same token, deletion."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Final

from aiohttp import BodyPartReader, web

from conversations.simulator.call import MESSAGING, Call, authorised
from conversations.simulator.errors import GraphError, unknown_object
from conversations.simulator.model import Media
from conversations.simulator.simulator import Simulator

URL_LIFE_S: Final = 300.0
UPLOAD_LIFE_S: Final = 30 * 24 * 3600.0
MEGABYTE: Final = 1024 * 1024
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
LIMITS: Final[dict[str, int]] = {
    "image/jpeg": 5 * MEGABYTE,
    "image/png": 5 * MEGABYTE,
    "video/mp4": 16 * MEGABYTE,
    "video/3gpp": 16 * MEGABYTE,
    **dict.fromkeys(("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), 16 * MEGABYTE),
    **dict.fromkeys(
        (
            "text/plain",
            "application/pdf",
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
            f"{_OFFICE}wordprocessingml.document",
            f"{_OFFICE}spreadsheetml.sheet",
            f"{_OFFICE}presentationml.presentation",
        ),
        100 * MEGABYTE,
    ),
    "image/webp": MEGABYTE // 2,
}
SECRET: Final = b"signs the addresses of this process"


async def upload(call: Call, number_id: str) -> web.StreamResponse:
    """Answer `POST /{phone_id}/media`."""
    call.needs(MESSAGING)
    number = call.number(number_id)
    fields, content, filename = await _form(call.request)
    if fields.get("messaging_product") != "whatsapp":
        raise GraphError(100, message="(#100) The parameter messaging_product is required.")
    if content is None:
        raise GraphError(100, message="(#100) The parameter file is required.")
    mime = fields.get("type", "")
    most = LIMITS.get(mime.split(";")[0].strip())
    if most is None:
        raise GraphError(100, message=f"(#100) Param file must be a file with one of the supported types, got {mime}")
    if len(content) > most:
        raise GraphError(131053, f"File is larger than the {most} bytes that {mime} may have")
    media = Media(
        id=call.sim.world.media_id(),
        waba=number.waba,
        mime_type=mime,
        content=content,
        filename=filename,
        expires_at=call.sim.clock.now() + UPLOAD_LIFE_S,
        sha256=hashlib.sha256(content).hexdigest(),
    )
    call.sim.world.media[media.id] = media
    return call.answer({"id": media.id})


async def _form(request: web.BaseRequest) -> tuple[dict[str, str], bytes | None, str]:
    """Return the text fields, the file's bytes (None without one) and its name."""
    if not request.content_type.startswith("multipart/"):
        raise GraphError(100, message="(#100) The body must be multipart/form-data.")
    fields: dict[str, str] = {}
    content: bytes | None = None
    filename = ""
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        data = await part.read()
        if part.name == "file":
            content, filename = bytes(data), part.filename or ""
            fields.setdefault("type", part.headers.get("Content-Type", ""))
        elif part.name:
            fields[part.name] = bytes(data).decode()
    return fields, content, filename


def _found(call: Call, media_id: str) -> Media:
    media = call.sim.world.media.get(media_id)
    if media is None or media.expires_at <= call.sim.clock.now() or not call.sim.world.may_see(call.token, media.waba):
        raise unknown_object(media_id, call.request.method.lower())
    named = call.request.query.get("phone_number_id")
    number = call.sim.world.numbers.get(named) if named else None
    if named and (number is None or number.waba != media.waba):
        raise unknown_object(media_id, call.request.method.lower())
    return media


async def locate(call: Call, media_id: str) -> web.StreamResponse:
    """Answer `GET /{media_id}`: an address that lives five minutes."""
    media = _found(call, media_id)
    until = int(call.sim.clock.now() + URL_LIFE_S)
    host = f"{call.request.scheme}://{call.request.host}"
    return call.answer(
        {
            "messaging_product": "whatsapp",
            "id": media.id,
            "url": f"{host}/_media/{media.id}?until={until}&sign={_sign(media.id, until)}",
            "mime_type": media.mime_type,
            "sha256": media.sha256,
            "file_size": str(len(media.content)),
        }
    )


async def delete(call: Call, media_id: str) -> web.StreamResponse:
    """Answer `DELETE /{media_id}`."""
    del call.sim.world.media[_found(call, media_id).id]
    return call.answer({"success": True})


def _sign(media_id: str, until: int) -> str:
    return hmac.new(SECRET, f"{media_id}:{until}".encode(), hashlib.sha256).hexdigest()[:32]


async def download(sim: Simulator, request: web.BaseRequest, media_id: str) -> web.StreamResponse:
    """Answer the media host: the bytes, 401 without a token, 404 after the address or the media has expired."""
    try:
        authorised(sim, request)
    except GraphError:
        return web.Response(status=401)
    media = sim.world.media.get(media_id)
    until = request.query.get("until", "")
    genuine = until.isdecimal() and hmac.compare_digest(_sign(media_id, int(until)), request.query.get("sign", ""))
    now = sim.clock.now()
    if media is None or not genuine or int(until) < now or media.expires_at <= now:
        return web.Response(status=404)
    modified = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now))
    return web.Response(body=media.content, headers={"Content-Type": media.mime_type, "Last-Modified": modified})
