"""The webhook's two entrances, asked in the same way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.test import Client

from conversations.entrance import Entrance
from tests.conversations.channel.conftest import PATH, SECRET, sign

_PART = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Post:
    """A POST as somebody might send it; genuine unless told otherwise."""

    raw: bytes
    secret: str = SECRET
    signature: str | None = None
    length: str | None = None
    path: str = PATH
    agent: str = "facebookexternalua"
    address: str = "127.0.0.1"

    def headers(self) -> dict[str, str]:
        """Return the headers; an empty one is left out."""
        named = {
            "content-type": "application/json",
            "x-hub-signature-256": sign(self.raw, self.secret) if self.signature is None else self.signature,
            "content-length": str(len(self.raw)) if self.length is None else self.length,
            "user-agent": self.agent,
        }
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


class Door(Protocol):
    """An entrance."""

    def post(self, post: Post) -> Answer:
        """Send it."""
        ...


class View:
    """The REST framework view, under WSGI."""

    def post(self, post: Post) -> Answer:
        """Send it."""
        headers = post.headers()
        meta: Any = {"REMOTE_ADDR": post.address, "CONTENT_LENGTH": headers.pop("content-length", "")}
        client = Client(raise_request_exception=False)
        response: Any = client.generic(
            "POST", post.path, post.raw, content_type="application/json", headers=headers, **meta
        )
        named = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, named, response.content)


async def nobody(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Stand for Django: what the fast entrance does not take."""
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b"passed on"})


class Fast:
    """The ASGI receiver."""

    def post(self, post: Post) -> Answer:
        """Send it, to an entrance of its own."""
        return asyncio.run(self._alone([post]))[0]

    def post_together(self, posts: Sequence[Post]) -> list[Answer]:
        """Send them at the same time."""
        return asyncio.run(self._alone(posts))

    async def _alone(self, posts: Sequence[Post]) -> list[Answer]:
        entrance = Entrance(nobody)
        try:
            return list(await asyncio.gather(*(ask(entrance, post) for post in posts)))
        finally:
            await entrance.rows.close()


async def ask(entrance: Entrance, post: Post, method: str = "POST") -> Answer:
    """Send a post to an entrance, its body in parts as a server gives them."""
    parts = [post.raw[start : start + _PART] for start in range(0, len(post.raw), _PART)] or [b""]
    messages = [
        {"type": "http.request", "body": body, "more_body": index < len(parts) - 1} for index, body in enumerate(parts)
    ]
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    headers = [(name.encode(), value.encode("latin-1")) for name, value in post.headers().items()]
    scope = {"type": "http", "method": method, "path": post.path, "headers": headers, "client": (post.address, 1)}
    await entrance(scope, receive, send)
    start, *bodies = sent
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], named, b"".join(message["body"] for message in bodies))
