"""All node types of this release, by the word that the graph uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flows.engine.nodes.base import Node
from flows.engine.nodes.interactive import Buttons, ListMenu
from flows.engine.nodes.logic import Condition, SetVariable
from flows.engine.nodes.message import Message
from flows.engine.nodes.moves import Delay, End, Handoff, Jump
from flows.engine.nodes.question import Question
from flows.engine.nodes.start import Start

NODE_TYPES: Final[Mapping[str, type[Node]]] = {
    node.type: node
    for node in (Start, Message, Question, Condition, SetVariable, Buttons, ListMenu, Jump, Delay, Handoff, End)
}
# Types of the schema that later releases will run; a graph with one cannot be published.
PLANNED: Final = frozenset(
    {"action", "api_call", "webhook", "ai_prompt", "random", "datetime", "analytics", "whatsapp_template"}
)
