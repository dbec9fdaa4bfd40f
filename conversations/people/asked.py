"""Which contacts a page's address asks for."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from conversations.people.contacts import Wanted

# What the tabs of the list are called in its address.
VIEWS: Final[Mapping[str, Wanted]] = {
    "": Wanted(),
    "vip": Wanted(is_vip=True),
    "blocked": Wanted(is_blocked=True),
    "no_promotions": Wanted(accepts=False),
}


def wanted(query: Mapping[str, str]) -> Wanted:
    """Return what `q`, `view` and `tag` ask for; what is not understood asks for nothing."""
    view = VIEWS.get(query.get("view", ""), VIEWS[""])
    try:
        tag = uuid.UUID(query.get("tag", ""))
    except ValueError:
        tag = None
    return Wanted(
        search=query.get("q", "").replace("\x00", "").strip()[:80],
        tag=tag,
        is_vip=view.is_vip,
        is_blocked=view.is_blocked,
        accepts=view.accepts,
    )


def query_of(query: Mapping[str, str], **changes: str) -> str:
    """Return the address's query with changes; empty values are left out."""
    kept = {name: query.get(name, "") for name in ("q", "view", "tag")}
    return urlencode({name: value for name, value in {**kept, **changes}.items() if value})
