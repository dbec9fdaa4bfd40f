"""Management of templates in the simulated world: what is taken, what happens then, what the business is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conversations.simulator.conftest import WABA, World

Json = dict[str, Any]
BODY: Json = {
    "type": "BODY",
    "text": "Olá {{1}}, sua consulta é {{2}}. Até lá!",
    "example": {"body_text": [["Ana", "hoje"]]},
}


def wanted(name: str = "novo", *, body: Json = BODY, more: tuple[Json, ...] = (), **fields: Any) -> Json:
    return {"name": name, "language": "pt_BR", "category": "UTILITY", "components": [body, *more], **fields}


async def create(world: World, body: Json) -> tuple[int, Any]:
    return await world.call("POST", f"/v25.0/{WABA}/message_templates", json=body)


async def made(world: World, body: Json) -> str:
    status, answer = await create(world, body)
    assert status == 200, answer
    await world.advance(10)
    return str(answer["id"])


async def shown(world: World, template_id: str) -> Json:
    status, answer = await world.call("GET", f"/v25.0/{template_id}?fields=name,status,category,rejected_reason")
    assert status == 200, answer
    return dict(answer)


@pytest.mark.parametrize(
    ("body", "subcode"),
    [
        (wanted("Maiúscula"), 2388025),
        (wanted(body={**BODY, "text": "{{1}} é a sua consulta de {{2}} horas"}), 2388299),
        (wanted(body={**BODY, "text": "Oi {{1}} {{2}} tudo bem hoje"}), 2388293),
        (wanted(body={"type": "BODY", "text": "Olá {{1}}, tudo bem?"}), 2388043),
        (wanted(body={"type": "BODY", "text": "x" * 1025}), 2388040),
        (wanted(more=({"type": "FOOTER", "text": "x" * 61},)), 2388073),
        (wanted(more=({"type": "HEADER", "format": "TEXT", "text": "x" * 61},)), 2388047),
        (wanted(more=({"type": "HEADER", "format": "IMAGE"},)), 2388043),
        (wanted(more=({"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "x" * 26}]},)), 2388040),
        (wanted("aviso"), 2388024),
    ],
)
async def test_what_meta_refuses_is_refused_with_its_subcode(world: World, body: Json, subcode: int) -> None:
    status, answer = await create(world, body)

    assert (status, answer["error"]["code"], answer["error"]["error_subcode"]) == (400, 100, subcode)
    assert answer["error"]["error_user_msg"]


async def test_a_review_approves_rejects_or_moves_to_another_category(world: World) -> None:
    approved = await made(world, wanted("bom"))
    rejected = await made(world, wanted("recusar_isto"))
    moved = await made(world, wanted("desconto", body={"type": "BODY", "text": "Desconto de 10% na limpeza."}))

    assert (await shown(world, approved))["status"] == "APPROVED"
    assert (await shown(world, rejected)) | {"name": "", "id": ""} == {
        "name": "", "id": "", "status": "REJECTED", "category": "UTILITY", "rejected_reason": "INVALID_FORMAT",
    }  # fmt: skip
    assert (await shown(world, moved))["category"] == "MARKETING"
    told = [value.get("event") or value["new_category"] for value in world.business.values()]
    assert told == ["APPROVED", "REJECTED", "MARKETING", "APPROVED"]


async def test_bad_feedback_pauses_for_three_hours_then_six_then_disables(world: World) -> None:
    key = await made(world, wanted())

    seen = []
    for hours in (3, 6, 0):
        await world.sim(f"templates/{key}/event", feedback="bad")
        before = (await shown(world, key))["status"]
        await world.advance(hours * 3600 - 60 if hours else 10)
        still = (await shown(world, key))["status"]
        await world.advance(120)
        seen.append((before, still, (await shown(world, key))["status"]))

    assert seen == [
        ("PAUSED", "PAUSED", "APPROVED"),
        ("PAUSED", "PAUSED", "APPROVED"),
        ("DISABLED", "DISABLED", "DISABLED"),
    ]
    qualities = [v["new_quality_score"] for v in world.business.values() if "new_quality_score" in v]
    assert qualities == ["RED"] * 3


async def test_a_paused_template_can_be_released_by_hand(world: World) -> None:
    key = await made(world, wanted())
    await world.sim(f"templates/{key}/event", event="PAUSED")

    status, answer = await world.call("POST", f"/v25.0/{key}/unpause")

    assert (status, answer) == (200, {"success": True})
    assert (await shown(world, key))["status"] == "APPROVED"


async def test_lists_are_paged_by_opaque_cursors(world: World) -> None:
    path, names = f"/v25.0/{WABA}/message_templates?limit=3&fields=name", []
    after = ""
    while True:
        _, page = await world.call("GET", path + (f"&after={after}" if after else ""))
        names += [row["name"] for row in page["data"]]
        after = page["paging"]["cursors"]["after"]
        if "next" not in page["paging"]:
            break

    assert names == ["aviso", "oferta", "pausado", "nomeado"]
    assert (await world.call("GET", path + "&after=7"))[0] == 400


async def test_editing_goes_to_review_again_and_only_once_a_day(world: World) -> None:
    key = await made(world, wanted())
    new = {"components": [{**BODY, "text": "Oi {{1}}, a consulta será {{2}}. Até lá!"}]}

    assert (await world.call("POST", f"/v25.0/{key}", json=new))[1] == {"success": True}
    assert (await shown(world, key))["status"] == "PENDING"
    assert (await world.call("POST", f"/v25.0/{key}", json=new))[1]["error"]["error_subcode"] == 2388027
    await world.advance(10)
    assert (await world.call("POST", f"/v25.0/{key}", json=new))[1]["error"]["error_subcode"] == 2388028
    changed = {"category": "MARKETING", **new}
    assert (await world.call("POST", f"/v25.0/{key}", json=changed))[1]["error"]["error_subcode"] == 2388026


async def test_deleting_takes_one_language_or_all_and_blocks_the_name(world: World) -> None:
    first = await made(world, wanted())
    second = await made(world, wanted(language="en"))

    await world.call("DELETE", f"/v25.0/{WABA}/message_templates?name=novo&hsm_id={first}")
    assert (await world.call("GET", f"/v25.0/{first}"))[0] == 400
    assert (await shown(world, second))["status"] == "APPROVED"
    status, answer = await create(world, wanted())

    assert (status, answer["error"]["error_subcode"]) == (400, 2388023)


async def test_calls_of_management_are_counted(world: World) -> None:
    await world.configure(limits={"management_calls": 2})
    path = f"/v25.0/{WABA}/message_templates"

    answers = [(await world.call("GET", path))[1].get("error", {}).get("code") for _ in range(3)]

    assert answers == [None, None, 80007]
