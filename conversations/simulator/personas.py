"""People who answer by themselves, so that whole conversations can be driven without a hand on the phone.

`{"kind": "echo"}`, `{"kind": "script", "lines": [[regex, answer], …]}` or `{"kind": "tap", "pick": 0, "text": "ok"}`,
which presses the n-th button or row and otherwise writes `text`; each with `delay_s` and a bound, `turns`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from conversations.simulator import inbound
from conversations.simulator.config import Json
from conversations.simulator.ledger import decode
from conversations.simulator.model import Number, Sent
from conversations.simulator.simulator import Simulator

DEFAULT_TURNS: Final = 20


def react(sim: Simulator, sent: Sent, number: Number) -> None:
    """Let the person answer a message that has just arrived, after its delay."""
    persona = sent.user.persona
    turns = int(persona.get("turns", DEFAULT_TURNS))
    if turns <= 0:
        return
    content = answer(persona, sent, number)
    if content is None:
        return
    sent.user.persona = {**persona, "turns": turns - 1}
    sim.scheduler.after(float(persona.get("delay_s", 0.5)), _write, sim, sent, number, content)


def _write(sim: Simulator, sent: Sent, number: Number, content: Json) -> None:
    inbound.receive(sim, sent.user, number, content)


def answer(persona: Json, sent: Sent, number: Number) -> Json | None:
    """Return what the person writes to this message, None for nothing."""
    match persona.get("kind"):
        case "echo":
            return text(sent.text)
        case "script":
            lines: list[Any] = persona.get("lines", [])
            return next((text(str(line[1])) for line in lines if re.search(str(line[0]), sent.text)), None)
        case "tap":
            tapped = tap(decode(sent.body), int(persona.get("pick", 0)))
            if tapped is not None:
                return {**tapped, "context": {"from": number.display, "id": sent.wamid}}
            return text(str(persona["text"])) if persona.get("text") else None
        case _:
            return None


def text(body: str) -> Json:
    """Return the content of a text message."""
    return {"type": "text", "text": {"body": body}}


def tap(body: Json, pick: int) -> Json | None:
    """Return the reply of pressing the n-th button or row (the last one if there are fewer)."""
    interactive = body.get("interactive") or {}
    action = interactive.get("action") or {}
    if interactive.get("type") == "button":
        replies = [button["reply"] for button in action["buttons"]]
        return {"type": "interactive", "interactive": {"type": "button_reply", "button_reply": _at(replies, pick)}}
    if interactive.get("type") == "list":
        rows = [row for section in action["sections"] for row in section["rows"]]
        return {"type": "interactive", "interactive": {"type": "list_reply", "list_reply": _at(rows, pick)}}
    return None


def _at(items: list[Json], index: int) -> Json:
    return items[min(index, len(items) - 1)]
