"""`POST /{phone_id}/messages`: the checks in Meta's order, acceptance into the ledger, then the answer."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiohttp import web

from conversations.simulator import lifecycle, mishaps, phones, receipts, templates, validation
from conversations.simulator.call import MESSAGING, Call, parsed
from conversations.simulator.config import Json
from conversations.simulator.errors import GraphError
from conversations.simulator.faults import AFTER, Occasion, Rule
from conversations.simulator.model import Number, Sent, Template, User

# Numbers in these states refuse every send.
STATE_ERRORS: Final = {
    "UNREGISTERED": 131045,
    "DISCONNECTED": 133010,
    "BANNED": 131031,
    "RESTRICTED": 368,
    "MAINTENANCE": 131057,
    "PENDING": 131037,
}


async def messages(call: Call, number_id: str) -> web.StreamResponse:
    """Answer a send or a read receipt."""
    sim = call.sim
    call.needs(MESSAGING)
    number = call.number(number_id)
    raw = await call.request.read()
    rule = sim.faults.pick(_occasion(call, number, raw)) if sim.faults.rules else None
    if rule is not None and rule.do not in AFTER:
        stopped = await mishaps.before(call, rule, number=number)
        if stopped is not None:
            return stopped
    if number.state in STATE_ERRORS:
        raise GraphError(STATE_ERRORS[number.state])
    body = _loaded(raw)
    if isinstance(body, dict) and "status" in body:
        return call.answer(receipts.mark_read(sim, number, body))
    return await _send(call, number, raw, body, rule=rule)


async def _send(call: Call, number: Number, raw: bytes, body: Any, *, rule: Rule | None) -> web.StreamResponse:
    """Check and accept one message, then answer; `rule` may spoil the answer."""
    sim = call.sim
    if sim.behaviour.limits.enabled:
        _check_limits(call, number, body)
    body = validation.envelope(parsed(raw) if body is None else body)
    content = validation.content(body)
    template, text = _template(call, number, body, content)
    user, digits = _recipient(call, number, body, template)
    suffix = digits[-3:] if digits.startswith(sim.behaviour.magic_prefix) else ""
    if suffix and rule is None:
        rule = sim.magic.fault(digits, kind=content.kind, has_link=bool(content.media_link))
        if rule is not None and rule.do not in AFTER:
            await mishaps.before(call, rule, number=number)
    sent = Sent(
        seq=len(sim.ledger) + 1,
        wamid=sim.world.wamid(),
        at=sim.clock.now(),
        number_id=number.id,
        waba_id=number.waba,
        user=user,
        to=str(body.get("to") or body.get("recipient")),
        kind=content.kind,
        callback=body.get("biz_opaque_callback_data"),
        body=raw,
        text=text,
        category=template.category if template is not None else "",
    )
    _accepted(call, number, sent)
    failure, after_s = _failure(call, sent, number, content, template), None
    if rule is not None and rule.do == "async_error":
        failure, after_s = int(rule.params.get("code", 131000)), rule.params.get("after")
    early = rule is not None and rule.do == "early_status"
    lifecycle.start(sim, sent, failure=failure, failure_after_s=after_s, suffix=suffix, early=early)
    if sim.behaviour.latency_ms:
        await asyncio.sleep(sim.behaviour.latency_ms / 1000)
    response = call.answer(_happy(call, sent, number, digits))
    return response if rule is None else await mishaps.after(call, rule, response, sent)


def _occasion(call: Call, number: Number, raw: bytes) -> Occasion:
    body = _loaded(raw)
    body = body if isinstance(body, dict) else {}
    template = body.get("template")
    return Occasion(
        endpoint="messages",
        phone_id=number.id,
        now=call.sim.clock.now(),
        to=str(body.get("to") or body.get("recipient") or ""),
        template=str(template.get("name", "")) if isinstance(template, dict) else "",
        kind="read" if "status" in body else str(body.get("type", "text")),
        callback=str(body.get("biz_opaque_callback_data", "")),
    )


def _loaded(raw: bytes) -> Any:
    try:
        return parsed(raw)
    except GraphError:
        return None


def _check_limits(call: Call, number: Number, body: Any) -> None:
    """Look at the limits before the body is judged; nothing is taken yet."""
    sim, now = call.sim, call.sim.clock.now()
    if sim.limiter.number_is_over(number, now):
        sim.metrics.violations["number_over_limit"] += 1
        raise GraphError(130429, "Cloud API message throughput has been reached.")
    if not sim.behaviour.limits.pair or not isinstance(body, dict):
        return
    to = body.get("to") or body.get("recipient")
    digits = phones.digits_of(to) if isinstance(to, str) else None
    user = sim.world.user_at(digits) if digits else sim.world.user_known_as(str(to))
    if user is not None and sim.limiter.pair_is_over(number, user, now):
        sim.metrics.violations["pair_over_limit"] += 1
        details = "Message failed to send because there were too many messages sent from this phone number to the same"
        raise GraphError(131056, f"{details} phone number in a short period of time.")


def _template(call: Call, number: Number, body: Json, content: validation.Content) -> tuple[Template | None, str]:
    if content.kind != "template":
        return None, content.text
    message = body["template"]
    template = call.sim.world.template(number.waba, message["name"], message["language"]["code"])
    return template, templates.filled(template, message)


def _recipient(call: Call, number: Number, body: Json, template: Template | None) -> tuple[User, str]:
    """Return the person and the digits (empty for a user id); `to` wins over `recipient`."""
    world = call.sim.world
    if body.get("recipient_type") == "group":
        raise GraphError(131020, http=400)
    to = str(body.get("to") or "")
    if not to or phones.BSUID.match(to):
        user_id = to or str(body["recipient"])
        if not phones.BSUID.match(user_id):
            raise GraphError(131009, "recipient is not a valid business-scoped user id")
        if template is not None and template.category == "AUTHENTICATION":
            raise GraphError(131062)
        user = world.user_known_as(user_id)
        # Nobody we know: accepted, then undeliverable.
        portfolio = world.wabas[number.waba].portfolio
        return user or User(id=user_id, on_whatsapp=False, hide_phone=True, user_ids={portfolio: user_id}), ""
    digits = phones.digits_of(to, home=number.display[:2])
    if digits is None:
        raise GraphError(131009, f"Recipient phone number is not valid: {to[:40]}")
    if number.allow_list is not None and digits not in number.allow_list:
        raise GraphError(131030, f"Recipient phone number not in allowed list: {digits}")
    if phones.key(digits) == phones.key(number.display):
        raise GraphError(131021)
    return world.user_at(digits), digits


def _accepted(call: Call, number: Number, sent: Sent) -> None:
    """Write the ledger; from here on the message exists."""
    sim = call.sim
    sim.ledger.add(sent)
    sim.limiter.take(number, sent.user, sent.at)
    sim.metrics.accept(sent.at)


def _failure(call: Call, sent: Sent, number: Number, content: validation.Content, template: Template | None) -> int:
    """Return the code with which the message will fail, 0 if it can arrive. Counts what should not have been tried."""
    sim, user = call.sim, sent.user
    violations = sim.metrics.violations
    inside = lifecycle.window_is_open(user, number, sent.at)
    if template is None and not inside and _window_is_known(call, user, number):
        violations["outside_window"] += 1
        return 131047
    if number.state == "UNPAID":
        return 131042
    if not user.on_whatsapp:
        return 131026
    if user.blocks_business:
        violations["to_blocked"] += 1
        return 131026
    if template is not None and template.category == "MARKETING":
        code = _marketing_failure(call, user)
        if code:
            return code
    if content.media_id and content.media_id not in sim.world.media:
        return 131053
    portfolio = sim.world.wabas[number.waba].portfolio
    if not inside and sim.limiter.portfolio_is_over(portfolio, user, sent.at):
        violations["portfolio_over_limit"] += 1
        return sim.behaviour.limits.portfolio_code
    return 0


def _marketing_failure(call: Call, user: User) -> int:
    if user.marketing_stopped:
        call.sim.metrics.violations["to_stopped"] += 1
        return 131050
    if user.experiment:
        return 130472
    if user.marketing_left is not None:
        if user.marketing_left <= 0:
            return 131049
        user.marketing_left -= 1
    return 0


def _window_is_known(call: Call, user: User, number: Number) -> bool:
    """Say whether the simulator may judge the window: it cannot know what happened before it was started."""
    mode = call.sim.behaviour.limits.window
    return mode == "strict" or (mode == "known" and (number.id in user.windows or not (user.lazy or user.page)))


def _happy(call: Call, sent: Sent, number: Number, digits: str) -> Json:
    contact: Json = {"input": sent.to}
    if digits:
        contact["wa_id"] = sent.user.wa_id or digits
    contact["user_id"] = call.sim.world.user_id_of(sent.user, number) if sent.user.on_whatsapp else sent.to
    if digits and not sent.user.on_whatsapp:
        del contact["user_id"]
    message: Json = {"id": sent.wamid}
    if sent.kind == "template":
        message["message_status"] = "accepted"
    return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]}
