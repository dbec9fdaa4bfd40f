"""The Graph API's paths: who answers which, after the version and the token were checked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from conversations.simulator import accounts, media, mishaps, numbers, sending, template_api
from conversations.simulator.call import SUPPORTED_VERSIONS as SUPPORTED
from conversations.simulator.call import Call, authorised, version_of
from conversations.simulator.errors import GraphError, unknown_object
from conversations.simulator.faults import AFTER, Occasion
from conversations.simulator.simulator import Simulator

Endpoint = Callable[[Call, str], Awaitable[web.StreamResponse]]

OLDEST: Final = min(SUPPORTED)

# (method, what follows the object's id)
EDGES: Final[dict[tuple[str, str], Endpoint]] = {
    ("POST", "messages"): sending.messages,
    ("POST", "marketing_messages"): sending.messages,
    ("POST", "media"): media.upload,
    ("POST", "register"): numbers.register,
    ("POST", "deregister"): numbers.deregister,
    ("POST", "request_code"): numbers.request_code,
    ("POST", "verify_code"): numbers.verify_code,
    ("GET", "whatsapp_business_profile"): numbers.profile,
    ("POST", "whatsapp_business_profile"): numbers.change_profile,
    ("GET", "block_users"): numbers.blocked_users,
    ("POST", "block_users"): numbers.block_users,
    ("DELETE", "block_users"): numbers.block_users,
    ("GET", "phone_numbers"): accounts.phone_numbers,
    ("GET", "subscribed_apps"): accounts.subscribed_apps,
    ("POST", "subscribed_apps"): accounts.subscribe,
    ("DELETE", "subscribed_apps"): accounts.unsubscribe,
    ("GET", "subscriptions"): accounts.subscriptions,
    ("POST", "subscriptions"): accounts.change_subscription,
    ("GET", "message_templates"): template_api.listed,
    ("POST", "message_templates"): template_api.create,
    ("DELETE", "message_templates"): template_api.delete,
    ("POST", "unpause"): template_api.unpause,
}


async def answer(sim: Simulator, request: web.BaseRequest, path: str) -> web.StreamResponse:
    """Answer any path of the Graph API; raises GraphError."""
    parts = [part for part in path.split("/") if part]
    version = version_of(parts[0]) if parts else None
    if version is not None:
        parts.pop(0)
    if not parts or len(parts) > 2:
        raise unknown_path(path)
    if version is not None and version not in SUPPORTED:
        raise GraphError(2635, message=f"(#2635) You are calling a deprecated version of the API: v{version}.0")
    if parts == ["oauth", "access_token"]:
        return await accounts.access_token(sim, request)
    token = authorised(sim, request)
    call = Call(sim, request, parts, version if version is not None else OLDEST, token)
    return await _edge(call, path) if len(parts) == 2 else await _object(call)


async def _edge(call: Call, path: str) -> web.StreamResponse:
    object_id, edge = call.parts
    endpoint = EDGES.get((call.request.method, edge))
    if endpoint is None or not object_id.isdecimal():
        raise unknown_path(path)
    if edge != "messages":
        stopped = await _struck(call, edge, object_id)
        if stopped is not None:
            return stopped
    return await endpoint(call, object_id)


async def _object(call: Call) -> web.StreamResponse:
    """Answer `/{id}`: what it is decides."""
    object_id, method = call.parts[0], call.request.method
    if object_id == "debug_token":
        return await accounts.debug_token(call, object_id)
    if not object_id.isdecimal():
        raise unknown_path("/" + object_id)
    stopped = await _struck(call, "object", object_id)
    if stopped is not None:
        return stopped
    world = call.sim.world
    endpoint: Endpoint | None = None
    if object_id in world.numbers:
        endpoint = {"GET": numbers.read, "POST": numbers.change}.get(method)
    elif object_id in world.wabas:
        endpoint = {"GET": accounts.read}.get(method)
    elif object_id in world.templates:
        endpoint = {"GET": template_api.read, "POST": template_api.edit}.get(method)
    elif object_id in world.media:
        endpoint = {"GET": media.locate, "DELETE": media.delete}.get(method)
    if endpoint is None:
        raise unknown_object(object_id, method.lower())
    return await endpoint(call, object_id)


async def _struck(call: Call, endpoint: str, object_id: str) -> web.StreamResponse | None:
    """Apply fault rules to endpoints other than sends; those that spoil an answer only fit sends."""
    sim = call.sim
    rule = sim.faults.pick(Occasion(endpoint=endpoint, phone_id=object_id, now=sim.clock.now()))
    if rule is None or rule.do in AFTER:
        return None
    return await mishaps.before(call, rule, number=sim.world.numbers.get(object_id))


def unknown_path(path: str) -> GraphError:
    """Return the error for a path that Graph does not have."""
    return GraphError(2500, message=f"Unknown path components: {path}")
