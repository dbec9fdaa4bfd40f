"""Sends through an instance: checked like Evolution does, written to the one ledger, and then on their way."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import orjson
from aiohttp import web

from conversations.simulator import lifecycle, phones
from conversations.simulator.call import cut
from conversations.simulator.config import Json
from conversations.simulator.evolution.calls import Call, EvolutionError, answer_json
from conversations.simulator.evolution.instances import WABA
from conversations.simulator.faults import AFTER, Occasion, Rule
from conversations.simulator.model import Number, Sent, User

HANG_S: Final = 60.0
MEDIA_TYPES: Final = frozenset({"image", "video", "document", "audio"})
# Required keys by endpoint.
KINDS: Final[dict[str, tuple[str, ...]]] = {
    "sendText": ("number", "text"),
    "sendMedia": ("number", "mediatype", "media"),
    "sendWhatsAppAudio": ("number", "audio"),
    "sendSticker": ("number", "sticker"),
    "sendLocation": ("number", "latitude", "longitude", "name", "address"),
    "sendContact": ("number", "contact"),
    "sendReaction": ("key", "reaction"),
    "sendPoll": ("number", "name", "selectableCount", "values"),
}


async def send(call: Call) -> web.StreamResponse:
    """Answer any of the endpoints under `message/`."""
    kind = call.request.path.rstrip("/").split("/")[-2]
    rule = call.sim.faults.pick(_occasion(call, kind)) if call.sim.faults.rules else None
    if rule is not None and rule.do not in AFTER:
        stopped = await _before(call, rule)
        if stopped is not None:
            return stopped
    missing = [f'requires property "{name}"' for name in KINDS[kind] if call.body.get(name) is None]
    if kind == "sendMedia" and call.body.get("mediatype") not in MEDIA_TYPES:
        missing.append("mediatype is not one of enum values: image,document,video,audio")
    if missing:
        raise EvolutionError(400, missing)
    number = call.sim.world.numbers.get(call.instance.number_id)
    if call.instance.state != "open" or number is None:
        raise EvolutionError(400, ["Error: Connection Closed"])
    # The wait while "typing" is shown is spent inside of the request.
    if call.body.get("delay"):
        await asyncio.sleep(float(call.body["delay"]) / 1000)
    return await _accept(call, number, kind, rule)


def _occasion(call: Call, kind: str) -> Occasion:
    to = str(call.body.get("number") or "")
    return Occasion(endpoint=kind, phone_id=call.instance.name, now=call.sim.clock.now(), to=to, kind=kind)


async def _before(call: Call, rule: Rule) -> web.StreamResponse | None:
    params = rule.params
    match rule.do:
        case "http":
            status = int(params.get("status", 500))
            raise EvolutionError(status, params.get("message", ["[object Object]"]))
        case "html_502":
            return web.Response(text="<html>502 Bad Gateway</html>", status=502, content_type="text/html")
        case "reset_before":
            return cut(call.request)
        case "hang":
            await asyncio.sleep(float(params.get("ms", HANG_S * 1000)) / 1000)
            return cut(call.request)
        case "latency":
            await asyncio.sleep(float(params.get("ms", 0)) / 1000)
    return None


async def _accept(call: Call, number: Number, kind: str, rule: Rule | None) -> web.StreamResponse:
    sim, instance = call.sim, call.instance
    user, digits = _recipient(call, kind)
    record = sim.evolution.record(instance, user, sim.evolution.message_id("3EB0"), from_me=True)
    content = _content(kind, call.body)
    record |= {"status": "PENDING", "source": "unknown", "contextInfo": {}, **content.pop("message")}
    sent = Sent(
        seq=len(sim.ledger) + 1,
        wamid=record["key"]["id"],
        at=sim.clock.now(),
        number_id=number.id,
        waba_id=WABA,
        user=user,
        to=digits or record["key"]["remoteJid"],
        kind=content["kind"],
        callback=None,
        body=orjson.dumps({"endpoint": kind, "request": call.body, **content["more"]}),
        text=content["text"],
        category="",
    )
    sim.ledger.add(sent)
    sim.metrics.accept(sent.at)
    sim.evolution.keep(instance, record)
    answer = orjson.dumps(record)
    sim.evolution.tell_sent(instance, record)
    suffix = digits[-3:] if digits.startswith(sim.behaviour.magic_prefix) else ""
    never = (rule is not None and rule.do == "pending") or sim.world.rng.random() < sim.behaviour.evolution.pending
    if not never:
        failure = 131026 if user.blocks_business else 0
        lifecycle.start(sim, sent, failure=failure, failure_after_s=None, suffix=suffix, early=False)
    return await _after(call, rule, answer, suffix)


async def _after(call: Call, rule: Rule | None, answer: bytes, suffix: str) -> web.StreamResponse:
    do = rule.do if rule is not None else {"408": "reset_after", "501": "error_after", "200": "garbage_200"}.get(suffix)
    match do:
        case "reset_after":
            return cut(call.request)
        case "error_after":
            raise EvolutionError(500, "[object Object]")
        case "garbage_200":
            return web.Response(body=answer[: len(answer) // 2], status=201, content_type="application/json")
        case "slow_body":
            await asyncio.sleep(2)
    return answer_json(orjson.loads(answer), 201)


def _recipient(call: Call, kind: str) -> tuple[User, str]:
    """Return the person and the digits (empty for a LID); refuses those who are not on WhatsApp."""
    text = str(call.body["key"]["remoteJid"] if kind == "sendReaction" else call.body["number"])
    if text.endswith("@lid"):
        known = call.sim.evolution.person_at(text)
        if known is None:
            raise EvolutionError(400, [{"jid": text, "exists": False, "number": text}])
        return known, ""
    digits = phones.digits_of(text.removesuffix("@s.whatsapp.net"))
    user = call.sim.world.user_at(digits) if digits else None
    if user is None or digits is None or not user.on_whatsapp or digits[-3:] == "404":
        jid = f"{digits or text}@s.whatsapp.net"
        raise EvolutionError(400, [{"jid": jid, "exists": False, "number": digits or text}])
    return user, digits


def _content(kind: str, body: Json) -> Json:
    """Return what is sent: type and text for people, `more` for the phone page, `message` for the answer."""
    quoted = ((body.get("quoted") or {}).get("key") or {}).get("id")
    more: Json = {"context": {"message_id": quoted}} if quoted else {}
    match kind:
        case "sendText":
            text = str(body["text"])
            return _made("text", text, more, "conversation", {"conversation": text})
        case "sendMedia":
            name = str(body["mediatype"])
            text = str(body.get("caption") or "")
            # Where statuses look whether it is a voice message.
            more |= {"audio": {}} if name == "audio" else {}
            return _made(name, text, more, f"{name}Message", {f"{name}Message": _file(body)})
        case "sendWhatsAppAudio":
            more["audio"] = {"voice": True}
            return _made("audio", "", more, "audioMessage", {"audioMessage": {"ptt": True, "mimetype": "audio/ogg"}})
        case "sendSticker":
            return _made("sticker", "", more, "stickerMessage", {"stickerMessage": {"mimetype": "image/webp"}})
        case "sendLocation":
            place = {"degreesLatitude": body["latitude"], "degreesLongitude": body["longitude"], "name": body["name"]}
            return _made("location", str(body["name"]), more, "locationMessage", {"locationMessage": place})
        case "sendContact":
            names = ", ".join(str(card.get("fullName", "")) for card in body["contact"])
            return _made("contacts", names, more, "contactMessage", {"contactMessage": {"displayName": names}})
        case "sendReaction":
            key: Any = body["key"]
            more["reaction"] = {"message_id": key["id"], "emoji": body["reaction"]}
            reaction = {"reactionMessage": {"key": key, "text": body["reaction"]}}
            return _made("reaction", str(body["reaction"]), more, "reactionMessage", reaction)
        case _:
            return _made(
                "text", str(body["name"]), more, "pollCreationMessage", {"pollCreationMessage": body["values"]}
            )


def _made(kind: str, text: str, more: Json, message_type: str, message: Json) -> Json:
    return {"kind": kind, "text": text, "more": more, "message": {"messageType": message_type, "message": message}}


def _file(body: Json) -> Json:
    return {"mimetype": body.get("mimetype", ""), "caption": body.get("caption", ""), "fileName": body.get("fileName")}
