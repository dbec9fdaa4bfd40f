"""Sending through the WhatsApp Cloud API with a pooled asynchronous client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp
import orjson
from yarl import URL

from conversations.content import ContentError
from conversations.gateway import dialect, error_classes
from conversations.gateway.base import Accepted, NotSent, Outcome, Outgoing, Refused, Unknown

# Failures in which no byte of the request can have reached the provider.
_NEVER_WRITTEN = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
# Subcode of code 100 (invalid parameter): the number's id itself is unknown, or not ours any more.
_UNKNOWN_OBJECT = 33


class CloudApi:
    """One number's sending side; `session` is shared by the numbers of a drain."""

    def __init__(
        self, session: aiohttp.ClientSession, *, base_url: str, version: str, phone_number_id: str, token: str
    ) -> None:
        self._session = session
        self._url = URL(f"{base_url}/{version}/{phone_number_id}/messages")
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    async def send(self, message: Outgoing) -> Outcome:
        """Post the message; the outcome says whether it may have been processed."""
        try:
            data = orjson.dumps(dialect.request_body(message))
        except ContentError as exc:
            return Refused(code="content", detail=str(exc), scope="message")
        return await self._post(data)

    async def mark_read(self, message_id: str, *, typing: bool = False) -> Outcome:
        """Mark a message and all earlier ones as read, and show for a while that somebody is writing."""
        return await self._post(orjson.dumps(dialect.receipt_body(message_id, typing=typing)), _receipt)

    async def _post(self, data: bytes, judge: Callable[[int, bytes], Outcome] | None = None) -> Outcome:
        try:
            async with self._session.post(self._url, data=data, headers=self._headers) as response:
                raw = await response.read()
                return (judge or _outcome)(response.status, raw)
        except _NEVER_WRITTEN as exc:
            return NotSent(code="connect", detail=type(exc).__name__, wait_s=2.0)
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            return Unknown(code="no_answer", detail=type(exc).__name__)


def _outcome(status: int, raw: bytes) -> Outcome:
    try:
        body: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        body = None
    if 200 <= status < 300:
        return _accepted(status, body)
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    code = error.get("code") if isinstance(error.get("code"), int) else None
    return _failure(status, code, error)


def _receipt(status: int, raw: bytes) -> Outcome:
    """Judge the answer to a receipt, which has no id."""
    return Accepted(wamid="", http_status=status) if 200 <= status < 300 else _outcome(status, raw)


def _accepted(status: int, body: Any) -> Outcome:
    try:
        wamid = body["messages"][0]["id"]
    except (TypeError, KeyError, IndexError):
        wamid = None
    if not isinstance(wamid, str) or not wamid:
        # It was processed, but under which id we cannot tell; its statuses carry ours.
        return Unknown(code="unreadable_answer", detail=f"HTTP {status}", http_status=status)
    return Accepted(wamid=wamid, http_status=status)


def _failure(status: int, code: int | None, error: dict[str, Any]) -> Outcome:
    data = error.get("error_data")
    detail = data.get("details") if isinstance(data, dict) else None
    text = str(detail or error.get("message") or f"HTTP {status}")[:500]
    trace = str(error.get("fbtrace_id") or "")[:120]
    kind = error_classes.classify(code, status)
    if code == 100 and error.get("error_subcode") == _UNKNOWN_OBJECT:
        kind = "A"
    shown = str(code) if code is not None else f"http_{status}"
    if kind == "T":
        wait = error_classes.wait_s(code, 1)
        return NotSent(code=shown, detail=text, wait_s=wait, throttled=True, http_status=status, trace=trace)
    if kind == "U":
        return Unknown(code=shown, detail=text, http_status=status, trace=trace)
    scope = "promotions" if code in error_classes.PROMOTIONS else error_classes.SCOPES[kind]
    return Refused(code=shown, detail=text, scope=scope, http_status=status, trace=trace)
