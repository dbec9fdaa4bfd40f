"""Where a session stands: values only, stored by `flows.runs` in the columns of ConversationState."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Status: TypeAlias = Literal["running", "waiting", "sleeping", "ended"]

PATH_KEPT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A flow that jumped to another and goes on when that one ends."""

    program_id: str
    node_id: str
    variables: Mapping[str, Any]
    return_variables: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "program_id": self.program_id,
            "node_id": self.node_id,
            "variables": dict(self.variables),
            "return_variables": list(self.return_variables),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A session between two turns. `program_id` names the flow version that the current frame runs."""

    program_id: str
    node_id: str = ""
    status: Status = "running"
    end_reason: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    call_stack: tuple[Frame, ...] = ()
    # What the waiting node remembers: attempts, options shown, token of its timer.
    question: Mapping[str, Any] = field(default_factory=dict)
    # Automatic visits of each node since the last input.
    node_visits: Mapping[str, int] = field(default_factory=dict)
    path: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "program_id": self.program_id,
            "node_id": self.node_id,
            "status": self.status,
            "end_reason": self.end_reason,
            "variables": dict(self.variables),
            "call_stack": [frame.to_json() for frame in self.call_stack],
            "question": dict(self.question),
            "node_visits": dict(self.node_visits),
            "path": list(self.path),
        }


def from_json(raw: Mapping[str, Any]) -> State:
    """Return the state that `State.to_json` stored."""
    frames = tuple(
        Frame(
            program_id=item["program_id"],
            node_id=item["node_id"],
            variables=item.get("variables", {}),
            return_variables=tuple(item.get("return_variables", ())),
        )
        for item in raw.get("call_stack", [])
    )
    return State(
        program_id=raw["program_id"],
        node_id=raw.get("node_id", ""),
        status=raw.get("status", "running"),
        end_reason=raw.get("end_reason", ""),
        variables=raw.get("variables", {}),
        call_stack=frames,
        question=raw.get("question", {}),
        node_visits=raw.get("node_visits", {}),
        path=tuple(raw.get("path", ())),
    )
