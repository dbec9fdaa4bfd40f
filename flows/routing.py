"""Which flow answers a contact who has no session: decided from the number, cached for seconds."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Final

from django.db.models import Q

from conversations.models import Message, WhatsAppNumber
from flows import programs
from flows.engine.nodes.start import Start
from flows.models import ChatbotNumberLink, Flow
from pytake.core.text import fold

CACHE_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Choice:
    """A published flow."""

    flow_id: uuid.UUID
    version_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class Table:
    """What answers on a number: flows by keyword, and the flow for everything else."""

    keywords: dict[str, Choice] = field(default_factory=dict)
    default: Choice | None = None

    def choose(self, message: Message) -> Choice | None:
        """Return the flow for a first message."""
        return self.keywords.get(fold(message.text)) or self.default


_tables: dict[uuid.UUID, tuple[float, Table]] = {}


def table_for(number: WhatsAppNumber) -> Table:
    """Return the number's table; at most CACHE_S old."""
    now = time.monotonic()
    kept = _tables.get(number.pk)
    if kept is None or kept[0] < now:
        if len(_tables) > 5000:
            _tables.clear()
        kept = _tables[number.pk] = (now + CACHE_S, _build(number))
    return kept[1]


def forget() -> None:
    """Drop what this process remembers (after publishing; tests)."""
    _tables.clear()


def _build(number: WhatsAppNumber) -> Table:
    """Read the flows that may answer, in order: the number's own, its chatbots', the fallback's."""
    links = list(
        ChatbotNumberLink.objects.filter(number=number, chatbot__is_active=True, chatbot__deleted_at=None)
        .order_by("linked_at", "pk")
        .values_list("chatbot_id", flat=True)
    )
    bots = [*([number.default_chatbot_id] if number.default_chatbot_id else []), *links]
    # What the organization's fallback number answers with, where nothing else does.
    spare = WhatsAppNumber.objects.alive().filter(is_fallback=True).values_list("default_flow_id", flat=True).first()
    flows = list(
        Flow.objects.alive()
        .filter(Q(chatbot_id__in=bots) | Q(pk__in=[number.default_flow_id, spare]) | Q(chatbot__is_fallback=True))
        .filter(is_active=True, published_version__isnull=False, chatbot__is_active=True, chatbot__deleted_at=None)
        .select_related("chatbot")
        .order_by("created_at", "pk")
    )
    return Table(_keywords(flows, bots), _default(flows, bots, number, spare))


def _keywords(flows: list[Flow], bots: list[uuid.UUID]) -> dict[str, Choice]:
    compiled = programs.load(flow.published_version_id for flow in flows if flow.published_version_id)
    found: dict[str, Choice] = {}
    for flow in flows:
        program = compiled.get(str(flow.published_version_id))
        start = program.nodes[program.start] if program and flow.chatbot_id in bots else None
        for keyword in start.keywords if isinstance(start, Start) else ():
            found.setdefault(fold(keyword), _choice(flow))
    return found


def _default(
    flows: list[Flow], bots: list[uuid.UUID], number: WhatsAppNumber, spare: uuid.UUID | None
) -> Choice | None:
    own = next((flow for flow in flows if flow.pk == number.default_flow_id), None)
    if own:
        return _choice(own)
    for wanted in ("is_main", "is_fallback"):
        for bot in bots:
            found = next((flow for flow in flows if flow.chatbot_id == bot and getattr(flow, wanted)), None)
            if found:
                return _choice(found)
    fallback = next((flow for flow in flows if flow.chatbot.is_fallback and flow.is_main), None)
    fallback = fallback or next((flow for flow in flows if flow.pk == spare), None)
    return _choice(fallback) if fallback else None


def _choice(flow: Flow) -> Choice:
    assert flow.published_version_id is not None
    return Choice(flow.pk, flow.published_version_id)
