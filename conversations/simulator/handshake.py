"""The verification GET that a callback has to pass before it gets anything."""

from __future__ import annotations

import secrets
from typing import Final
from urllib.parse import urlencode

import aiohttp

TIMEOUT_S: Final = 5.0


async def verify(session: aiohttp.ClientSession, url: str, token: str) -> bool:
    """Return whether the callback echoes the challenge, with status 200 and nothing else in the body."""
    challenge = str(secrets.randbelow(10**10) + 1)
    query = urlencode({"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": token})
    address = f"{url}{'&' if '?' in url else '?'}{query}"
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with session.get(address, timeout=timeout, allow_redirects=False) as response:
            body = await response.content.read(len(challenge) + 1)
            return response.status == 200 and body == challenge.encode()
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return False
