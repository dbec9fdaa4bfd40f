"""The webhook's fast entrance: a raw ASGI receiver before Django, for the provider's posts alone.

What is asked of a post and what becomes of it stands in `conversations.webhooks`, which the REST framework view
(`conversations.api`) shares; either entrance works without the other. Everything else passes on to Django.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError

from conversations import webhooks
from conversations.group_commit import GroupCommit, NotStoredError
from conversations.webhooks import RefusedError
from notifications import threads
from pytake.infra.client import address_of
from pytake.infra.ids import new_id

log = structlog.get_logger(__name__)
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_VIEW: Final = "conversations.api.Webhook"
_RETRY_AFTER_S: Final = 5
# A body must have arrived by then; what the posts under way may take together, with something for each.
_BODY_S: Final = 15.0
_JUDGE_S: Final = 8.0
_HELD_BYTES_MAX: Final = 128 * 1024 * 1024
_POST_BYTES: Final = 4096
# Sockets have threads of their own.
_POOL: Final = ThreadPoolExecutor(max_workers=2, thread_name_prefix="webhooks")
_HEADERS: Final = (b"x-hub-signature-256", b"content-length", b"user-agent", b"x-forwarded-for")


class ClientGoneError(Exception):
    """The client has hung up; nobody waits for an answer."""


class _Post:
    """What a post under way takes."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = 0


class Entrance:
    """Answers POST at the webhook's paths; hands everything else to `otherwise`."""

    def __init__(self, otherwise: Application, *, rows: GroupCommit | None = None) -> None:
        self._otherwise = otherwise
        self._paths = frozenset(path for path, view in settings.FAST_LANE.items() if view == _VIEW)
        self._held = 0
        self._nudging: asyncio.Task[None] | None = None
        self.rows = rows or GroupCommit()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["method"] != "POST" or scope["path"].rstrip("/") not in self._paths:
            await self._otherwise(scope, receive, send)
            return
        request_id = f"req_{new_id().hex}"
        post = _Post()
        try:
            await self._take(post, scope, receive)
        except ClientGoneError:
            return
        except RefusedError as exc:
            await _refuse(send, exc, request_id)
        except Exception:
            log.exception("webhook.failed", request_id=request_id)
            await _refuse(send, _unavailable(), request_id)
        else:
            await _answer(send, 200, webhooks.RECEIVED, request_id)
        finally:
            self._held -= post.held

    async def _take(self, post: _Post, scope: Scope, receive: Receive) -> None:
        """Check and store a post; returns when it is committed."""
        sent = _headers(scope)
        signature, length, agent, forwarded = (sent.get(name, "") for name in _HEADERS)
        now = datetime.now(UTC)
        webhooks.admit(address_of((scope.get("client") or ("",))[0], forwarded), now=now)
        digest = webhooks.check_head(signature, length)
        self._hold(post, _POST_BYTES)
        raw = await self._read(post, receive)
        facts: dict[str, Any] = {"digest": digest, "agent": agent[:200], "now": now}
        try:
            rows = webhooks.judge_at_once(raw, **facts) or await _judge_in_thread(raw, facts)
            await self.rows.store(rows)
        except (NotStoredError, OperationalError, InterfaceError, TimeoutError) as exc:
            raise _unavailable() from exc
        if self._nudging is None:
            self._nudging = asyncio.get_running_loop().create_task(self._tell_workers())

    async def _read(self, post: _Post, receive: Receive) -> bytes:
        """Return the body, which the server keeps to the length declared."""
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(_BODY_S):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise ClientGoneError
                    part = message.get("body", b"")
                    self._hold(post, len(part))
                    parts.append(part)
                    if not message.get("more_body", False):
                        return parts[0] if len(parts) == 1 else b"".join(parts)
        except TimeoutError as exc:
            raise RefusedError(408, "VALIDATION_ERROR") from exc

    def _hold(self, post: _Post, size: int) -> None:
        """Count what a post takes; refuse it when it takes too much, or all together do."""
        post.held += size
        self._held += size
        if post.held > settings.WEBHOOK_MAX_BYTES + _POST_BYTES:
            raise RefusedError(413, "PAYLOAD_TOO_LARGE")
        if self._held > _HELD_BYTES_MAX:
            raise _unavailable()

    async def _tell_workers(self) -> None:
        """Nudge once for everything committed until now, and again as long as more comes; never on the loop."""
        try:
            while self.rows.fresh:
                fresh, self.rows.fresh = self.rows.fresh, []
                await threads.run_in(_POOL, webhooks.announce, fresh)
                await asyncio.sleep(webhooks.NUDGE_EVERY_S)
        finally:
            self._nudging = None


async def _judge_in_thread(raw: bytes, facts: dict[str, Any]) -> list[webhooks.Delivery]:
    async with asyncio.timeout(_JUDGE_S):
        return await threads.run_in(_POOL, webhooks.judge, raw, **facts)


def _headers(scope: Scope) -> dict[bytes, str]:
    """Return the headers that matter; repeated ones joined, as everywhere."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in _HEADERS:
            text = value.decode("latin-1")
            found[name] = f"{found[name]},{text}" if name in found else text
    return found


def _unavailable() -> RefusedError:
    return RefusedError(503, "SERVICE_UNAVAILABLE", retry_after_s=_RETRY_AFTER_S)


async def _refuse(send: Send, exc: RefusedError, request_id: str) -> None:
    body = orjson.dumps(webhooks.refusal(exc, request_id=request_id))
    # What has not been read of the body must not be taken for the next request.
    await _answer(send, exc.status, body, request_id, {**exc.headers, "Connection": "close"})


async def _answer(send: Send, status: int, body: bytes, request_id: str, headers: dict[str, str] | None = None) -> None:
    listed = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", request_id.encode()),
        *((name.lower().encode(), value.encode()) for name, value in (headers or {}).items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body})
