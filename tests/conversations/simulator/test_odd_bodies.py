"""Whatever a client posts, the answer is one of Graph's, and what was accepted can be shown."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from tests.conversations.simulator.conftest import ANA, NUMBER, World

JUNK: list[Any] = [None, 0, -1.5, True, "", "x" * 5000, [], {}, [None], {"a": 1}, [{}], "\u0000"]
VALID: list[dict[str, Any]] = [
    {"type": "text", "text": {"body": "Olá", "preview_url": False}, "context": {"message_id": "wamid.1"}},
    {"type": "image", "image": {"link": "https://cdn.example/a.png", "caption": "foto"}},
    {"type": "location", "location": {"latitude": "-23.5", "longitude": "-46.6", "name": "Polo"}},
    {"type": "contacts", "contacts": [{"name": {"formatted_name": "Bia", "first_name": "Bia"}}]},
    {"type": "reaction", "reaction": {"message_id": "wamid.1", "emoji": "👍"}},
    {
        "type": "interactive",
        "interactive": {
            "type": "button",
            "header": {"type": "text", "text": "Oi"},
            "body": {"text": "?"},
            "footer": {"text": "-"},
            "action": {"buttons": [{"type": "reply", "reply": {"id": "a", "title": "A"}}]},
        },
    },
    {
        "type": "interactive",
        "interactive": {
            "type": "list",
            "body": {"text": "?"},
            "action": {"button": "Ver", "sections": [{"title": "T", "rows": [{"id": "a", "title": "A"}]}]},
        },
    },
    {
        "type": "interactive",
        "interactive": {
            "type": "cta_url",
            "body": {"text": "?"},
            "action": {"name": "cta_url", "parameters": {"display_text": "Abrir", "url": "https://example.org"}},
        },
    },
    {"type": "interactive", "interactive": {"type": "product", "body": {"text": "?"}, "action": {}}},
    {
        "type": "template",
        "template": {
            "name": "aviso",
            "language": {"code": "pt_BR", "policy": "deterministic"},
            "components": [
                {"type": "body", "parameters": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                {"type": "button", "sub_type": "quick_reply", "parameters": [{"type": "payload", "payload": "X"}]},
            ],
        },
    },
    {"status": "read", "message_id": "wamid.1", "typing_indicator": {"type": "text"}},
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, inner in items for found in [(*path, key), *places(inner, (*path, key))]]


def broken(body: dict[str, Any], path: tuple[Any, ...], junk: Any) -> dict[str, Any]:
    body = copy.deepcopy(body)
    holder: Any = body
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = junk
    return body


@pytest.mark.slow
@pytest.mark.parametrize("index", range(len(VALID)))
async def test_odd_bodies_are_answered_in_graphs_words_and_never_break_the_phone(world: World, index: int) -> None:
    await world.configure(limits={"enabled": False})
    world.server.sim.world.user_at(ANA).page = True
    valid = {"messaging_product": "whatsapp", "to": ANA, **VALID[index]}
    rng = random.Random(index)

    for path in places(valid):
        for junk in rng.sample(JUNK, k=6):
            body = broken(valid, path, junk)
            status, answer = await world.call("POST", f"/v25.0/{NUMBER}/messages", json=body)
            assert status in {200, 400, 404}, (body, answer)
            assert "error" in answer or "messages" in answer or answer == {"success": True}
    await world.advance(10)

    states = [[state["status"] for state in row["states"]] for row in await world.ledger()]
    assert all(found in (["sent", "delivered"], ["sent"], ["failed"]) for found in states)
