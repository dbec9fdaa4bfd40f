"""The guard of calls to addresses that tenants choose: public hosts only, unless the operator lists the origin.

An address is checked when it is stored and again when it is used; the name's address that was checked is the one
connected to. Redirects must not be followed: their target would be unchecked.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from django.conf import settings
from yarl import URL

USER_AGENT: Final = "PyTake"
_PORTS: Final = frozenset({80, 443})
_FIRST_FREE_PORT: Final = 1024


class EgressError(ValueError):
    """The address must not be called. `code`: odd_address, odd_port or private_address."""

    def __init__(self, code: str, host: str) -> None:
        super().__init__(f"{code}: {host}")
        self.code = code
        self.host = host


def checked(text: str) -> URL:
    """Return an address that may be called, as far as can be told without asking for names; raises EgressError."""
    try:
        url = URL(text)
        origin = url.origin()
    except (ValueError, TypeError) as exc:
        raise EgressError("odd_address", text[:80]) from exc
    host = (url.host or "").rstrip(".")
    if url.scheme not in {"http", "https"} or not host or url.user is not None:
        raise EgressError("odd_address", host or text[:80])
    if is_listed(origin):
        return url
    if url.port is None or (url.port not in _PORTS and url.port < _FIRST_FREE_PORT):
        raise EgressError("odd_port", host)
    # The client does not ask its resolver for hosts that are addresses.
    _check_literal(host)
    return url


def is_listed(url: URL) -> bool:
    """Return whether the operator trusts the origin, wherever it leads."""
    origins = {str(URL(entry).origin()) for entry in settings.EGRESS_ALLOWED_ORIGINS if entry}
    return str(url.origin()) in origins


def connector(url: URL, *, limit: int = 20) -> aiohttp.TCPConnector:
    """Return the way to an address that `checked` let through."""
    return aiohttp.TCPConnector(limit=limit, resolver=None if is_listed(url) else PublicResolver())


class PublicResolver(AbstractResolver):
    """Resolves names, and refuses those that lead into private networks."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host; raises EgressError if one is not public."""
        found = await self._inner.resolve(host, port, family)
        if not found or not all(is_public(row["host"]) for row in found):
            raise EgressError("private_address", host)
        return found

    async def close(self) -> None:
        """Release what was opened."""
        await self._inner.close()


def is_public(text: str) -> bool:
    """Return whether an address lies outside of private, local and special networks, IPv4 in IPv6 included."""
    address = ipaddress.ip_address(text.split("%", maxsplit=1)[0])
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_global and not address.is_multicast


def _check_literal(host: str) -> None:
    """Refuse addresses that are private, and forms (0127.0.0.1, 0x7f.1) that readers understand differently."""
    try:
        public = is_public(host)
    except ValueError:
        last = host.rpartition(".")[2].lower()
        if last.isdecimal() or last.startswith("0x"):
            raise EgressError("odd_address", host) from None
        return
    if not public:
        raise EgressError("private_address", host)
