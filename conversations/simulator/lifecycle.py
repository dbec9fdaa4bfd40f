"""What happens to an accepted message: sent, delivered, read, played or failed, on the simulated clock."""

from __future__ import annotations

from typing import Final

from conversations.simulator import bubbles, personas
from conversations.simulator.config import Json, Lifecycle
from conversations.simulator.errors import asynchronous
from conversations.simulator.ledger import decode
from conversations.simulator.model import Number, Sent, Template, User
from conversations.simulator.simulator import Simulator
from conversations.simulator.updates import Update

# (seconds after the step before, status, error code)
Step = tuple[float, str, int]

LATE_FAILURE_S: Final = 30.0
LATE_FAILURE_CODE: Final = 131026
PAGE_STEPS: Final[list[Step]] = [(0.15, "sent", 0), (0.3, "delivered", 0)]


def start(sim: Simulator, sent: Sent, *, failure: int, failure_after_s: float | None, suffix: str, early: bool) -> None:
    """Set the life of an accepted message going. `suffix` is that of a test number, else empty."""
    settings = sim.behaviour.lifecycle
    if not settings.statuses:
        return
    if failure:
        steps: list[Step] = [
            (settings.failed_after_s if failure_after_s is None else failure_after_s, "failed", failure)
        ]
    else:
        steps = _suffixed(_drawn(sim, sent, settings), suffix)
    if early:
        steps = [(0.0, status, code) for _, status, code in steps if status != "read"]
    _next(sim, sent, steps, 0)


def _drawn(sim: Simulator, sent: Sent, settings: Lifecycle) -> list[Step]:
    """Return the steps of an ordinary message."""
    rng, user = sim.world.rng, sent.user
    if user.page:
        return PAGE_STEPS[:1] if sent.kind == "reaction" else PAGE_STEPS
    steps: list[Step] = [(rng.uniform(settings.sent_s[0], settings.sent_s[1]), "sent", 0)]
    if sent.kind == "reaction":
        return steps
    draw = rng.random()
    if draw >= settings.delivered_share + settings.tail_share:
        return steps
    bounds = settings.delivered_s if draw < settings.delivered_share else settings.tail_s
    steps.append((rng.uniform(bounds[0], bounds[1]), "delivered", 0))
    if user.receipts and rng.random() < settings.read_share:
        steps.append((rng.uniform(settings.read_s[0], settings.read_s[1]), "read", 0))
        if rng.random() < settings.skip_delivered_share:
            del steps[1]
        if sent.kind == "audio" and _is_voice(sent):
            steps.append((1.0, "played", 0))
    return steps


def _is_voice(sent: Sent) -> bool:
    return bool(decode(sent.body)["audio"].get("voice"))


def _suffixed(steps: list[Step], suffix: str) -> list[Step]:
    """Return the steps that a test number asks for."""
    whole: list[Step] = [(0.2, "sent", 0), (0.5, "delivered", 0), (1.0, "read", 0)]
    match suffix:
        case "001":
            return whole[:1]
        case "002":
            return [whole[0], whole[2]]
        case "003":
            return [step for pair in whole for step in (pair, (0.0, pair[1], 0))]
        case "004":
            return [(0.2, "read", 0), (0.2, "delivered", 0), (0.2, "sent", 0)]
        case "007":
            return []
        case "006":
            return [whole[0], (LATE_FAILURE_S, "failed", LATE_FAILURE_CODE)]
        case "":
            return steps
        case _:
            return whole


def _next(sim: Simulator, sent: Sent, steps: list[Step], index: int) -> None:
    if index == len(steps):
        return
    delay, _, _ = steps[index]
    if delay <= 0:
        _fire(sim, sent, steps, index)
    else:
        sim.scheduler.after(delay, _fire, sim, sent, steps, index)


def _fire(sim: Simulator, sent: Sent, steps: list[Step], index: int) -> None:
    _, status, code = steps[index]
    happen(sim, sent, status, code)
    _next(sim, sent, steps, index + 1)


def happen(sim: Simulator, sent: Sent, status: str, code: int = 0) -> None:
    """Let a status come true now: note it, tell the business, show it on the phone."""
    now = sim.clock.now()
    sent.states.append((status, now, code))
    sim.metrics.statuses[status] += 1
    number = sim.world.numbers.get(sent.number_id)
    if number is None:
        return
    if number.instance:
        sim.evolution.tell_status(number, sent, status)
    else:
        _publish(sim, sent, number, status, code, now)
    # Reactions are never reported as delivered.
    if sent.user.page and status in {"sent" if sent.kind == "reaction" else "delivered", "failed"}:
        _show(sim, sent, code, now)
    if sent.user.persona and status in {"delivered", "read"} and not _seen_before(sent):
        personas.react(sim, sent, number)


def _publish(sim: Simulator, sent: Sent, number: Number, status: str, code: int, now: float) -> None:
    contact = None if code else contact_block(sim, sent.user, number, with_username=status != "sent")
    sim.publish(
        Update(
            waba_id=sent.waba_id,
            kind="statuses",
            item=status_item(sim, sent, number, status, code, now),
            number_id=number.id,
            display=number.display,
            contact=contact,
        )
    )


def _seen_before(sent: Sent) -> bool:
    return sum(name in {"delivered", "read"} for name, _, _ in sent.states) > 1


def _show(sim: Simulator, sent: Sent, code: int, now: float) -> None:
    user, number_id = sent.user, sent.number_id
    if code:
        sim.chats.add(user.id, number_id, bubbles.note(sent.wamid, now, code))
        return
    body = decode(sent.body)
    if sent.kind == "reaction":
        sim.chats.mark(user.id, number_id, body["reaction"]["message_id"], reaction=body["reaction"].get("emoji", ""))
        return
    quoted = (body.get("context") or {}).get("message_id", "")
    context = sim.chats.find(user.id, number_id, quoted) if quoted else None
    sim.chats.add(
        user.id, number_id, bubbles.from_business(sent, body, context, now, template=_template(sim, sent, body))
    )


def _template(sim: Simulator, sent: Sent, body: Json) -> Template | None:
    if sent.kind != "template":
        return None
    message = body["template"]
    return sim.world.template(sent.waba_id, message["name"], message["language"]["code"])


def status_item(sim: Simulator, sent: Sent, number: Number, status: str, code: int, now: float) -> Json:
    """Return the status object of a webhook."""
    user = sent.user
    item: Json = {"id": sent.wamid, "status": status, "timestamp": str(int(now))}
    if user.shown_phone:
        item["recipient_id"] = user.shown_phone
    item["recipient_user_id"] = sim.world.user_id_of(user, number)
    if sent.callback is not None:
        item["biz_opaque_callback_data"] = sent.callback
    if code:
        item["errors"] = [asynchronous(code)]
    elif status == "sent" or (status in {"delivered", "read"} and not _priced_before(sent)):
        item["pricing"] = pricing(sent, now)
    return item


def _priced_before(sent: Sent) -> bool:
    return sum(name in {"delivered", "read"} for name, _, _ in sent.states) > 1


def pricing(sent: Sent, now: float) -> Json:
    """Return the pricing object: free inside of the service window for replies, regular for templates."""
    category = (sent.category or "service").lower()
    inside = sent.user.windows.get(sent.number_id, 0.0) > now
    free = category == "service" and inside
    kind = "free_customer_service" if free else "regular"
    return {"billable": not free, "pricing_model": "PMP", "type": kind, "category": category}


def contact_block(sim: Simulator, user: User, number: Number, *, with_username: bool = True) -> Json:
    """Return the `contacts[]` entry of a person."""
    profile: Json = {}
    if user.name:
        profile["name"] = user.name
    if user.username and with_username:
        profile["username"] = user.username
    block: Json = {"profile": profile} if profile else {}
    if user.shown_phone:
        block["wa_id"] = user.shown_phone
    block["user_id"] = sim.world.user_id_of(user, number)
    return block


def window_is_open(user: User, number: Number, now: float) -> bool:
    """Say whether free-form messages to the person are allowed."""
    return user.windows.get(number.id, 0.0) > now


def read_by_page(sim: Simulator, user: User, number_id: str) -> int:
    """Read everything that was delivered to an open chat; return how many messages that were."""
    count = 0
    for bubble in sim.chats.bubbles(user.id, number_id):
        if bubble.pop("unread", False):
            sent = sim.ledger.get(bubble["id"])
            count += 1
            if sent is not None and user.receipts:
                happen(sim, sent, "read")
    return count
