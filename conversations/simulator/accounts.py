"""Endpoints of accounts and apps: their numbers, subscriptions, callbacks with handshake, tokens."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from conversations.simulator import call as calls
from conversations.simulator import handshake, numbers
from conversations.simulator.call import MANAGEMENT, Call
from conversations.simulator.config import Json
from conversations.simulator.errors import GraphError, unknown_object
from conversations.simulator.model import App, Override
from conversations.simulator.simulator import Simulator

URL_MAX: Final = 200


async def read(call: Call, waba_id: str) -> web.StreamResponse:
    """Answer `GET /{waba_id}`."""
    waba = call.waba(waba_id)
    data: Json = {
        "id": waba.id,
        "name": waba.name,
        "timezone_id": "25",
        "currency": "BRL",
        "message_template_namespace": f"sim_{waba.id}",
        "health_status": {"can_send_message": "AVAILABLE", "entities": []},
        "owner_business_info": {"name": waba.name, "id": waba.portfolio},
    }
    return call.answer(numbers.selected(call, data, ("name", "timezone_id", "message_template_namespace")))


async def phone_numbers(call: Call, waba_id: str) -> web.StreamResponse:
    """Answer `GET /{waba_id}/phone_numbers`."""
    call.needs(MANAGEMENT)
    call.waba(waba_id)
    mine = [number for number in call.sim.world.numbers.values() if number.waba == waba_id]
    rows = [numbers.selected(call, numbers.shown(call, number), numbers.DEFAULT_FIELDS) for number in mine]
    return call.answer({"data": rows, "paging": {"cursors": {"before": "QQ", "after": "QQ"}}})


async def subscribed_apps(call: Call, waba_id: str) -> web.StreamResponse:
    """Answer `GET /{waba_id}/subscribed_apps`."""
    call.needs(MANAGEMENT)
    waba = call.waba(waba_id)
    rows: list[Json] = []
    for app in (call.sim.world.apps[app_id] for app_id in waba.apps if app_id in call.sim.world.apps):
        shown: Json = {"id": app.id, "name": app.name, "link": f"https://example.org/apps/{app.id}"}
        row: Json = {"whatsapp_business_api_data": shown}
        if app.id in waba.overrides:
            row["override_callback_uri"] = waba.overrides[app.id].url
        rows.append(row)
    return call.answer({"data": rows})


async def subscribe(call: Call, waba_id: str) -> web.StreamResponse:
    """Answer `POST /{waba_id}/subscribed_apps`; without a body an override is removed."""
    call.needs(MANAGEMENT)
    waba = call.waba(waba_id, "post")
    override = await verified_override(call, await call.json())
    if call.token.app not in waba.apps:
        waba.apps.append(call.token.app)
    waba.overrides.pop(call.token.app, None)
    if override is not None:
        waba.overrides[call.token.app] = override
    return call.answer({"success": True})


async def unsubscribe(call: Call, waba_id: str) -> web.StreamResponse:
    """Answer `DELETE /{waba_id}/subscribed_apps`: nothing is sent to this app from now on."""
    call.needs(MANAGEMENT)
    waba = call.waba(waba_id, "delete")
    waba.apps = [app_id for app_id in waba.apps if app_id != call.token.app]
    waba.overrides.pop(call.token.app, None)
    return call.answer({"success": True})


async def verified_override(call: Call, data: Json) -> Override | None:
    """Return the override that the data asks for, after its handshake; None for none or an empty URL."""
    url = data.get("override_callback_uri")
    if not url:
        return None
    if not isinstance(url, str) or len(url) > URL_MAX:
        raise GraphError(100, message=f"(#100) override_callback_uri must be at most {URL_MAX} characters long.")
    override = Override(url=url, verify_token=str(data.get("verify_token", "")))
    await _shake(call, url, override.verify_token)
    return override


async def _shake(call: Call, url: str, token: str) -> None:
    """Verify a callback now; it counts as verified from then on."""
    dispatcher = call.sim.dispatcher
    if not await handshake.verify(dispatcher.session, url, token):
        message = "(#2200) Callback verification failed with the following errors: the challenge was not echoed"
        raise GraphError(2200, message=message, http=400)
    secret = _app(call).secret
    known = dispatcher.callback(url, secret=secret, verify_token=token, verified=True)
    known.verified, known.verify_token = True, token


def _app(call: Call) -> App:
    app = call.sim.world.apps.get(call.token.app)
    if app is None:
        raise unknown_object(call.token.app)
    return app


def _own_app(call: Call, app_id: str) -> App:
    """Return the app of an app token."""
    app = call.sim.world.apps.get(app_id)
    if app is None:
        raise unknown_object(app_id)
    if call.token.token != f"{app.id}|{app.secret}":
        raise GraphError(200, message="(#200) This method must be called with an app access token.")
    return app


async def subscriptions(call: Call, app_id: str) -> web.StreamResponse:
    """Answer `GET /{app_id}/subscriptions`."""
    app = _own_app(call, app_id)
    row = {"object": "whatsapp_business_account", "callback_url": app.callback_url, "active": True}
    return call.answer({"data": [{**row, "fields": [{"name": "messages", "version": "v26.0"}]}]})


async def change_subscription(call: Call, app_id: str) -> web.StreamResponse:
    """Answer `POST /{app_id}/subscriptions`: another callback for the app, after its handshake."""
    app = _own_app(call, app_id)
    body: dict[str, Any] = await call.json()
    if body.get("object") != "whatsapp_business_account":
        raise GraphError(100, message="(#100) Param object must be whatsapp_business_account")
    url, token = str(body.get("callback_url", "")), str(body.get("verify_token", ""))
    await _shake(call, url, token)
    app.callback_url, app.verify_token = url, token
    return call.answer({"success": True})


async def access_token(sim: Simulator, request: web.BaseRequest) -> web.StreamResponse:
    """Answer `GET /oauth/access_token?grant_type=client_credentials`: the app's own token."""
    query = request.query
    app = sim.world.apps.get(query.get("client_id", ""))
    if app is None or query.get("client_secret") != app.secret:
        raise GraphError(1, message="Error validating client secret.")
    return calls.answer({"access_token": f"{app.id}|{app.secret}", "token_type": "bearer"})


async def debug_token(call: Call, _: str) -> web.StreamResponse:
    """Answer `GET /debug_token`."""
    token = call.sim.world.token_for(call.request.query.get("input_token", ""))
    if token is None or token.revoked or (token.expires_at and token.expires_at <= call.sim.clock.now()):
        error = {"code": 190, "message": "Error validating access token", "subcode": 463}
        return call.answer({"data": {"is_valid": False, "error": error, "scopes": []}})
    targets = token.wabas if token.wabas is not None else list(call.sim.world.wabas)
    app = call.sim.world.apps.get(token.app)
    data: Json = {
        "app_id": token.app,
        "type": "APP" if "|" in token.token else "SYSTEM_USER",
        "application": app.name if app else "",
        "is_valid": True,
        "issued_at": int(token.issued_at),
        "expires_at": int(token.expires_at),
        "data_access_expires_at": 0,
        "scopes": token.permissions,
        "granular_scopes": [{"scope": scope, "target_ids": targets} for scope in token.permissions],
        "user_id": "900000000000001",
    }
    return call.answer({"data": data})
