"""Sessions at a server that runs Evolution API: making, pairing, asking, ending. Synchronous: for pages and workers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import orjson

from pytake.infra import egress

INTEGRATION: Final = "WHATSAPP-BAILEYS"
# What we listen to. History is not asked for: at the connection it would flood us.
EVENTS: Final = (
    "QRCODE_UPDATED", "CONNECTION_UPDATE", "STATUS_INSTANCE", "LOGOUT_INSTANCE", "REMOVE_INSTANCE", "MESSAGES_UPSERT",
    "MESSAGES_EDITED", "MESSAGES_UPDATE", "MESSAGES_DELETE", "SEND_MESSAGE",
)  # fmt: skip
ANSWER_MAX: Final = 2 * 1024 * 1024


class ServerError(Exception):
    """The server did not do it. `code`: unreachable, key, missing, or the HTTP status."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail[:255]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A QR code to scan; `text` is what it holds. Empty when the session needs none."""

    text: str = ""
    pairing: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One session at one server."""

    base_url: str
    key: str
    instance: str
    timeout_s: float

    def create(self, *, webhook_url: str, webhook_key: str, number: str) -> Code:
        """Make the session and ask for its first code; of one that exists, only the latter."""
        body: dict[str, Any] = {
            "instanceName": self.instance,
            "integration": INTEGRATION,
            "qrcode": False,
            "rejectCall": False,
            "groupsIgnore": True,
            "alwaysOnline": False,
            "readMessages": False,
            "readStatus": False,
            "syncFullHistory": False,
            "webhook": webhook(webhook_url, webhook_key),
        }
        try:
            self._call("POST", "instance/create", body=body)
        except ServerError as exc:
            if exc.code != "403":
                raise
            self._call("POST", "webhook/set", named=True, body={"webhook": webhook(webhook_url, webhook_key)})
        return self.connect(number=number)

    def connect(self, *, number: str = "") -> Code:
        """Ask for a code; with a number also for a pairing code."""
        body = self._call("GET", "instance/connect", named=True, query={"number": number} if number else {})
        if body.get("error") is True:
            # This one fails with a 200.
            raise ServerError("500", str(body.get("message") or ""))
        count = body.get("count")
        return Code(
            text=str(body.get("code") or ""),
            pairing=str(body.get("pairingCode") or ""),
            count=count if isinstance(count, int) else 0,
        )

    def state(self) -> str:
        """Return open, connecting or close."""
        body = self._call("GET", "instance/connectionState", named=True)
        found = body.get("instance")
        return str(found.get("state") or "") if isinstance(found, dict) else ""

    def owner(self) -> str:
        """Return the digits of the phone that is linked; empty if none is."""
        rows = self._call("GET", "instance/fetchInstances", query={"instanceName": self.instance}).get("list")
        row = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
        return digits_of_jid(row.get("ownerJid"))

    def log_out(self) -> None:
        """End the link with the phone; fine if there is none."""
        try:
            self._call("DELETE", "instance/logout", named=True)
        except ServerError as exc:
            if exc.code not in {"400", "missing"}:
                raise

    def delete(self) -> None:
        """Remove the session; fine if there is none."""
        try:
            self._call("DELETE", "instance/delete", named=True)
        except ServerError as exc:
            if exc.code != "missing":
                raise

    def sent_to(self, jid: str) -> list[dict[str, Any]]:
        """Return the newest messages that left for a chat."""
        where = {"key": {"remoteJid": jid, "fromMe": True}}
        body = self._call("POST", "chat/findMessages", named=True, body={"where": where, "page": 1, "offset": 100})
        found = body.get("messages")
        rows = found.get("records") if isinstance(found, dict) else None
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    def file_of(self, message_id: str, *, bytes_max: int) -> dict[str, Any]:
        """Return the file of a message: `base64` and `mimetype`."""
        body = {"message": {"key": {"id": message_id}}, "convertToMp4": False}
        # Base64 takes four bytes for three.
        return self._call(
            "POST", "chat/getBase64FromMediaMessage", named=True, body=body, most=bytes_max * 4 // 3 + 4096
        )

    def _call(
        self,
        method: str,
        path: str,
        *,
        named: bool = False,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        most: int = ANSWER_MAX,
    ) -> dict[str, Any]:
        return asyncio.run(self._ask(method, f"{path}/{self.instance}" if named else path, body, query or {}, most))

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str], most: int
    ) -> dict[str, Any]:
        try:
            url = egress.checked(self.base_url) / path % query
            timeout = aiohttp.ClientTimeout(total=self.timeout_s, sock_connect=5)
            headers = {"apikey": self.key, "Content-Type": "application/json", "User-Agent": egress.USER_AGENT}
            async with (
                aiohttp.ClientSession(
                    timeout=timeout, connector=egress.connector(url), trust_env=False, headers=headers
                ) as session,
                session.request(
                    method, url, data=orjson.dumps(body) if body is not None else None, allow_redirects=False
                ) as response,
            ):
                raw = await _read(response, most)
                return _answer(response.status, raw)
        except egress.EgressError as exc:
            raise ServerError("unreachable", str(exc)) from exc
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise ServerError("unreachable", type(exc).__name__) from exc


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(256 * 1024):
        size += len(chunk)
        if size > most:
            raise ServerError("too_large", str(size))
        parts.append(chunk)
    return b"".join(parts)


def _answer(status: int, raw: bytes) -> dict[str, Any]:
    try:
        body: Any = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError:
        body = None
    if 200 <= status < 300 and body is not None:
        return body if isinstance(body, dict) else {"list": body}
    codes = {401: "key", 404: "missing"}
    response = body.get("response") if isinstance(body, dict) else None
    raise ServerError(codes.get(status, str(status)), str((response or {}).get("message") or "") if response else "")


def webhook(url: str, key: str) -> dict[str, Any]:
    """Return the settings of the webhook; `jwt_key` makes the server sign a token with the key."""
    return {
        "enabled": True,
        "url": url,
        "byEvents": False,
        "base64": False,
        "headers": {"jwt_key": key},
        "events": list(EVENTS),
    }


def digits_of_jid(jid: Any) -> str:
    """Return the phone of an address like 5511987654321:12@s.whatsapp.net; empty for other kinds."""
    text = str(jid or "")
    name, _, host = text.partition("@")
    digits = name.partition(":")[0]
    return digits if host == "s.whatsapp.net" and digits.isdecimal() else ""
