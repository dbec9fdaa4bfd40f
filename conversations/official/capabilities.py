"""What flows may do on a connection: said by the flows, which stand in a layer above."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string


def node_metadata(connection_type: str) -> list[dict[str, Any]]:
    """Return the node types that work on a connection: type, name, and what is different there."""
    told: Callable[[str], list[dict[str, Any]]] = import_string(settings.NUMBER_NODES)
    return told(connection_type)


def compatible_chatbots(connection_type: str) -> Sequence[Any]:
    """Return active chatbots all of whose nodes work on a connection."""
    told: Callable[[str], Sequence[Any]] = import_string(settings.NUMBER_CHATBOTS)
    return told(connection_type)
