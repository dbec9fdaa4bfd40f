"""Which nodes work on which connection, and which chatbots have no others."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext as _

from flows.engine.nodes.registry import NODE_TYPES
from flows.models import Chatbot, Flow
from flows.pages.words import KINDS

# Needs what only the Cloud API has.
_OFFICIAL_ONLY: Final = frozenset({"whatsapp_template"})
# On QR numbers these become numbered text, and the number that people answer is read back.
_AS_TEXT: Final = frozenset({"interactive_buttons", "interactive_list"})


def node_types(connection_type: str) -> list[str]:
    """Return the node types that work on a connection."""
    return [name for name in NODE_TYPES if connection_type == "official" or name not in _OFFICIAL_ONLY]


def node_metadata(connection_type: str) -> list[dict[str, Any]]:
    """Return the node types that work on a connection: type, name, and what is different there."""
    note = _("Sent as numbered text.")
    return [
        {
            "type": name,
            "name": str(KINDS[name][0]) if name in KINDS else name,
            "note": note if connection_type == "qrcode" and name in _AS_TEXT else "",
        }
        for name in node_types(connection_type)
    ]


def compatible_chatbots(connection_type: str) -> list[Chatbot]:
    """Return active chatbots with published flows all of whose nodes work on a connection (two queries)."""
    known = set(node_types(connection_type))
    flows = (
        Flow.objects.alive()
        .filter(published_version__isnull=False, chatbot__deleted_at=None, chatbot__is_active=True)
        .values_list("chatbot_id", "published_version__graph")
    )
    used: dict[Any, set[str]] = {}
    for chatbot_id, graph in flows:
        nodes = graph.get("nodes", []) if isinstance(graph, dict) else []
        used.setdefault(chatbot_id, set()).update(str(node.get("type")) for node in nodes if isinstance(node, dict))
    fitting = [pk for pk, types in used.items() if types <= known]
    return list(Chatbot.objects.filter(pk__in=fitting).order_by("name", "pk"))
