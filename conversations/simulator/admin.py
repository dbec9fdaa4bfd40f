"""The admin API under `/_sim/`: control of the world, the user side, the ledger, logs and metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Any, Final, Protocol

import orjson
from aiohttp import web

from conversations.simulator import inbound, phones, template_life
from conversations.simulator.config import ConfigError, Json, as_json, merge
from conversations.simulator.ledger import decode
from conversations.simulator.simulator import Simulator

SETTLE_S: Final = 5.0
DEFAULT_PAGE: Final = 1000
MAX_ADVANCE_S: Final = 400 * 24 * 3600.0


class Host(Protocol):
    """What holds the current world and can replace it."""

    sim: Simulator

    async def reset(self, changes: Json) -> None:
        """Start a new world."""


def reply(data: Any, status: int = 200) -> web.Response:
    """Return JSON."""
    return web.Response(
        body=orjson.dumps(data, default=sorted), status=status, content_type="application/json", charset="utf-8"
    )


async def body_of(request: web.BaseRequest) -> Json:
    """Return the body of an admin call; raises ConfigError."""
    raw = await request.read()
    try:
        data = decode(raw) if raw else {}
    except ValueError as exc:
        raise ConfigError("the body is not JSON") from exc
    if not isinstance(data, dict):
        raise ConfigError("the body must be a JSON object")
    return data


def _number(request: web.BaseRequest, name: str, default: int) -> int:
    value = request.query.get(name, "")
    return int(value) if value.isdecimal() else default


async def _reset(host: Host, request: web.BaseRequest) -> web.Response:
    await host.reset(await body_of(request))
    return reply({"ok": True})


async def _config(host: Host, request: web.BaseRequest) -> web.Response:
    if request.method != "GET":
        merge(host.sim.behaviour, await body_of(request))
    return reply(as_json(host.sim.behaviour))


async def _clock(host: Host, request: web.BaseRequest) -> web.Response:
    sim = host.sim
    if request.method == "POST":
        data = await body_of(request)
        if set(data) - {"advance", "speed", "set", "settle"}:
            raise ConfigError("advance, speed, set or settle")
        if "speed" in data:
            sim.scheduler.set_speed(float(data["speed"]))
        seconds = float(data.get("advance", 0)) + (float(data["set"]) - sim.clock.now() if "set" in data else 0)
        if not 0 <= seconds <= MAX_ADVANCE_S:
            raise ConfigError(f"advance: 0 to {MAX_ADVANCE_S:.0f} seconds; the clock never goes back")
        sim.scheduler.advance(seconds)
        if data.get("settle", True):
            await sim.dispatcher.settle(SETTLE_S)
    return reply({"now": sim.clock.now(), "speed": sim.clock.speed, "pending": len(sim.scheduler)})


async def _faults(host: Host, request: web.BaseRequest) -> web.Response:
    faults = host.sim.faults
    if request.method == "DELETE":
        faults.remove(_number(request, "id", 0) or None)
    elif request.method == "POST":
        rule = faults.add(await body_of(request), seed=host.sim.world.rng.randrange(2**32))
        return reply(rule.as_json(), 201)
    return reply({"data": [rule.as_json() for rule in faults.rules]})


async def _users(host: Host, request: web.BaseRequest) -> web.Response:
    world = host.sim.world
    if request.method == "POST":
        data = await body_of(request)
        people = data.get("users", [data])
        return reply({"data": [shown_user(host.sim, world.add_user(person)) for person in people]}, 201)
    wanted = islice(world.users.values(), _number(request, "limit", 100))
    return reply({"count": len(world.users), "data": [shown_user(host.sim, user) for user in wanted]})


def shown_user(sim: Simulator, user: Any) -> Json:
    """Return a person as JSON, with the id that the first portfolio knows it by."""
    data = as_json(user)
    portfolio = next((waba.portfolio for waba in sim.world.wabas.values()), "")
    return {**data, "user_id": user.user_id(portfolio)}


async def _inbound(host: Host, request: web.BaseRequest) -> web.Response:
    sim, data = host.sim, await body_of(request)
    if "count" in data:
        return reply(inbound.start_bulk(sim, data), 202)
    entries = data.get("messages", [data])
    return reply({"messages": [{"id": _written(sim, {**data, **entry})} for entry in entries]}, 201)


def _written(sim: Simulator, data: Json) -> str:
    data.pop("messages", None)
    number = sim.world.number_of(data.get("to"))
    if number is None:
        raise ConfigError("to: no such number")
    sender = str(data.get("from", ""))
    digits = phones.digits_of(sender)
    user = sim.world.users.get(sender) or sim.world.user_known_as(sender)
    if user is None and digits is None:
        raise ConfigError("from: a phone, a person's id or a business-scoped user id is expected")
    if user is None:
        user = sim.world.user_at(digits or "")
    if data.get("name"):
        user.name = str(data["name"])
    return inbound.receive(sim, user, number, inbound.with_media(sim, number, inbound.content_of(data)))


async def _messages(host: Host, request: web.BaseRequest) -> web.Response:
    sim, query = host.sim, request.query
    to = query.get("to", "")
    digits = phones.digits_of(to) if to else None
    user_id = sim.world.user_at(digits).id if digits else to
    known = sim.world.user_known_as(to) if to and not digits else None
    found = sim.ledger.find(
        callback=query.get("callback", ""),
        wamid=query.get("wamid", ""),
        user_id=known.id if known else user_id,
        after=_number(request, "after", 0),
        limit=_number(request, "limit", DEFAULT_PAGE),
    )
    rows = [sent.as_json(decode) for sent in found]
    return reply({"total": len(sim.ledger), "data": rows, "after": found[-1].seq if found else None})


async def _requests(host: Host, request: web.BaseRequest) -> web.Response:
    limit = _number(request, "limit", 100)
    return reply({"data": list(host.sim.requests)[-limit:]})


async def _webhooks(host: Host, request: web.BaseRequest) -> web.Response:
    dispatcher = host.sim.dispatcher
    if request.method == "POST":
        if (await body_of(request)).get("hold"):
            dispatcher.hold()
        else:
            dispatcher.release()
    limit, with_body = _number(request, "limit", 100), bool(request.query.get("body"))
    posts = list(dispatcher.posts)[-limit:]
    return reply({"held": dispatcher.held, "data": [post.as_json(with_body=with_body) for post in posts]})


async def _metrics(host: Host, _: web.BaseRequest) -> web.Response:
    return reply(metrics(host.sim))


def metrics(sim: Simulator) -> Json:
    """Return counters, rates, violations and the state of deliveries."""
    now, seen, dispatcher = sim.clock.now(), sim.metrics, sim.dispatcher
    return {
        "now": now,
        "requests": seen.requests,
        "accepted": seen.accepted,
        "accepted_per_second": {"last": seen.per_second(now, over_s=1), "of_10": seen.per_second(now, over_s=10)},
        "rejected": dict(seen.rejected),
        "statuses": dict(seen.statuses),
        "inbound": seen.inbound,
        "ledger": len(sim.ledger),
        "duplicate_callbacks": sim.ledger.duplicate_callbacks,
        "violations": {**seen.violations, "forged_accepted": dispatcher.tally.counts["forged_accepted"]},
        "webhooks": {
            **dispatcher.tally.counts,
            "waiting": dispatcher.waiting,
            "in_flight": dispatcher.in_flight,
            "retrying": dispatcher.retrying,
            "held": dispatcher.held,
            "latency_ms": dispatcher.tally.percentiles(),
        },
        "timers": len(sim.scheduler),
        "jobs": sim.jobs,
    }


async def _account_event(host: Host, request: web.BaseRequest, object_id: str) -> web.Response:
    sim, data = host.sim, await body_of(request)
    number = sim.world.numbers.get(object_id)
    waba_id = number.waba if number is not None else object_id
    if waba_id not in sim.world.wabas:
        raise ConfigError(f"no such account or number: {object_id}")
    if number is not None and data.get("state"):
        number.state = str(data["state"])
    if number is not None and data.get("level"):
        number.level = str(data["level"])
    if data.get("field"):
        template_life.publish(sim, waba_id, str(data["field"]), dict(data.get("value", {})))
    return reply({"ok": True})


async def _template_event(host: Host, request: web.BaseRequest, object_id: str) -> web.Response:
    sim, data = host.sim, await body_of(request)
    template = sim.world.templates.get(object_id)
    if template is None:
        template = next((item for item in sim.world.templates.values() if item.name == object_id), None)
    if template is None or not set(data) & {"event", "quality", "category", "feedback"}:
        raise ConfigError("a template's id or name, and an event, quality, category or feedback")
    if data.get("category"):
        template_life.recategorise(sim, template, str(data["category"]))
    if data.get("quality"):
        template_life.judge(sim, template, str(data["quality"]))
    if data.get("feedback") == "bad":
        template_life.bad_feedback(sim, template)
    if data.get("event"):
        template_life.happen(sim, template, str(data["event"]), reason=str(data.get("reason", "NONE")))
    return reply({"ok": True})


async def _evolution(host: Host, request: web.BaseRequest) -> web.Response:
    """List instances; pair one (`pair`), or let it lose its connection (`disconnect`: a code)."""
    evolution = host.sim.evolution
    if request.method == "POST":
        data = await body_of(request)
        instance = evolution.instances.get(str(data.get("instance")))
        if instance is None:
            raise ConfigError("instance: no such instance")
        if data.get("pair"):
            evolution.pair(instance, digits=str(data.get("phone", "")), name=str(data.get("name", "")))
        if data.get("disconnect"):
            evolution.disconnect(instance, int(data["disconnect"]))
    rows = [
        {"name": row.name, "state": row.state, "owner": row.owner, "number": row.number_id, "qr": row.qr}
        for row in evolution.instances.values()
    ]
    posts = [
        {"event": post.name, "state": post.state, "attempts": post.attempts, "body": decode(post.body)}
        for post in list(evolution.posts.log)[-_number(request, "limit", 100) :]
    ]
    return reply({"data": rows, "posts": posts})


Page = Callable[[Host, web.BaseRequest], Awaitable[web.Response]]
PAGES: Final[dict[str, tuple[tuple[str, ...], Page]]] = {
    "reset": (("POST",), _reset),
    "config": (("GET", "PUT", "PATCH"), _config),
    "clock": (("GET", "POST"), _clock),
    "faults": (("GET", "POST", "DELETE"), _faults),
    "users": (("GET", "POST"), _users),
    "inbound": (("POST",), _inbound),
    "messages": (("GET",), _messages),
    "requests": (("GET",), _requests),
    "webhooks": (("GET", "POST"), _webhooks),
    "metrics": (("GET",), _metrics),
    "evolution": (("GET", "POST"), _evolution),
}
EVENTS: Final = {"accounts": _account_event, "templates": _template_event}


async def answer(host: Host, request: web.BaseRequest, parts: list[str]) -> web.Response:
    """Answer `/_sim/…`; a mistake in the call is 400 with a sentence."""
    try:
        if len(parts) == 1 and parts[0] in PAGES:
            methods, page = PAGES[parts[0]]
            if request.method in methods:
                return await page(host, request)
            return reply({"error": f"one of {', '.join(methods)}"}, 405)
        if len(parts) == 3 and parts[2] == "event" and parts[0] in EVENTS and request.method == "POST":
            return await EVENTS[parts[0]](host, request, parts[1])
    except (ConfigError, ValueError, TypeError, KeyError) as exc:
        return reply({"error": f"{type(exc).__name__}: {exc}"}, 400)
    return reply({"error": "no such page"}, 404)
