"""Where a request comes from, as far as our own proxies vouch for it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from django.conf import settings


def ip_of(request: Any) -> str | None:
    """Return the client's address: the entry of X-Forwarded-For that our outermost proxy wrote, else the peer's.

    Entries further left come from the client and prove nothing, hence `TRUSTED_PROXY_COUNT`.
    """
    return address_of(request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", ""))


def address_of(peer: str, forwarded: str) -> str | None:
    """Return the client's address, given the peer's and X-Forwarded-For."""
    count = settings.TRUSTED_PROXY_COUNT
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()] if count > 0 else []
    address = hops[-count] if 0 < count <= len(hops) else peer
    try:
        return str(ip_address(address))
    except ValueError:
        return None


def agent_of(request: Any) -> str:
    """Return the user agent, cut to what the columns hold."""
    return str(request.META.get("HTTP_USER_AGENT", ""))[:255].replace("\x00", "")
