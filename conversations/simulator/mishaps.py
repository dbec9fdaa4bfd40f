"""Carrying out fault rules: what happens instead of the processing, and what spoils the answer after it."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from conversations.simulator.call import Call, cut
from conversations.simulator.errors import GraphError
from conversations.simulator.faults import Rule
from conversations.simulator.model import Number, Sent

HTML_502: Final = "<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
HANG_MS: Final = 60_000.0
SLOW_MS: Final = 2000.0
EARLY_S: Final = 0.25
SLOW_CHUNKS: Final = 8


async def before(call: Call, rule: Rule, *, number: Number | None) -> web.StreamResponse | None:
    """Apply a rule before the request is processed; return the answer if that is the end of it."""
    params = rule.params
    match rule.do:
        case "latency":
            await asyncio.sleep(_latency_s(rule))
        case "http":
            return _plain(call, rule)
        case "error":
            details = str(params.get("details", ""))
            raise GraphError(int(params.get("code", 131000)), details, http=int(params.get("http", 0)))
        case "html_502":
            return web.Response(text=HTML_502, status=int(params.get("status", 502)), content_type="text/html")
        case "reset_before":
            return cut(call.request)
        case "hang":
            await asyncio.sleep(float(params.get("ms", HANG_MS)) / 1000)
            return cut(call.request)
        case _:
            _change_world(call, rule, number)
    return None


def _plain(call: Call, rule: Rule) -> web.Response:
    body, status = rule.params.get("body", ""), int(rule.params.get("status", 500))
    return web.Response(text=body, status=status) if isinstance(body, str) else call.answer(body, status=status)


def _change_world(call: Call, rule: Rule, number: Number | None) -> None:
    """Apply a rule that lasts beyond the request; raises the error of a revoked token."""
    dispatcher = call.sim.dispatcher
    match rule.do:
        case "token_revoked":
            call.token.revoked = True
            raise GraphError(190, message="Error validating access token: The session has been invalidated.")
        case "number_state":
            if number is not None:
                number.state = str(rule.params.get("state", "CONNECTED"))
        case "webhook_outage":
            dispatcher.hold()
            if rule.params.get("seconds"):
                call.sim.scheduler.after(float(rule.params["seconds"]), dispatcher.release)
        case _:
            raise AssertionError(rule.do)


def _latency_s(rule: Rule) -> float:
    ms = rule.params.get("ms", 1000)
    if isinstance(ms, list):
        return rule.rng.uniform(float(ms[0]), float(ms[1])) / 1000
    return float(ms) / 1000


async def after(call: Call, rule: Rule, response: web.Response, sent: Sent) -> web.StreamResponse:
    """Spoil the answer to a message that was accepted; the ledger notes how."""
    params = rule.params
    if rule.do in {"latency", "async_error", "number_state", "webhook_outage"}:
        return response
    sent.outcome = rule.do
    match rule.do:
        case "reset_after":
            return cut(call.request)
        case "error_after":
            error = GraphError(int(params.get("code", 131000)), http=int(params.get("http", 500)))
            return call.answer(error.body(), status=error.status())
        case "garbage_200":
            whole = response.body if isinstance(response.body, bytes) else b"{}"
            return web.Response(body=whole[: len(whole) // 2], content_type="application/json")
        case "slow_body":
            return await _slowly(call, response, float(params.get("ms", SLOW_MS)) / 1000)
        case "early_status":
            await asyncio.sleep(float(params.get("ms", EARLY_S * 1000)) / 1000)
            return response
        case _:
            raise AssertionError(rule.do)


async def _slowly(call: Call, response: web.Response, seconds: float) -> web.StreamResponse:
    body = response.body if isinstance(response.body, bytes) else b"{}"
    stream = web.StreamResponse(headers={"Content-Type": "application/json"})
    await stream.prepare(call.request)
    size = max(1, len(body) // SLOW_CHUNKS)
    for start in range(0, len(body), size):
        await stream.write(body[start : start + size])
        await asyncio.sleep(seconds / SLOW_CHUNKS)
    await stream.write_eof()
    return stream
