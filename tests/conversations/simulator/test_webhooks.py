"""Webhooks: bytes and signatures as Meta's, the same bytes again until 200, batches, disorder."""

from __future__ import annotations

import asyncio
import hashlib
import json

import pytest

from conversations.simulator import wire
from tests.conversations.simulator.conftest import ANA, NUMBER, SECRET, WABA, World

EXAMPLE = (
    rb'{"object":"whatsapp_business_account","entry":[{"id":"200000000000001","changes":[{"field":"messages","value":'
    rb'{"messaging_product":"whatsapp","metadata":{"display_phone_number":"551140040001","phone_number_id":'
    rb'"100000000000001"},"contacts":[{"profile":{"name":"Jos\u00e9"},"wa_id":"5511987650001"}],"messages":[{"from":'
    rb'"5511987650001","id":"wamid.TEST0001","timestamp":"1795000000","type":"text","text":{"body":'
    rb'"Ol\u00e1 https:\/\/example.com \ud83d\ude00"}}]}}]}]}'
)


def test_the_published_vectors_are_reproduced() -> None:
    empty = b'{"object":"whatsapp_business_account","entry":[]}'

    assert wire.signature(SECRET, empty).endswith("275af952eec474085dbc2a495f1bebc95da37c58d5b6f12e6979c3622c407c57")
    assert len(EXAMPLE) == 465
    assert wire.signature(SECRET, EXAMPLE).endswith("448104e4d6da4aeb46e3041f7d80fb0715c39a7d13d0f1853faf50c912b92409")
    assert wire.serialise(json.loads(EXAMPLE)) == EXAMPLE


async def test_statuses_climb_with_callback_data_and_true_signatures(world: World) -> None:
    await world.configure(lifecycle={"read_share": 1, "delivered_share": 1, "skip_delivered_share": 0})
    _, answer = await world.send(type="text", text={"body": "Olá / 😀"}, biz_opaque_callback_data="m:1")
    for _ in range(4):
        await world.advance(1000)

    statuses = world.business.statuses(answer["messages"][0]["id"])
    assert [status["status"] for status in statuses] == ["sent", "delivered", "read"]
    assert [int(status["timestamp"]) for status in statuses] == sorted(int(s["timestamp"]) for s in statuses)
    assert {status["biz_opaque_callback_data"] for status in statuses} == {"m:1"}
    assert ["pricing" in status for status in statuses] == [True, True, False]
    assert world.business.genuine
    assert all(world.business.genuine)
    (row,) = await world.ledger()
    assert [state["status"] for state in row["states"]] == ["sent", "delivered", "read"]


async def test_refused_posts_come_again_with_the_same_bytes_until_200(world: World) -> None:
    world.business.answers = [500, 202, 200]
    await world.sim("inbound", **{"from": ANA, "text": "Olá José"})
    for pause in (0, 2, 7, 100):
        await world.advance(pause)

    assert len(world.business.bodies) == 3
    assert len(set(world.business.bodies)) == 1
    (post,) = (await world.sim("webhooks"))["data"]
    assert post["state"] == "delivered"
    assert [attempt["status"] for attempt in post["attempts"]] == [500, 202, 200]
    assert (await world.sim("metrics"))["webhooks"]["updates_delivered"] == 1


async def test_after_the_horizon_a_post_is_dropped(world: World) -> None:
    await world.configure(webhooks={"horizon_s": 10})
    world.business.answers = [500] * 50
    await world.sim("inbound", **{"from": ANA, "text": "oi"})
    for _ in range(6):
        await world.advance(60)

    assert (await world.sim("webhooks"))["data"][0]["state"] == "dropped"
    assert (await world.sim("metrics"))["webhooks"]["updates_dropped"] == 1


async def test_an_outage_is_followed_by_batches_of_a_thousand(world: World) -> None:
    await world.sim("webhooks", hold=True)
    job = await world.sim("inbound", count=2500, personas=50, text="oi {n}")
    held = len(world.business.bodies)
    await world.sim("webhooks", release=True)
    await world.server.sim.dispatcher.settle(5)

    sizes = [
        sum(len(change["value"]["messages"]) for entry in json.loads(body)["entry"] for change in entry["changes"])
        for body in world.business.bodies
    ]
    assert (job["state"], held) == ("done", 0)
    assert sorted(sizes) == [500, 1000, 1000]
    assert len({message["id"] for message in world.business.messages()}) == 2500


async def test_a_bulk_at_a_rate_arrives_whole(world: World) -> None:
    await world.sim("inbound", count=120, rate=2000, personas=7)
    for _ in range(200):
        if len(world.business.messages()) == 120:
            break
        await asyncio.sleep(0.02)

    assert len({message["id"] for message in world.business.messages()}) == 120
    assert (await world.sim("metrics"))["jobs"][0]["state"] == "done"


async def test_single_and_mixed_modes_shape_the_posts(world: World) -> None:
    await world.configure(webhooks={"mode": "single"})
    await world.sim("inbound", count=5)
    await world.server.sim.dispatcher.settle(5)
    singles = len(world.business.bodies)
    await world.configure(webhooks={"mode": "mixed"})
    await world.sim("webhooks", hold=True)
    await world.sim("inbound", count=50)
    await world.send()
    await world.advance(30)
    await world.sim("webhooks", release=True)
    await world.server.sim.dispatcher.settle(5)

    assert singles == 5
    entries = json.loads(world.business.bodies[-1])["entry"]
    assert len(entries) > 1
    kinds = {next(key for key in ("messages", "statuses") if key in value) for value in world.business.values()}
    assert kinds == {"messages", "statuses"}


async def test_no_post_is_larger_than_it_may_be(world: World) -> None:
    await world.configure(webhooks={"max_bytes": 20_000})
    await world.sim("webhooks", hold=True)
    await world.sim("inbound", count=300, text="x" * 300)
    await world.sim("webhooks", release=True)
    await world.server.sim.dispatcher.settle(5)

    assert max(len(body) for body in world.business.bodies) <= 20_000
    assert len(world.business.messages()) == 300


async def test_duplicates_of_items_and_posts_are_delivered(world: World) -> None:
    await world.configure(disorder={"duplicate_item": 1, "duplicate_post": 1})
    await world.sim("inbound", **{"from": ANA, "text": "oi"})
    await world.advance(1)

    assert len(world.business.messages()) >= 4
    assert len({message["id"] for message in world.business.messages()}) == 1


async def test_delays_reorder_updates(world: World) -> None:
    await world.configure(disorder={"reorder": 1, "reorder_window_s": 60}, webhooks={"mode": "single"})
    await world.sim("inbound", count=30, text="{n}")
    await world.advance(61)

    order = [int(message["text"]["body"]) for message in world.business.messages()]
    assert sorted(order) == list(range(30))
    assert order != sorted(order)


async def test_forged_posts_have_no_true_signature(world: World) -> None:
    await world.configure(disorder={"bad_signature": 1, "missing_signature": 1, "foreign_signature": 1})
    await world.sim("inbound", **{"from": ANA, "text": "oi"})
    await world.advance(0)

    assert sorted(world.business.genuine) == [False, False, False, True]
    assert (await world.sim("metrics"))["violations"]["forged_accepted"] == 3


async def test_strange_content_is_still_json(world: World) -> None:
    knobs = ["unknown_field", "unknown_type", "unknown_keys", "null_values", "nul_character", "lone_surrogate"]
    await world.configure(disorder={**dict.fromkeys(knobs, 1), "missing_contacts": 1})
    await world.sim("inbound", **{"from": ANA, "text": "oi"})
    await world.advance(0)

    texts = [message["text"]["body"] for message in world.business.messages() if message["type"] == "text"]
    assert texts == ["oi\u0000\ud83d"]
    assert {message["type"] for message in world.business.messages()} == {"text", "hologram"}
    assert all(world.business.genuine)


async def test_nothing_is_sent_before_the_handshake_and_everything_after_it(world: World) -> None:
    world.business.verify_token = "not yet"
    await world.sim("reset", seed=3)
    await world.sim("inbound", **{"from": ANA, "text": "cedo"})
    await world.advance(0)
    before = len(world.business.bodies)
    world.business.verify_token = "v-0001"
    for _ in range(200):
        if world.business.bodies:
            break
        await asyncio.sleep(0.02)

    assert before == 0
    assert [message["text"]["body"] for message in world.business.messages()] == ["cedo"]


async def test_an_override_needs_its_handshake_and_then_gets_the_messages(world: World) -> None:
    url = world.server.sim.world.apps["7001"].callback_url
    override = {"override_callback_uri": f"{url}?override=1", "verify_token": "wrong"}
    refused = await world.call("POST", f"/v25.0/{NUMBER}", json={"webhook_configuration": override})
    accepted = await world.call(
        "POST", f"/v25.0/{NUMBER}", json={"webhook_configuration": {**override, "verify_token": "v-0001"}}
    )
    await world.sim("inbound", **{"from": ANA, "text": "oi"})
    await world.advance(0)

    assert refused[0] == 400
    assert accepted == (200, {"success": True})
    assert (await world.sim("webhooks"))["data"][-1]["url"].endswith("?override=1")


async def test_an_unsubscribed_account_hears_nothing(world: World) -> None:
    await world.call("DELETE", f"/v25.0/{WABA}/subscribed_apps")
    await world.sim("inbound", **{"from": ANA, "text": "oi"})
    await world.advance(0)

    assert world.business.bodies == []


async def test_account_and_template_events_are_told(world: World) -> None:
    await world.sim(f"accounts/{WABA}/event", field="account_update", value={"event": "ACCOUNT_RESTRICTION"})
    await world.sim("templates/aviso/event", event="PAUSED")
    await world.advance(0)

    values = world.business.values()
    assert [value["event"] for value in values] == ["ACCOUNT_RESTRICTION", "PAUSED"]
    assert isinstance(values[1]["message_template_id"], int)
    assert json.loads(world.business.bodies[0])["entry"][0]["time"] > 0


@pytest.mark.parametrize("kind", ["image", "audio", "document"])
async def test_inbound_media_can_be_fetched(world: World, kind: str) -> None:
    await world.sim("inbound", **{"from": ANA, "type": kind})
    await world.advance(0)
    media = world.business.messages()[0][kind]
    _, found = await world.call("GET", f"/v25.0/{media['id']}")
    path = found["url"].removeprefix(world.base)
    headers = {"Authorization": "Bearer t-0001"}
    async with world.session.get(found["url"], headers=headers) as response:
        content = await response.read()
    without, _ = await world.call("GET", path, token=None)
    await world.advance(301)
    late, _ = await world.call("GET", path)

    assert hashlib.sha256(content).hexdigest() == found["sha256"]
    assert (without, late) == (401, 404)
