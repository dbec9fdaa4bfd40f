"""The routes of Evolution API v2: who may call, which instance is meant, how it refuses."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from aiohttp import web

from conversations.simulator.config import Json
from conversations.simulator.evolution import chats, sending
from conversations.simulator.evolution.calls import Call, EvolutionError, answer_json
from conversations.simulator.evolution.instances import Instance
from conversations.simulator.simulator import Simulator

VERSION: Final = "2.3.6"
Handler = Callable[[Call], Awaitable[web.StreamResponse]]


async def answer(sim: Simulator, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
    """Answer any path under the prefix."""
    try:
        return await _answer(sim, request, parts)
    except EvolutionError as error:
        return answer_json(error.body(), error.status)


async def _answer(sim: Simulator, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
    if parts == [""]:
        return answer_json(
            {"status": 200, "message": "Welcome to the Evolution API, it is working!", "version": VERSION}
        )
    if len(parts) == 2 and parts[0] == "instance" and parts[1] in {"create", "fetchInstances"}:
        _check_key(sim, request, None)
        body = await _body(request)
        return _create(sim, request, body) if parts[1] == "create" else _fetch(sim, request)
    handler = HANDLERS.get((request.method, *parts[:2])) if len(parts) == 3 else None
    if handler is None:
        raise EvolutionError(404, f"Cannot {request.method} /{'/'.join(parts)}")
    # The instance is looked for before the key is: strangers learn which names exist.
    instance = sim.evolution.instances.get(parts[2])
    if instance is None:
        raise EvolutionError(404, [f'The "{parts[2]}" instance does not exist'])
    _check_key(sim, request, instance)
    return await handler(Call(sim=sim, request=request, instance=instance, body=await _body(request)))


def _check_key(sim: Simulator, request: web.BaseRequest, instance: Instance | None) -> None:
    given = request.headers.get("apikey", "").encode()
    known = [sim.behaviour.evolution.api_key, *([instance.token] if instance else [])]
    if not any(hmac.compare_digest(given, key.encode()) for key in known):
        raise EvolutionError(401, "Unauthorized")


async def _body(request: web.BaseRequest) -> Json:
    raw = await request.read()
    try:
        data: Any = orjson.loads(raw) if raw else {}
    except json.JSONDecodeError as exc:
        raise EvolutionError(400, ["Unexpected token in JSON"]) from exc
    if not isinstance(data, dict):
        raise EvolutionError(400, ["instance is not of a type(s) object"])
    return data


def _create(sim: Simulator, request: web.BaseRequest, body: Json) -> web.Response:
    missing = [f'requires property "{name}"' for name in ("instanceName", "integration") if not body.get(name)]
    if missing or request.method != "POST":
        raise EvolutionError(400, missing)
    name, webhook = str(body["instanceName"]), body.get("webhook") or {}
    if name in sim.evolution.instances:
        raise EvolutionError(403, [f'This name "{name}" is already in use.'])
    if webhook and not isinstance(webhook.get("events"), list):
        raise EvolutionError(400, ["Cannot read properties of undefined (reading 'length')"])
    sim.evolution.server_url = f"{request.scheme}://{request.host}/evolution"
    digits = "".join(letter for letter in str(body.get("number") or "") if letter.isdigit())
    made = sim.evolution.create(name, digits=digits, token=str(body.get("token") or ""), webhook=dict(webhook))
    shown: Json = {
        "instance": {
            "instanceName": name,
            "instanceId": made.id,
            "integration": body["integration"],
            "webhookWaBusiness": None,
            "accessTokenWaBusiness": "",
            "status": "close",
        },
        "hash": made.token,
        "webhook": {"webhookUrl": webhook.get("url"), "webhookHeaders": webhook.get("headers")},
        "websocket": {}, "rabbitmq": {}, "nats": {}, "sqs": {},
        "settings": {name: bool(body.get(name)) for name in SETTINGS},
    }  # fmt: skip
    if body.get("qrcode"):
        sim.evolution.connect(made)
        shown["qrcode"] = made.qr
        shown["instance"]["status"] = made.state
    return answer_json(shown, 201)


SETTINGS: Final = ("rejectCall", "groupsIgnore", "alwaysOnline", "readMessages", "readStatus", "syncFullHistory")


def _fetch(sim: Simulator, request: web.BaseRequest) -> web.Response:
    wanted = request.query.get("instanceName")
    rows = [
        {
            "id": row.id,
            "name": row.name,
            "connectionStatus": row.state,
            "ownerJid": f"{row.owner}@s.whatsapp.net" if row.owner else None,
            "profileName": row.profile or None,
            "integration": "WHATSAPP-BAILEYS",
            "number": row.digits or None,
            "token": row.token,
            "disconnectionReasonCode": row.reason or None,
            "_count": {"Message": len(row.messages), "Contact": 0, "Chat": 0},
        }
        for row in sim.evolution.instances.values()
        if wanted in {None, row.name}
    ]
    return answer_json(rows)


async def _connect(call: Call) -> web.Response:
    instance = call.instance
    if instance.state == "open":
        return answer_json({"instance": {"instanceName": instance.name, "state": "open"}})
    number = "".join(letter for letter in call.request.query.get("number", "") if letter.isdigit())
    call.sim.evolution.connect(instance, digits=number)
    return answer_json(instance.qr)


async def _state(call: Call) -> web.Response:
    return answer_json({"instance": {"instanceName": call.instance.name, "state": call.instance.state}})


async def _restart(call: Call) -> web.Response:
    if call.instance.state != "open":
        # This one fails with a success.
        return answer_json({"error": True, "message": "The instance is not connected"})
    call.sim.evolution.disconnect(call.instance, 428)
    return answer_json({"instance": {"instanceName": call.instance.name, "state": call.instance.state}})


async def _logout(call: Call) -> web.Response:
    if call.instance.state == "close":
        raise EvolutionError(400, [f'The "{call.instance.name}" instance is not connected'])
    call.sim.evolution.disconnect(call.instance, 401)
    return answer_json({"status": "SUCCESS", "error": False, "response": {"message": "Instance logged out"}})


async def _delete(call: Call) -> web.Response:
    call.sim.evolution.remove(call.instance)
    return answer_json({"status": "SUCCESS", "error": False, "response": {"message": "Instance deleted"}})


async def _set_webhook(call: Call) -> web.Response:
    webhook = call.body.get("webhook")
    if not isinstance(webhook, dict) or "enabled" not in webhook or not webhook.get("url"):
        raise EvolutionError(400, ['instance requires property "webhook"'])
    call.instance.webhook = dict(webhook)
    return answer_json(webhook, 201)


async def _find_webhook(call: Call) -> web.Response:
    return answer_json(call.instance.webhook or None)


async def _settings(call: Call) -> web.Response:
    missing = [f'requires property "{name}"' for name in SETTINGS if name not in call.body]
    if missing:
        raise EvolutionError(400, missing)
    return answer_json({"settings": {"instanceName": call.instance.name, "settings": call.body}}, 201)


HANDLERS: Final[dict[tuple[str, ...], Handler]] = {
    ("GET", "instance", "connect"): _connect,
    ("GET", "instance", "connectionState"): _state,
    ("POST", "instance", "restart"): _restart,
    ("DELETE", "instance", "logout"): _logout,
    ("DELETE", "instance", "delete"): _delete,
    ("POST", "webhook", "set"): _set_webhook,
    ("GET", "webhook", "find"): _find_webhook,
    ("POST", "settings", "set"): _settings,
    **{("POST", "message", name): sending.send for name in sending.KINDS},
    ("POST", "chat", "findMessages"): chats.find_messages,
    ("POST", "chat", "whatsappNumbers"): chats.whatsapp_numbers,
    ("POST", "chat", "getBase64FromMediaMessage"): chats.media,
    ("POST", "chat", "sendPresence"): chats.presence,
    ("POST", "chat", "markMessageAsRead"): chats.mark_read,
}
