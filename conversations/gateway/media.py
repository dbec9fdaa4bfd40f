"""Getting a media object from the provider: find its address, check it, read it under a cap.

The token goes to the provider's hosts alone. Redirects are not followed, and except for the configured Graph host
every name must resolve to public addresses; the address checked is the one connected to.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import IO, Any, Final

import aiohttp
import orjson
from yarl import URL

from pytake.infra import egress

TIMEOUT: Final = aiohttp.ClientTimeout(total=240, sock_connect=10, sock_read=30)
ANSWER_MAX: Final = 64 * 1024
CHUNK: Final = 256 * 1024


class MediaError(Exception):
    """Why there is no file. `is_final`: trying again cannot help; `is_gone`: the provider has it no more."""

    def __init__(self, code: str, detail: str = "", *, is_final: bool = False, is_gone: bool = False) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail[:255]
        self.is_final = is_final or is_gone
        self.is_gone = is_gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where media objects of a number are, and who asks for them."""

    base_url: str
    version: str
    phone_number_id: str
    token: str
    hosts: tuple[str, ...]
    bytes_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that has been written to the target."""

    size: int
    sha256: str
    declared_type: str


def fetch(media_id: str, target: IO[bytes], *, source: Source) -> Fetched:
    """Write a media object to `target`; raises MediaError."""
    return asyncio.run(_fetch(media_id, target, source))


async def _fetch(media_id: str, target: IO[bytes], source: Source) -> Fetched:
    headers = {"Authorization": f"Bearer {source.token}", "User-Agent": "PyTake"}
    try:
        async with aiohttp.ClientSession(timeout=TIMEOUT, trust_env=False, headers=headers) as session:
            found = await _locate(session, media_id, source)
        url = _checked(str(found.get("url") or ""), source)
        _refuse_above(_integer(found.get("file_size")), source.bytes_max)
        connector = (
            None
            if url.origin() == URL(source.base_url).origin()
            else aiohttp.TCPConnector(resolver=egress.PublicResolver())
        )
        async with aiohttp.ClientSession(
            timeout=TIMEOUT, trust_env=False, headers=headers, connector=connector
        ) as session:
            size, digest = await _download(session, url, target, source.bytes_max)
    except egress.EgressError as exc:
        raise MediaError(exc.code, exc.host, is_final=True) from exc
    except (aiohttp.ClientError, TimeoutError, OSError) as exc:
        raise MediaError("no_answer", type(exc).__name__) from exc
    expected = _digest(found.get("sha256"))
    if expected and expected != digest:
        raise MediaError("damaged", "The checksum does not match.")
    return Fetched(size=size, sha256=digest.hex(), declared_type=str(found.get("mime_type") or ""))


async def _locate(session: aiohttp.ClientSession, media_id: str, source: Source) -> dict[str, Any]:
    # An id is one segment of the path: with a slash in it, it would choose another address.
    if not media_id.replace("-", "").replace("_", "").isalnum():
        raise MediaError("odd_id", is_final=True)
    url = URL(f"{source.base_url}/{source.version}/{media_id}").with_query(phone_number_id=source.phone_number_id)
    async with session.get(url, allow_redirects=False) as response:
        raw = await response.content.read(ANSWER_MAX)
        try:
            body: Any = orjson.loads(raw)
        except orjson.JSONDecodeError:
            body = None
        if response.status == 200 and isinstance(body, dict):
            return body
        raise _refusal(response.status, body)


def _refusal(status: int, body: Any) -> MediaError:
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    code, text = error.get("code"), str(error.get("message") or f"HTTP {status}")
    if status == 401 or code == 190:
        return MediaError("token", text)
    if code == 100 or status == 404:
        return MediaError("gone", text, is_gone=True)
    return MediaError(f"http_{status}", text)


def _checked(text: str, source: Source) -> URL:
    """Return the address if the token may go there; raises MediaError."""
    try:
        url = URL(text)
        if url.origin() == URL(source.base_url).origin():
            return url
    except ValueError as exc:
        raise MediaError("odd_address", is_final=True) from exc
    host = (url.host or "").rstrip(".").lower()
    known = any(host == name or host.endswith(f".{name}") for name in source.hosts)
    if url.scheme != "https" or url.port != 443 or not known:
        raise MediaError("foreign_address", host, is_final=True)
    return url


async def _download(session: aiohttp.ClientSession, url: URL, target: IO[bytes], bytes_max: int) -> tuple[int, bytes]:
    digest, size = hashlib.sha256(), 0
    async with session.get(url, allow_redirects=False) as response:
        if response.status != 200:
            # An address lives five minutes: the next attempt asks for a new one.
            raise MediaError(f"http_{response.status}", "download")
        _refuse_above(response.content_length, bytes_max)
        async for chunk in response.content.iter_chunked(CHUNK):
            size += len(chunk)
            _refuse_above(size, bytes_max)
            digest.update(chunk)
            target.write(chunk)
    return size, digest.digest()


def _refuse_above(size: int | None, bytes_max: int) -> None:
    if size is not None and size > bytes_max:
        raise MediaError("too_large", str(size), is_final=True)


def _integer(value: Any) -> int | None:
    return int(value) if str(value).isdecimal() else None


def _digest(value: Any) -> bytes | None:
    """Return a checksum given in hexadecimal or base64; None if it is neither."""
    text = str(value or "")
    try:
        raw = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw if len(raw) == 32 else None
