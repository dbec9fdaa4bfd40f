"""Read receipts and the typing indicator that the business sends."""

from __future__ import annotations

from conversations.simulator import checks
from conversations.simulator.config import Json
from conversations.simulator.errors import GraphError, missing
from conversations.simulator.model import Number
from conversations.simulator.simulator import Simulator


def mark_read(sim: Simulator, number: Number, body: Json) -> Json:
    """Mark a person's message and all earlier ones as read; raises GraphError for an unknown message."""
    if body.get("messaging_product") != "whatsapp":
        raise missing("messaging_product")
    if body.get("status") != "read":
        raise GraphError(100, message="(#100) Param status must be one of {READ}")
    wamid = checks.text(body, "message_id", label="message_id", most=1000)
    known = sim.inbound.get(wamid)
    if known is None or known[1] != number.id:
        # A world that was started anew cannot know what was written before.
        if known is None and sim.behaviour.limits.window != "strict" and wamid.startswith("wamid."):
            return {"success": True}
        raise GraphError(131009, "message_id is not valid")
    user_id = known[0]
    _tick_all(sim, user_id, number.id, until=wamid)
    typing = body.get("typing_indicator")
    if typing is not None:
        if not isinstance(typing, dict) or typing.get("type") != "text":
            raise GraphError(131009, "typing_indicator.type must be text")
        sim.chats.tell(user_id, {"event": "typing", "number": number.id})
    return {"success": True}


def _tick_all(sim: Simulator, user_id: str, number_id: str, *, until: str) -> None:
    if sim.chats.find(user_id, number_id, until) is None:
        return
    for bubble in sim.chats.bubbles(user_id, number_id):
        if bubble["side"] == "out" and bubble["tick"] != "read":
            sim.chats.mark(user_id, number_id, bubble["id"], tick="read")
        if bubble["id"] == until:
            break
