"""One HTTP call to the simulated Graph API: who calls, on which world, and how answers are written."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, Final

import orjson
from aiohttp import web

from conversations.simulator.config import Json
from conversations.simulator.errors import GraphError, trace_id, unknown_object
from conversations.simulator.model import Number, Token, Waba
from conversations.simulator.simulator import Simulator

SUPPORTED_VERSIONS: Final = frozenset(range(21, 27))
LATEST: Final = 26
JSON_TYPE: Final = "application/json; charset=UTF-8"
MESSAGING: Final = "whatsapp_business_messaging"
MANAGEMENT: Final = "whatsapp_business_management"


@dataclass(slots=True)
class Call:
    """A call whose version and token are known to be good. `parts` is the path after the version."""

    sim: Simulator
    request: web.BaseRequest
    parts: list[str]
    version: int
    token: Token

    def number(self, number_id: str, verb: str = "post") -> Number:
        """Return the business number; raises the error for an unknown object."""
        number = self.sim.world.numbers.get(number_id)
        if number is None or not self.sim.world.may_see(self.token, number.waba):
            raise unknown_object(number_id, verb)
        return number

    def waba(self, waba_id: str, verb: str = "get") -> Waba:
        """Return the account; raises the error for an unknown object."""
        waba = self.sim.world.wabas.get(waba_id)
        if waba is None or not self.sim.world.may_see(self.token, waba_id):
            raise unknown_object(waba_id, verb)
        return waba

    def needs(self, permission: str) -> None:
        """Refuse a token that lacks a permission."""
        if permission not in self.token.permissions:
            raise GraphError(10, message="(#10) Application does not have permission for this action")

    def manages(self, waba_id: str, verb: str = "get") -> Waba:
        """Return the account for a call of management, which are counted; raises GraphError."""
        self.needs(MANAGEMENT)
        waba, now = self.waba(waba_id, verb), self.sim.clock.now()
        most = self.sim.behaviour.limits.management_calls
        waba.calls = [at for at in waba.calls if at > now - 3600.0] if most else []
        if most and len(waba.calls) >= most:
            raise GraphError(
                80007, message="(#80007) There have been too many calls to this WhatsApp Business account."
            )
        waba.calls.append(now)
        return waba

    def answer(self, data: Any, status: int = 200) -> web.Response:
        """Return a JSON answer with the headers of Graph."""
        return answer(data, status=status, version=self.version)

    async def json(self) -> Json:
        """Return the body, or the parameters of the query where there is no body."""
        raw = await self.request.read()
        if not raw:
            return dict(self.request.query)
        data = parsed(raw)
        if not isinstance(data, dict):
            raise GraphError(100, message="(#100) The request body must be a JSON object.")
        return data


def answer(data: Any, *, status: int = 200, version: int = LATEST) -> web.Response:
    """Return a JSON answer with the headers of Graph."""
    headers = {"facebook-api-version": f"v{version}.0", "x-fb-trace-id": trace_id(), "Content-Type": JSON_TYPE}
    if status == 401:
        headers["WWW-Authenticate"] = 'OAuth "Facebook Platform" "invalid_token" "Error validating access token"'
    return web.Response(body=orjson.dumps(data), status=status, headers=headers)


def parsed(raw: bytes) -> Any:
    """Return the JSON of a body; raises GraphError if it is none."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        try:
            return json.loads(raw)  # lone surrogates
        except ValueError as exc:
            raise GraphError(100, message="(#100) Invalid parameter: the body is not valid JSON") from exc


def version_of(text: str) -> int | None:
    """Return 26 for `v26.0`, None if it is no version."""
    major, _, minor = text[1:].partition(".")
    return int(major) if text[:1] == "v" and major.isdecimal() and minor.isdecimal() else None


def authorised(sim: Simulator, request: web.BaseRequest) -> Token:
    """Return the caller's token; raises GraphError 190 and the like."""
    header = request.headers.get("Authorization", "")
    kind, _, text = header.partition(" ")
    if kind.lower() not in {"bearer", "oauth"}:
        text = request.query.get("access_token", "")
    if not text:
        message = "An access token is required to request this resource."
        raise GraphError(190, message=message, http=401)
    token = sim.world.token_for(text.strip())
    if token is None:
        raise GraphError(190, message="Invalid OAuth access token - Cannot parse access token")
    if token.revoked:
        raise GraphError(190, message="Error validating access token: The user has not authorized application.")
    if token.expires_at and token.expires_at <= sim.clock.now():
        raise GraphError(190, message="Error validating access token: Session has expired.")
    _check_proof(sim, request, token)
    return token


def _check_proof(sim: Simulator, request: web.BaseRequest, token: Token) -> None:
    app = sim.world.apps.get(token.app)
    proof = request.query.get("appsecret_proof", "") if "appsecret_proof" in request.path_qs else ""
    if app is None or not (proof or app.require_proof):
        return
    expected = hmac.new(app.secret.encode(), token.token.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(proof, expected):
        raise GraphError(100, message="(#100) Invalid appsecret_proof provided in the API argument")


def cut(request: web.BaseRequest) -> web.Response:
    """Break the connection; what is returned can no longer be sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
