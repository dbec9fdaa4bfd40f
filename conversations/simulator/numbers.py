"""Endpoints of a business number: fields, override of the callback, registration, profile, block list."""

from __future__ import annotations

import re
from typing import Any, Final

from aiohttp import web

from conversations.simulator import accounts, phones
from conversations.simulator.call import MANAGEMENT, MESSAGING, Call
from conversations.simulator.config import Json
from conversations.simulator.errors import GraphError
from conversations.simulator.model import Number

DEFAULT_FIELDS: Final = ("verified_name", "display_phone_number", "quality_rating", "code_verification_status", "id")
PROFILE_LIMITS: Final = {"about": 139, "address": 256, "description": 512, "email": 128}
_FIELD: Final = re.compile(r"[a-z_]+")
CODE: Final = "123456"


def shown(call: Call, number: Number) -> Json:
    """Return every field that this world knows of a number."""
    connected = number.state in {"CONNECTED", "UNPAID"}
    return {
        "id": number.id,
        "verified_name": number.verified_name,
        "display_phone_number": f"+{number.display}",
        "quality_rating": number.quality,
        "code_verification_status": "VERIFIED",
        "platform_type": "CLOUD_API",
        "throughput": {"level": "HIGH" if number.level == "HIGH" else "STANDARD"},
        "status": "CONNECTED" if connected else number.state,
        "name_status": "PENDING_REVIEW" if number.state == "PENDING" else "APPROVED",
        "account_mode": "SANDBOX" if number.allow_list is not None else "LIVE",
        "whatsapp_business_manager_messaging_limit": number.tier,
        "webhook_configuration": _webhooks(call, number),
        "health_status": _health(number, connected=connected),
    }


def _webhooks(call: Call, number: Number) -> Json:
    waba = call.sim.world.wabas[number.waba]
    app = call.sim.world.apps.get(call.token.app)
    override = waba.overrides.get(call.token.app)
    urls = {
        "phone_number": number.override.url if number.override else None,
        "whatsapp_business_account": override.url if override else None,
        "application": app.callback_url if app else None,
    }
    return {name: url for name, url in urls.items() if url}


def _health(number: Number, *, connected: bool) -> Json:
    verdict = "AVAILABLE" if connected and number.state != "UNPAID" else "BLOCKED"
    entities = [
        {"entity_type": "PHONE_NUMBER", "id": number.id, "can_send_message": verdict},
        {"entity_type": "WABA", "id": number.waba, "can_send_message": "AVAILABLE"},
    ]
    if verdict == "BLOCKED":
        entities[0]["errors"] = [  # type: ignore[assignment]  # the list stands beside strings, as in Meta's answer
            {"error_code": 141000, "error_description": f"Number is {number.state}", "possible_solution": "Repair it."}
        ]
    return {"can_send_message": verdict, "entities": entities}


def selected(call: Call, data: Json, default: tuple[str, ...]) -> Json:
    """Return the fields that the query names, `id` always."""
    wanted = _FIELD.findall(call.request.query.get("fields", "")) or default
    return {name: data[name] for name in dict.fromkeys((*wanted, "id")) if name in data}


async def read(call: Call, number_id: str) -> web.StreamResponse:
    """Answer `GET /{phone_id}`."""
    number = call.number(number_id, "get")
    return call.answer(selected(call, shown(call, number), DEFAULT_FIELDS))


async def change(call: Call, number_id: str) -> web.StreamResponse:
    """Answer `POST /{phone_id}`: callback override or PIN."""
    call.needs(MANAGEMENT)
    number = call.number(number_id)
    body = await call.json()
    configuration = body.get("webhook_configuration")
    if isinstance(configuration, dict):
        number.override = await accounts.verified_override(call, configuration)
    if "pin" in body:
        number.pin = _pin(body)
    return call.answer({"success": True})


def _pin(body: Json) -> str:
    pin = str(body.get("pin", ""))
    if not (len(pin) == 6 and pin.isdecimal()):
        raise GraphError(100, message="(#100) Param pin must be 6 digits long.")
    return pin


async def register(call: Call, number_id: str) -> web.StreamResponse:
    """Answer `POST /{phone_id}/register`."""
    call.needs(MANAGEMENT)
    number = call.number(number_id)
    pin = _pin(await call.json())
    if number.pin and number.pin != pin:
        raise GraphError(133005)
    number.pin, number.state = pin, "CONNECTED"
    return call.answer({"success": True})


async def deregister(call: Call, number_id: str) -> web.StreamResponse:
    """Answer `POST /{phone_id}/deregister`."""
    call.needs(MANAGEMENT)
    call.number(number_id).state = "DISCONNECTED"
    return call.answer({"success": True})


async def request_code(call: Call, number_id: str) -> web.StreamResponse:
    """Answer `POST /{phone_id}/request_code`; the code is always 123456."""
    call.needs(MANAGEMENT)
    call.number(number_id)
    if (await call.json()).get("code_method") not in {"SMS", "VOICE"}:
        raise GraphError(100, message="(#100) Param code_method must be one of {SMS, VOICE}")
    return call.answer({"success": True})


async def verify_code(call: Call, number_id: str) -> web.StreamResponse:
    """Answer `POST /{phone_id}/verify_code`."""
    call.needs(MANAGEMENT)
    call.number(number_id)
    if str((await call.json()).get("code", "")) != CODE:
        raise GraphError(136024, "Verification code is not valid")
    return call.answer({"success": True})


async def profile(call: Call, number_id: str) -> web.StreamResponse:
    """Answer `GET …/whatsapp_business_profile`."""
    number = call.number(number_id, "get")
    wanted = _FIELD.findall(call.request.query.get("fields", "about"))
    data = {name: number.profile[name] for name in wanted if name in number.profile}
    return call.answer({"data": [{**data, "messaging_product": "whatsapp"}]})


async def change_profile(call: Call, number_id: str) -> web.StreamResponse:
    """Answer `POST …/whatsapp_business_profile`."""
    call.needs(MANAGEMENT)
    number = call.number(number_id)
    body = await call.json()
    for name, most in PROFILE_LIMITS.items():
        if len(str(body.get(name, ""))) > most:
            raise GraphError(100, message=f"(#100) Param {name} must be at most {most} characters long.")
    websites: Any = body.get("websites", [])
    if not isinstance(websites, list) or len(websites) > 2 or any(len(str(site)) > 256 for site in websites):
        raise GraphError(100, message="(#100) Param websites must have at most 2 entries of 256 characters.")
    known = {*PROFILE_LIMITS, "websites", "vertical", "profile_picture_handle"}
    number.profile.update({key: value for key, value in body.items() if key in known})
    return call.answer({"success": True})


async def blocked_users(call: Call, number_id: str) -> web.StreamResponse:
    """Answer `GET …/block_users`."""
    number = call.number(number_id, "get")
    rows = [{"messaging_product": "whatsapp", "wa_id": digits} for digits in sorted(number.blocked)]
    return call.answer({"data": rows, "paging": {"cursors": {}}})


async def block_users(call: Call, number_id: str) -> web.StreamResponse:
    """Answer `POST` and `DELETE …/block_users`."""
    call.needs(MESSAGING)
    number = call.number(number_id)
    given = (await call.json()).get("block_users")
    if not isinstance(given, list) or not all(isinstance(entry, dict) for entry in given):
        raise GraphError(100, message="(#100) The parameter block_users is required.")
    people = [phones.digits_of(str(entry.get("user", ""))) for entry in given]
    digits = {found for found in people if found}
    adding = call.request.method == "POST"
    number.blocked = number.blocked | digits if adding else number.blocked - digits
    done = [{"input": found, "wa_id": found} for found in sorted(digits)]
    name = "added_users" if adding else "removed_users"
    return call.answer({"messaging_product": "whatsapp", "block_users": {name: done}})
