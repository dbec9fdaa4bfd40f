"""One call to an instance, and how refusals look."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from conversations.simulator.config import Json
from conversations.simulator.evolution.instances import Instance
from conversations.simulator.simulator import Simulator


class EvolutionError(Exception):
    """A refusal in Evolution's envelope."""

    def __init__(self, status: int, message: Any) -> None:
        super().__init__(str(message))
        self.status = status
        self._message = message

    def body(self) -> Json:
        """Return the envelope."""
        phrase = HTTPStatus(self.status).phrase
        return {"status": self.status, "error": phrase, "response": {"message": self._message}}


@dataclass(slots=True, kw_only=True)
class Call:
    """A call whose key is good."""

    sim: Simulator
    request: web.BaseRequest
    instance: Instance
    body: Json


def answer_json(data: Any, status: int = 200) -> web.Response:
    """Return JSON."""
    return web.Response(body=orjson.dumps(data), status=status, content_type="application/json", charset="utf-8")
