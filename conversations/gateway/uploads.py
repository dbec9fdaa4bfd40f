"""Giving a file to the provider: one multipart request, its answer judged."""

from __future__ import annotations

import asyncio
from typing import IO, Any, Final

import aiohttp
import orjson

from conversations.gateway.media import ANSWER_MAX, TIMEOUT, MediaError

# The file is wrong: trying again cannot help.
_FINAL: Final = frozenset({100, 131009, 131051, 131052, 131053})


def upload(address: str, source: IO[bytes], *, token: str, mime_type: str, filename: str) -> str:
    """Return the provider's id of the file; raises MediaError."""
    return asyncio.run(_upload(address, source, token, mime_type, filename))


async def _upload(address: str, source: IO[bytes], token: str, mime_type: str, filename: str) -> str:
    form = aiohttp.FormData()
    form.add_field("messaging_product", "whatsapp")
    form.add_field("type", mime_type)
    form.add_field("file", source, filename=filename, content_type=mime_type)
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "PyTake"}
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT, trust_env=False, headers=headers) as session,
            session.post(address, data=form, allow_redirects=False) as response,
        ):
            return _read(response.status, await response.content.read(ANSWER_MAX))
    except (aiohttp.ClientError, TimeoutError) as exc:
        raise MediaError("upload_unanswered", type(exc).__name__) from exc


def _read(status: int, raw: bytes) -> str:
    try:
        body: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        body = None
    media_id = body.get("id") if isinstance(body, dict) else None
    if status == 200 and isinstance(media_id, str) and media_id:
        return media_id
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    code, data = error.get("code"), error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else ""
    text = str(details or error.get("message") or f"HTTP {status}")
    raise MediaError(str(code or f"http_{status}"), text, is_final=code in _FINAL)
