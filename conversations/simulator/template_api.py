"""Management of templates, in the small: list, create with a review after a while, read, edit, delete."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Final

from aiohttp import web

from conversations.simulator import numbers
from conversations.simulator.call import MANAGEMENT, Call
from conversations.simulator.config import Json
from conversations.simulator.errors import GraphError, unknown_object
from conversations.simulator.model import Template
from conversations.simulator.simulator import Simulator
from conversations.simulator.updates import Update

NAME: Final = re.compile(r"[a-z0-9_]{1,512}")
CATEGORIES: Final = ("MARKETING", "UTILITY", "AUTHENTICATION")
NAME_EXISTS: Final = 2388024
FIELDS: Final = ("name", "language", "status", "category", "components", "parameter_format", "quality_score")


def _shown(template: Template) -> Json:
    data = asdict(template)
    data["quality_score"] = {"score": data.pop("quality")}
    data["rejected_reason"] = data.pop("reason")
    del data["waba"]
    return data


async def listed(call: Call, waba_id: str) -> web.StreamResponse:
    """Answer `GET /{waba_id}/message_templates`, filtered by name, status, language; `limit` and `after` page."""
    call.needs(MANAGEMENT)
    call.waba(waba_id)
    query = call.request.query
    found = [template for template in call.sim.world.templates.values() if template.waba == waba_id]
    for name in ("name", "status", "language", "category"):
        if query.get(name):
            found = [template for template in found if getattr(template, name) == query[name]]
    after, limit = query.get("after", "0"), query.get("limit", "25")
    if not (after.isdecimal() and limit.isdecimal()):
        raise GraphError(131059)
    start, end = int(after), int(after) + int(limit)
    rows = [numbers.selected(call, _shown(template), FIELDS) for template in found[start:end]]
    paging: Json = {"cursors": {"before": str(start), "after": str(end)}}
    if end < len(found):
        paging["next"] = f"{call.request.scheme}://{call.request.host}{call.request.path}?after={end}&limit={limit}"
    return call.answer({"data": rows, "paging": paging})


async def create(call: Call, waba_id: str) -> web.StreamResponse:
    """Answer `POST /{waba_id}/message_templates`: PENDING, then APPROVED by itself."""
    call.needs(MANAGEMENT)
    waba = call.waba(waba_id, "post")
    body = await call.json()
    name, language = str(body.get("name", "")), str(body.get("language", ""))
    if not NAME.fullmatch(name) or not language or body.get("category") not in CATEGORIES:
        raise GraphError(100, message="(#100) Invalid parameter: name, language or category")
    components = body.get("components")
    if not isinstance(components, list) or not any(part.get("type") == "BODY" for part in components):
        raise GraphError(100, message="(#100) Invalid parameter: a BODY component is required")
    if call.sim.world.template(waba.id, name, language) is not None:
        raise GraphError(100, message="(#100) Invalid parameter: the name exists", subcode=NAME_EXISTS)
    template = Template(
        id=call.sim.world.template_id(),
        waba=waba.id,
        name=name,
        language=language,
        category=str(body["category"]),
        status="PENDING",
        parameter_format=str(body.get("parameter_format", "POSITIONAL")).upper(),
        components=components,
    )
    call.sim.world.add_template(template)
    call.sim.scheduler.after(call.sim.behaviour.template_review_s, _review, call.sim, template)
    return call.answer({"id": template.id, "status": "PENDING", "category": template.category})


def _review(sim: Simulator, template: Template) -> None:
    if template.status == "PENDING":
        happen(sim, template, "APPROVED", "NONE")


def happen(sim: Simulator, template: Template, event: str, reason: str) -> None:
    """Change a template's status and tell the business."""
    template.status = {"REINSTATED": "APPROVED"}.get(event, event)
    template.reason = reason
    value: Json = {
        "event": event,
        "message_template_id": int(template.id),
        "message_template_name": template.name,
        "message_template_language": template.language,
        "message_template_category": template.category,
        "reason": reason,
    }
    publish(sim, template.waba, "message_template_status_update", value)


def publish(sim: Simulator, waba_id: str, field: str, value: Json) -> None:
    """Tell the apps of an account something about it."""
    sim.publish(Update(waba_id=waba_id, kind="value", field=field, item=value, time=int(sim.clock.now())))


def _found(call: Call, template_id: str) -> Template:
    call.needs(MANAGEMENT)
    template = call.sim.world.templates[template_id]
    if not call.sim.world.may_see(call.token, template.waba):
        raise unknown_object(template_id, call.request.method.lower())
    return template


async def read(call: Call, template_id: str) -> web.StreamResponse:
    """Answer `GET /{template_id}`."""
    return call.answer(numbers.selected(call, _shown(_found(call, template_id)), FIELDS))


async def edit(call: Call, template_id: str) -> web.StreamResponse:
    """Answer `POST /{template_id}`: new components go to review again."""
    template = _found(call, template_id)
    body = await call.json()
    if isinstance(body.get("components"), list):
        template.components = body["components"]
    template.category = str(body.get("category", template.category))
    template.status = "PENDING"
    call.sim.scheduler.after(call.sim.behaviour.template_review_s, _review, call.sim, template)
    return call.answer({"success": True})


async def delete(call: Call, waba_id: str) -> web.StreamResponse:
    """Answer `DELETE /{waba_id}/message_templates?name=`: every language of the name."""
    call.needs(MANAGEMENT)
    call.waba(waba_id, "delete")
    name = call.request.query.get("name", "")
    found = [item for item in call.sim.world.templates.values() if item.waba == waba_id and item.name == name]
    if not found:
        raise GraphError(132001, f"template name ({name}) does not exist")
    for template in found:
        call.sim.world.remove_template(template)
    return call.answer({"success": True})
