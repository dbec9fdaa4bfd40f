"""The dialect of Evolution API: who may call, how it refuses, codes, sends, and the faults on request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from conversations.simulator.evolution.posts import token
from tests.conversations.simulator.conftest import ANA, Json, World

KEY = "simulator-evolution-key"
SHOP = "5511950050001"


async def call(world: World, method: str, path: str, *, apikey: str = KEY, **body: Any) -> tuple[int, Any]:
    async with world.session.request(
        method, f"{world.base}/evolution/{path}", json=body or None, headers={"apikey": apikey}
    ) as response:
        return response.status, await response.json()


async def create(world: World, name: str = "loja", **more: Any) -> Json:
    status, body = await call(
        world, "POST", "instance/create", instanceName=name, integration="WHATSAPP-BAILEYS", **more
    )
    assert status == 201, body
    return dict(body)


async def linked(world: World) -> None:
    hook = str(world.server.sim.world.apps["7001"].callback_url)
    await create(world, webhook={"enabled": True, "url": hook, "events": [], "headers": {"jwt_key": "k" * 32}})
    await call(world, "GET", "instance/connect/loja")
    await world.sim("evolution", instance="loja", pair=True, phone=SHOP)


async def events(world: World, name: str = "") -> list[Json]:
    rows = (await world.sim("evolution"))["posts"]
    return [row["body"] for row in rows if name in {"", row["event"]}]


async def test_an_unknown_instance_is_told_before_the_key_is_looked_at(world: World) -> None:
    assert (await call(world, "GET", "instance/connect/none", apikey="wrong"))[0] == 404
    await create(world)
    assert (await call(world, "GET", "instance/connect/loja", apikey="wrong"))[0] == 401
    assert (await call(world, "POST", "instance/create", apikey="wrong", instanceName="x"))[0] == 401


async def test_the_instances_own_token_is_a_key_of_it_alone(world: World) -> None:
    made = await create(world)

    assert (await call(world, "GET", "instance/connectionState/loja", apikey=made["hash"]))[0] == 200
    assert (await call(world, "GET", "instance/fetchInstances", apikey=made["hash"]))[0] == 401


async def test_creating_is_refused_with_reasons(world: World) -> None:
    await create(world)
    names = {"instanceName": "loja", "integration": "WHATSAPP-BAILEYS"}

    assert (await call(world, "POST", "instance/create", **names))[0] == 403
    assert (await call(world, "POST", "instance/create", instanceName="x"))[1]["response"]["message"]
    webhook = {"enabled": True, "url": "http://x"}
    names["instanceName"] = "y"
    assert (await call(world, "POST", "instance/create", **names, webhook=webhook))[0] == 400


async def test_codes_follow_each_other_until_the_limit(world: World) -> None:
    await world.configure(evolution={"qr_limit": 2})
    await create(world)
    _, first = await call(world, "GET", "instance/connect/loja")
    assert first["base64"].startswith("data:image/png;base64,iVBOR")
    await world.advance(31)
    _, second = await call(world, "GET", "instance/connect/loja")
    assert (second["count"], second["code"] == first["code"]) == (2, False)

    await world.advance(31)

    _, body = await call(world, "GET", "instance/connectionState/loja")
    assert body["instance"]["state"] == "close"


async def test_events_carry_a_token_made_with_the_key(world: World) -> None:
    await linked(world)
    made = token("k" * 32, now=datetime.now(UTC).timestamp())
    claims = jwt.decode(made, "k" * 32, algorithms=["HS256"])

    assert (claims["app"], claims["action"], claims["exp"] - claims["iat"]) == ("evolution", "webhook", 600)
    assert [event["data"]["state"] for event in await events(world, "connection.update")][-1] == "open"


async def test_a_send_is_in_the_ledger_and_climbs_by_key_id(world: World) -> None:
    await linked(world)
    status, sent = await call(world, "POST", "message/sendText/loja", number=ANA, text="Olá")
    assert (status, sent["status"], sent["key"]["remoteJid"]) == (201, "PENDING", f"{ANA}@s.whatsapp.net")
    await world.advance(3600 * 5)

    (row,) = await world.ledger()
    updates = [event["data"] for event in await events(world, "messages.update")]
    assert (row["wamid"], row["text"], row["callback"]) == (sent["key"]["id"], "Olá", None)
    assert {update["keyId"] for update in updates} == {row["wamid"]}
    assert all(update["messageId"] != row["wamid"] for update in updates)
    assert updates[0]["status"] == "SERVER_ACK"


@pytest.mark.parametrize(
    ("endpoint", "body", "kind"),
    [
        ("sendText", {"text": "Oi"}, "text"),
        ("sendMedia", {"mediatype": "image", "media": "http://x/a.png", "caption": "veja"}, "image"),
        ("sendMedia", {"mediatype": "document", "media": "aGk=", "fileName": "a.txt"}, "document"),
        ("sendMedia", {"mediatype": "audio", "media": "aGk="}, "audio"),
        ("sendWhatsAppAudio", {"audio": "aGk="}, "audio"),
        ("sendSticker", {"sticker": "aGk="}, "sticker"),
        ("sendLocation", {"latitude": -23.5, "longitude": -46.6, "name": "Casa", "address": "Rua 1"}, "location"),
        ("sendContact", {"contact": [{"fullName": "Rui", "phoneNumber": "5511"}]}, "contacts"),
        ("sendReaction", {"key": {"id": "X", "remoteJid": f"{ANA}@s.whatsapp.net"}, "reaction": "👍"}, "reaction"),
        ("sendPoll", {"name": "?", "selectableCount": 1, "values": ["a", "b"]}, "text"),
    ],
)
async def test_every_kind_of_send_is_accepted(world: World, endpoint: str, body: Json, kind: str) -> None:
    await linked(world)
    status, _ = await call(world, "POST", f"message/{endpoint}/loja", **{"number": ANA, **body})
    await world.advance(3600 * 5)

    assert status == 201
    assert [row["type"] for row in await world.ledger()] == [kind]


async def test_what_is_missing_is_listed(world: World) -> None:
    await linked(world)
    status, body = await call(world, "POST", "message/sendText/loja", number=ANA)

    assert (status, body["response"]["message"]) == (400, ['requires property "text"'])


async def test_people_without_whatsapp_are_refused(world: World) -> None:
    await linked(world)
    status, body = await call(world, "POST", "message/sendText/loja", number="5511987650008", text="Oi")

    assert status == 400
    assert body["response"]["message"][0]["exists"] is False
    assert await world.ledger() == []


async def test_a_closed_session_sends_nothing(world: World) -> None:
    await linked(world)
    await world.sim("evolution", instance="loja", disconnect=401)
    status, _ = await call(world, "POST", "message/sendText/loja", number=ANA, text="Oi")

    assert status == 400
    assert (await events(world, "connection.update"))[-1]["data"] == {
        "instance": "loja",
        "state": "close",
        "statusReason": 401,
    }


async def test_pending_for_ever_on_request(world: World) -> None:
    await linked(world)
    await world.sim("faults", match={"endpoint": "sendText"}, do="pending")
    await call(world, "POST", "message/sendText/loja", number=ANA, text="Oi")
    await world.advance(3600 * 30)

    assert len(await world.ledger()) == 1
    assert await events(world, "messages.update") == []


async def test_the_people_of_the_page_can_scan_and_write(world: World) -> None:
    await create(world)
    await call(world, "GET", "instance/connect/loja")
    await world.sim("users", id="eva", name="Eva", phone="5511987650077", page=True)
    people = await world.sim("phone/people")
    assert [code["name"] for code in people["codes"]] == ["loja"]

    scanned = await world.sim("phone/pair", instance="loja")
    assert (await world.sim("phone/people"))["codes"] == []
    await world.sim("phone/say", **{"as": "eva", "with": scanned["id"], "text": "Oi"})
    _, found = await call(world, "POST", "chat/findMessages/loja", where={"key": {"fromMe": False}})

    assert [row["message"]["conversation"] for row in found["messages"]["records"]] == ["Oi"]
