"""Management of templates: list with cursors, create with validation and review, read, edit, delete, unpause."""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import Final

from aiohttp import web

from conversations.simulator import numbers, template_life, template_rules
from conversations.simulator.call import MANAGEMENT, Call
from conversations.simulator.config import Json
from conversations.simulator.errors import GraphError, unknown_object
from conversations.simulator.model import Template
from conversations.simulator.template_rules import LIMIT, NAME_COOLING, NAME_EXISTS, refused

FIELDS: Final = ("name", "language", "status", "category", "components", "parameter_format", "quality_score")
PAGE_MAX: Final = 100
PER_ACCOUNT: Final = 250
NAME_BLOCKED_S: Final = 30 * 24 * 3600.0
DAY_S: Final = 24 * 3600.0
EDITS_A_MONTH: Final = 10
EDITABLE: Final = frozenset({"APPROVED", "REJECTED", "PAUSED"})
_OURS: Final = ("waba", "quality", "reason", "review", "pauses", "approved_at", "edits")


def _shown(call: Call, template: Template) -> Json:
    data = asdict(template)
    data["quality_score"] = {"score": template.quality, "date": int(call.sim.clock.now())}
    data["rejected_reason"] = template.reason
    return {key: value for key, value in data.items() if key not in _OURS}


async def listed(call: Call, waba_id: str) -> web.StreamResponse:
    """Answer `GET /{waba_id}/message_templates`, filtered by name, status, language; `limit` and `after` page."""
    call.manages(waba_id)
    query = call.request.query
    found = [template for template in call.sim.world.templates.values() if template.waba == waba_id]
    for name in ("name", "status", "language", "category"):
        if query.get(name):
            found = [template for template in found if getattr(template, name) == query[name]]
    start, limit = _position(query.get("after", "")), query.get("limit", "25")
    if not limit.isdecimal() or not int(limit) >= 1:
        raise GraphError(100, message="(#100) Param limit must be a positive integer")
    end = start + min(int(limit), PAGE_MAX)
    rows = [numbers.selected(call, _shown(call, template), FIELDS) for template in found[start:end]]
    if not rows:
        return call.answer({"data": []})
    paging: Json = {"cursors": {"before": _cursor(start), "after": _cursor(end)}}
    if end < len(found):
        url = call.request.url.update_query(after=_cursor(end), limit=limit)
        paging["next"] = str(url)
    return call.answer({"data": rows, "paging": paging})


def _cursor(position: int) -> str:
    return base64.b64encode(f"sim:{position}".encode()).decode()


def _position(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        kind, _, position = base64.b64decode(cursor, validate=True).decode().partition(":")
        if kind == "sim":
            return int(position)
    except ValueError:
        pass
    raise GraphError(131059)


async def create(call: Call, waba_id: str) -> web.StreamResponse:
    """Answer `POST /{waba_id}/message_templates`: PENDING, reviewed after a while."""
    waba, world, now = call.manages(waba_id, "post"), call.sim.world, call.sim.clock.now()
    template = template_rules.read(await call.json(), waba_id=waba.id, template_id=world.template_id())
    if world.template(waba.id, template.name, template.language) is not None:
        said = f"There is already {template.language} content for this template."
        raise refused(NAME_EXISTS, "Content in this language already exists", said)
    if world.names_blocked.get((waba.id, template.name), 0.0) > now:
        said = "Names of deleted templates can be used again after 30 days."
        raise refused(NAME_COOLING, "Message template name is being deleted", said)
    recent = waba.creations = [at for at in waba.creations if at > now - 3600.0]
    if len(recent) >= call.sim.behaviour.limits.template_creations:
        raise GraphError(80008, "There have been too many calls to this WhatsApp Business account.")
    if sum(other.waba == waba.id for other in world.templates.values()) >= PER_ACCOUNT:
        raise refused(LIMIT, "Limit reached", f"This account has {PER_ACCOUNT} message templates.")
    waba.creations.append(now)
    world.add_template(template)
    template_life.submitted(call.sim, template)
    return call.answer({"id": template.id, "status": template.status, "category": template.category})


def _found(call: Call, template_id: str) -> Template:
    call.needs(MANAGEMENT)
    template = call.sim.world.templates[template_id]
    if not call.sim.world.may_see(call.token, template.waba):
        raise unknown_object(template_id, call.request.method.lower())
    return template


async def read(call: Call, template_id: str) -> web.StreamResponse:
    """Answer `GET /{template_id}`."""
    return call.answer(numbers.selected(call, _shown(call, _found(call, template_id)), FIELDS))


async def edit(call: Call, template_id: str) -> web.StreamResponse:
    """Answer `POST /{template_id}`: new components, all of them, go to review again."""
    template, now = _found(call, template_id), call.sim.clock.now()
    body = await call.json()
    if template.status not in EDITABLE:
        raise refused(2388027, "Cannot be edited", "Message templates can be edited when approved, rejected or paused.")
    approved = template.status == "APPROVED"
    category = str(body.get("category", template.category))
    if approved and category != template.category:
        raise refused(2388026, "Category", "The category of an approved message template cannot be changed.")
    edits = [at for at in template.edits if at > now - 30 * DAY_S]
    if approved and (len(edits) >= EDITS_A_MONTH or any(at > now - DAY_S for at in edits)):
        raise refused(2388028, "Edited too often", "Once in 24 hours and 10 times in 30 days.")
    before = template.components, template.category
    template.components, template.category = body.get("components", template.components), category
    try:
        template_rules.check(template)
    except GraphError:
        template.components, template.category = before
        raise
    template.edits = [*edits, now]
    template_life.edited(call.sim, template)
    template_life.submitted(call.sim, template)
    return call.answer({"success": True})


async def unpause(call: Call, template_id: str) -> web.StreamResponse:
    """Answer `POST /{template_id}/unpause`."""
    if template_id not in call.sim.world.templates:
        raise unknown_object(template_id)
    template = _found(call, template_id)
    if template.status != "PAUSED":
        return call.answer({"success": False, "reason": "The template is not paused."})
    template_life.happen(call.sim, template, "APPROVED")
    return call.answer({"success": True})


async def delete(call: Call, waba_id: str) -> web.StreamResponse:
    """Answer `DELETE /{waba_id}/message_templates?name=` (every language), `&hsm_id=` (that one), `hsm_ids=[…]`."""
    call.manages(waba_id, "delete")
    query, world = call.request.query, call.sim.world
    name, one = query.get("name", ""), query.get("hsm_id", "")
    many = query.get("hsm_ids", "").strip("[]").replace('"', "").replace(" ", "").split(",")
    found = [item for item in world.templates.values() if item.waba == waba_id]
    if "hsm_ids" in query:
        found = [item for item in found if item.id in many[:100]]
    else:
        found = [item for item in found if item.name == name and one in {"", item.id}]
    if not found:
        raise refused(2593002, "Message template not found", f"No message template {name or one}.")
    until = call.sim.clock.now() + NAME_BLOCKED_S
    for template in found:
        if template.approved_at or template.status == "APPROVED":
            world.names_blocked[waba_id, template.name] = until
        world.remove_template(template)
    return call.answer({"success": True})
