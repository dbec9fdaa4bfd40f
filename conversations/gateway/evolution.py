"""Sending through a session of Evolution API: one number paired by QR code."""

from __future__ import annotations

from typing import Any, Final

import aiohttp
import orjson
from yarl import URL

from conversations.gateway import evolution_dialect as dialect
from conversations.gateway.base import Accepted, NotSent, Outcome, Outgoing, Refused, Unknown
from pytake.infra.egress import EgressError

_NEVER_WRITTEN: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
# The session is between two connections: it comes back by itself, or the page says that it does not.
_CLOSED_WAIT_S: Final = 15.0
_CLOSED: Final = ("connection closed", "connection lost", "instance is not connected")


class EvolutionApi:
    """One session's sending side; `session` is the HTTP client of a drain."""

    def __init__(
        self, session: aiohttp.ClientSession, *, base_url: str, instance: str, key: str, typing: bool = False
    ) -> None:
        self._session = session
        self._base = URL(base_url) / "message"
        self._instance = instance
        self._headers = {"apikey": key, "Content-Type": "application/json"}
        self._typing = typing

    async def send(self, message: Outgoing) -> Outcome:
        """Post the message; the outcome says whether it may have been processed."""
        try:
            request = dialect.request(message, typing=self._typing)
        except (ValueError, KeyError) as exc:
            return Refused(code="UNSUPPORTED_CONTENT", detail=str(exc), scope="message")
        url = self._base / request.endpoint / self._instance
        data = orjson.dumps(request.body)
        try:
            async with self._session.post(url, data=data, headers=self._headers, allow_redirects=False) as response:
                return outcome(response.status, await response.read())
        except EgressError as exc:
            return Refused(code=exc.code, detail=exc.host, scope="account")
        except _NEVER_WRITTEN as exc:
            return NotSent(code="connect", detail=type(exc).__name__, wait_s=5.0, throttled=True)
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            return Unknown(code="no_answer", detail=type(exc).__name__)

    async def mark_read(self, message_id: str, *, typing: bool = False) -> Outcome:
        """Refuse: sessions want the chat of a message as well, and the phone keeps its own receipts."""
        return Refused(code="UNSUPPORTED_RECEIPT", detail="", scope="message")


def outcome(status: int, raw: bytes) -> Outcome:
    """Return what an answer means."""
    try:
        body: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        body = None
    if 200 <= status < 300:
        return _accepted(status, body)
    detail = _detail(body) or f"HTTP {status}"
    if status in {401, 403, 404}:
        # A wrong key, or a session that is not there: the same for every message.
        return Refused(code=f"http_{status}", detail=detail, scope="account", http_status=status)
    if status == 429:
        return NotSent(code="http_429", detail=detail, wait_s=30.0, throttled=True, http_status=status)
    if status == 400:
        return _refused(detail, body)
    # 5xx is thrown inside of the send as well: nobody knows.
    return Unknown(code=f"http_{status}", detail=detail, http_status=status)


def _accepted(status: int, body: Any) -> Outcome:
    key = body.get("key") if isinstance(body, dict) else None
    message_id = key.get("id") if isinstance(key, dict) else None
    if not isinstance(message_id, str) or not message_id:
        return Unknown(code="unreadable_answer", detail=f"HTTP {status}", http_status=status)
    return Accepted(wamid=message_id, http_status=status)


def _refused(detail: str, body: Any) -> Outcome:
    rows = _message(body)
    rows = rows if isinstance(rows, list) else []
    if any(isinstance(row, dict) and row.get("exists") is False for row in rows):
        return Refused(code="NOT_ON_WHATSAPP", detail="", scope="recipient", http_status=400)
    if any(mark in detail.lower() for mark in _CLOSED):
        return NotSent(code="closed", detail=detail, wait_s=_CLOSED_WAIT_S, throttled=True, http_status=400)
    if "[object object]" in detail.lower():
        # Thrown inside of the send, its reason lost on the way: it may have left.
        return Unknown(code="http_400", detail=detail, http_status=400)
    return Refused(code="http_400", detail=detail, scope="message", http_status=400)


def _message(body: Any) -> Any:
    response = body.get("response") if isinstance(body, dict) else None
    return response.get("message") if isinstance(response, dict) else None


def _detail(body: Any) -> str:
    found = _message(body)
    if isinstance(found, list):
        return "; ".join(str(row) for row in found)[:500]
    return str(found or "")[:500]
