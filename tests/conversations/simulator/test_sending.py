"""Sends are checked in Meta's order, and accepted ones stand in the ledger."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conversations.simulator.conftest import ANA, NUMBER, TOKEN, World

PATH = f"/v25.0/{NUMBER}/messages"


def buttons(*titles: str) -> dict[str, Any]:
    replies = [{"type": "reply", "reply": {"id": f"b{index}", "title": title}} for index, title in enumerate(titles)]
    return {"type": "button", "body": {"text": "Qual?"}, "action": {"buttons": replies}}


def rows(count: int, **changes: Any) -> dict[str, Any]:
    listed = [{"id": f"r{index}", "title": f"Linha {index}", **changes} for index in range(count)]
    return {"type": "list", "body": {"text": "Qual?"}, "action": {"button": "Ver", "sections": [{"rows": listed}]}}


async def test_an_accepted_send_has_metas_shape_and_stands_in_the_ledger(world: World) -> None:
    status, answer = await world.send(
        "+55 11 98765-0001", type="text", text={"body": "Olá"}, biz_opaque_callback_data="m:1"
    )

    assert status == 200
    assert answer["messaging_product"] == "whatsapp"
    assert answer["contacts"][0]["input"] == "+55 11 98765-0001"
    assert answer["contacts"][0]["wa_id"] == ANA
    wamid = answer["messages"][0]["id"]
    assert wamid.startswith("wamid.")
    for query in ({"callback": "m:1"}, {"wamid": wamid}, {"to": ANA}, {"after": "0"}):
        (row,) = await world.ledger(**query)
        assert row["wamid"] == wamid
        assert row["body"]["text"] == {"body": "Olá"}
    assert await world.ledger(after="1") == []


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [(None, 401, 190), ("wrong", 401, 190), ("expired", 401, 190), ("weak", 403, 10)],
)
async def test_a_bad_token_is_refused(world: World, token: str | None, status: int, code: int) -> None:
    got, answer = await world.call("POST", PATH, token=token, json={})

    assert (got, answer["error"]["code"], answer["error"]["type"]) == (status, code, "OAuthException")
    assert answer["error"]["fbtrace_id"]


@pytest.mark.parametrize(("number", "token"), [("1", TOKEN), (NUMBER, "elsewhere")])
async def test_a_number_that_is_unknown_or_out_of_reach_does_not_exist(world: World, number: str, token: str) -> None:
    status, answer = await world.call("POST", f"/v25.0/{number}/messages", token=token, json={})

    assert status == 400
    assert answer["error"]["code"] == 100
    assert answer["error"]["error_subcode"] == 33
    assert answer["error"]["type"] == "GraphMethodException"


@pytest.mark.parametrize(("path", "code"), [("/v25.0/x/y/z", 2500), ("/nothing", 2500), (f"/v3.0/{NUMBER}", 2635)])
async def test_unknown_paths_and_versions_are_refused(world: World, path: str, code: int) -> None:
    status, answer = await world.call("POST", path)

    assert (status, answer["error"]["code"]) == (400, code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"messaging_product": None}, 100),
        ({"messaging_product": "sms"}, 100),
        ({"to": ""}, 100),
        ({"type": "hologram"}, 131051),
        ({"text": None}, 131008),
        ({"text": {"body": ""}}, 131009),
        ({"text": {"body": "x" * 4097}}, 131009),
        ({"biz_opaque_callback_data": "x" * 513}, 131009),
        ({"to": "not a phone"}, 131009),
        ({"to": "5511940040001"}, 131021),
        ({"type": "interactive", "interactive": buttons("Sim", "Sim")}, 131009),
        ({"type": "interactive", "interactive": buttons("a", "b", "c", "d")}, 131009),
        ({"type": "interactive", "interactive": buttons("x" * 21)}, 131009),
        ({"type": "interactive", "interactive": {**buttons("a"), "body": {"text": "x" * 1025}}}, 131009),
        ({"type": "interactive", "interactive": {**buttons("a"), "footer": {"text": "x" * 61}}}, 131009),
        ({"type": "interactive", "interactive": {"type": "button", "body": {"text": "?"}}}, 131008),
        ({"type": "interactive", "interactive": rows(11)}, 131009),
        ({"type": "interactive", "interactive": rows(1, title="x" * 25)}, 131009),
        ({"type": "interactive", "interactive": rows(1, description="x" * 73)}, 131009),
        ({"type": "interactive", "interactive": rows(2, id="same")}, 131009),
        ({"type": "image", "image": {"id": "1", "link": "https://a.example"}}, 131009),
        ({"type": "audio", "audio": {"id": "1", "caption": "x"}}, 131009),
        ({"type": "location", "location": {"latitude": "91", "longitude": "0"}}, 131009),
        ({"type": "template", "template": {"name": "aviso"}}, 131008),
    ],
)
async def test_what_the_api_refuses_is_refused(world: World, body: dict[str, Any], code: int) -> None:
    whole = {"messaging_product": "whatsapp", "to": ANA, "type": "text", "text": {"body": "x"}, **body}
    whole = {key: value for key, value in whole.items() if value is not None}

    status, answer = await world.call("POST", PATH, json=whole)

    assert (status, answer["error"]["code"]) == (400, code)
    assert await world.ledger() == []


@pytest.mark.parametrize(
    "body",
    [
        {"text": {"body": "x" * 4096}},
        {"type": "interactive", "interactive": buttons("x" * 20, "Não", "Talvez")},
        {"type": "interactive", "interactive": rows(10, description="x" * 72)},
        {"type": "location", "location": {"latitude": "-23.5", "longitude": "-46.6"}},
        {"type": "reaction", "reaction": {"message_id": "wamid.1", "emoji": "👍"}},
        {"type": "image", "image": {"link": "https://cdn.example/a.png", "caption": "foto"}},
    ],
)
async def test_what_just_fits_is_accepted(world: World, body: dict[str, Any]) -> None:
    status, answer = await world.send(**body)

    assert status == 200, answer


async def test_a_body_that_is_no_json_is_refused(world: World) -> None:
    status, answer = await world.call("POST", PATH, data=b"{oops")

    assert (status, answer["error"]["code"]) == (400, 100)


def template(name: str, *texts: str, code: str = "pt_BR") -> dict[str, Any]:
    parameters = [{"type": "text", "text": text} for text in texts]
    components = [{"type": "body", "parameters": parameters}] if texts else []
    return {"type": "template", "template": {"name": name, "language": {"code": code}, "components": components}}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (template("nenhum"), 404, 132001),
        (template("aviso", "a", "b", code="en"), 404, 132001),
        (template("aviso", "só um"), 400, 132000),
        (template("aviso", "Ana\nSouza", "hoje"), 400, 132012),
        (template("nomeado", "sem nome"), 400, 132012),
        (template("pausado", "a", "b"), 400, 132015),
    ],
)
async def test_templates_are_checked(world: World, body: dict[str, Any], status: int, code: int) -> None:
    got, answer = await world.send(**body)

    assert (got, answer["error"]["code"]) == (status, code)


async def test_a_template_message_is_filled_in_the_ledger(world: World) -> None:
    _, answer = await world.send(**template("aviso", "Ana", "hoje"))

    assert answer["messages"][0]["message_status"] == "accepted"
    assert (await world.ledger())[0]["text"] == "Olá Ana, sua consulta é hoje."


async def test_a_test_number_writes_only_to_its_allow_list(world: World) -> None:
    status, answer = await world.send("5511987650077", number="100000000000002")

    assert (status, answer["error"]["code"]) == (400, 131030)


async def test_a_person_without_phone_is_written_to_by_user_id(world: World) -> None:
    lua = world.server.sim.world.users["lua"]
    await world.sim("inbound", **{"from": "lua", "text": "oi"})
    user_id = lua.user_id("800000000000001")

    status, answer = await world.call(
        "POST", PATH, json={"messaging_product": "whatsapp", "recipient": user_id, "text": {"body": "oi"}}
    )
    await world.advance(3600)

    assert status == 200
    assert answer["contacts"] == [{"input": user_id, "user_id": user_id}]
    (message,) = world.business.messages()
    assert "from" not in message
    assert message["from_user_id"] == user_id
    sent = world.business.statuses()[0]
    assert "recipient_id" not in sent
    assert sent["recipient_user_id"] == user_id


async def test_both_spellings_of_a_brazilian_mobile_are_one_person(world: World) -> None:
    _, first = await world.send("5531987650003")
    _, second = await world.send("553187650003")

    assert first["contacts"][0]["user_id"] == second["contacts"][0]["user_id"]


async def test_a_read_receipt_needs_a_message_that_exists(world: World) -> None:
    written = await world.sim("inbound", **{"from": ANA, "text": "oi"})
    read = {"messaging_product": "whatsapp", "status": "read", "typing_indicator": {"type": "text"}}

    known = await world.call("POST", PATH, json={**read, "message_id": written["messages"][0]["id"]})
    unknown = await world.call("POST", PATH, json={**read, "message_id": "wamid.none"})

    assert known == (200, {"success": True})
    assert unknown[1]["error"]["code"] == 131009
    assert await world.ledger() == []
