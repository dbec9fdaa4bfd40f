"""The world around the sends: clock, configuration, people who answer, ledger file, other Graph endpoints."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from conversations.simulator import config, phones
from conversations.simulator.__main__ import arguments, settings
from conversations.simulator.app import SimulatorServer
from conversations.simulator.clock import Clock, Scheduler
from tests.conversations.simulator.conftest import ANA, NUMBER, TOKEN, WABA, World, settings_for


async def test_advancing_runs_what_falls_due_in_order_and_at_its_time() -> None:
    clock = Clock(speed=0, start_at=1000.0)
    scheduler = Scheduler(clock)
    seen: list[tuple[str, float]] = []

    def first() -> None:
        seen.append(("first", clock.now()))
        scheduler.after(5, lambda: seen.append(("third", clock.now())))

    scheduler.after(20, lambda: seen.append(("late", clock.now())))
    scheduler.after(2, lambda: seen.append(("second", clock.now())))
    scheduler.after(1, first)
    scheduler.advance(10)

    assert seen == [("first", 1001.0), ("second", 1002.0), ("third", 1006.0)]
    assert clock.now() == 1010.0


async def test_a_faster_clock_fires_sooner() -> None:
    scheduler = Scheduler(Clock(speed=1000))
    fired = asyncio.Event()
    scheduler.after(20, fired.set)

    await asyncio.wait_for(fired.wait(), timeout=2)


async def test_the_same_seed_gives_the_same_ids(world: World) -> None:
    ids = []
    for _ in range(2):
        await world.sim("reset", seed=11)
        ids.append((await world.send())[1]["messages"][0]["id"])

    assert ids[0] == ids[1]


async def test_without_a_seed_ids_differ_after_a_reset(world: World) -> None:
    ids = []
    for _ in range(2):
        await world.sim("reset", config={**config.as_json(settings_for("")), "seed": None})
        ids.append((await world.send())[1]["messages"][0]["id"])

    assert ids[0] != ids[1]


@pytest.mark.parametrize("changes", [{"webhook": {}}, {"webhooks": {"mode": "odd"}}, {"limits": {"pair": 3}}, [1]])
async def test_misspelt_settings_are_refused(world: World, changes: Any) -> None:
    status, answer = await world.call("PUT", "/_sim/config", token=None, json=changes)

    assert status == 400
    assert answer["error"]


def test_the_environment_wins_for_the_demo() -> None:
    environment = {"SIMULATOR_APP_SECRET": "s", "SIMULATOR_ACCESS_TOKEN": "t", "SIMULATOR_CALLBACK_URL": "http://x/"}
    demo = config.demo(environment=environment)

    assert (demo.apps[0]["secret"], demo.apps[0]["callback_url"]) == ("s", "http://x/")
    assert demo.apps[0]["verify_token"]
    assert demo.tokens[0]["token"] == "t"
    assert config.demo(environment={}).apps[0]["secret"] != "s"


def test_the_command_line_makes_a_quiet_responder(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_text(json.dumps({"apps": [{"id": "1", "secret": "s"}]}))

    plain = settings(arguments([]))
    quiet = settings(arguments(["--responder", "--no-statuses", "--latency-ms", "100", "--config", str(path)]))

    assert plain.behaviour.limits.enabled
    assert (quiet.behaviour.limits.enabled, quiet.behaviour.lifecycle.statuses) == (False, False)
    assert (quiet.behaviour.latency_ms, quiet.apps[0]["id"]) == (100, "1")


@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        ("+55 (11) 98765-0001", "5511987650001"),
        ("11987650001", "5511987650001"),
        ("5511987650001", "5511987650001"),
        ("+14155550100", "14155550100"),
        ("abc", None),
        ("+123", None),
        ("1" * 16, None),
    ],
)
def test_phones_are_read_as_meta_reads_them(typed: str, digits: str | None) -> None:
    assert phones.digits_of(typed) == digits


@pytest.mark.parametrize(
    ("one", "other"),
    [("5531987650003", "553187650003"), ("5215512345678", "525512345678"), ("5491123456789", "541123456789")],
)
def test_spellings_of_one_account_have_one_key(one: str, other: str) -> None:
    assert phones.key(one) == phones.key(other)
    assert phones.key("5511951234567") != phones.key("551151234567")


async def test_the_ledger_file_survives_the_process(world: World, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    wamids = []
    for _ in range(2):
        server = SimulatorServer(settings_for(""), ledger_path=path)
        port = await server.start(host="127.0.0.1", port=0)
        again = World(server, f"http://127.0.0.1:{port}", world.session, world.business)
        _, answer = await again.send(type="text", text={"body": "é"}, biz_opaque_callback_data="m:1")
        wamids.append(answer["messages"][0]["id"])
        rows = await again.ledger(callback="m:1")
        metrics = await again.sim("metrics")
        await server.close()
        with path.open("a") as file:
            file.write('{"a line that a killed process left unfini')

    assert [row["wamid"] for row in rows] == wamids
    assert [row["seq"] for row in rows] == [1, 2]
    assert rows[0]["body"]["text"] == {"body": "é"}
    assert metrics["duplicate_callbacks"] == 1


async def test_the_ledger_is_read_in_pages(world: World) -> None:
    for index in range(5):
        await world.send(f"551198700000{index}")
    first = await world.ledger(limit="2")
    second = await world.ledger(limit="9", after=str(first[-1]["seq"]))

    assert [row["seq"] for row in first + second] == [1, 2, 3, 4, 5]


async def test_people_answer_by_themselves(world: World) -> None:
    await world.configure(lifecycle={"delivered_share": 1.0, "delivered_s": [0.1, 0.2], "read_share": 0.0})
    await world.sim("users", phone=ANA, persona={"kind": "tap", "pick": 1, "text": "pois não"})
    replies = [{"type": "reply", "reply": {"id": name, "title": name}} for name in ("a", "b")]
    action = {"buttons": replies}
    await world.send(type="interactive", interactive={"type": "button", "body": {"text": "?"}, "action": action})
    await world.advance(5)
    await world.send()
    await world.advance(5)

    first, second = world.business.messages()
    assert first["interactive"]["button_reply"]["id"] == "b"
    assert second["text"]["body"] == "pois não"


async def test_rejected_requests_are_logged_with_their_body(world: World) -> None:
    await world.send(type="text", text={"body": ""})

    (entry,) = (await world.sim("requests"))["data"]
    assert (entry["status"], entry["code"]) == (400, 131009)
    assert '"body":' in entry["body"].replace(" ", "")


async def test_uploaded_media_can_be_sent_fetched_and_deleted(world: World) -> None:
    form = aiohttp.FormData({"messaging_product": "whatsapp", "type": "image/png"})
    form.add_field("file", b"\x89PNG bytes", filename="a.png", content_type="image/png")
    _, uploaded = await world.call("POST", f"/v25.0/{NUMBER}/media", data=form)
    media_id = uploaded["id"]
    sent, _ = await world.send(type="image", image={"id": media_id})
    _, found = await world.call("GET", f"/v25.0/{media_id}?phone_number_id={NUMBER}")
    async with world.session.get(found["url"], headers={"Authorization": f"Bearer {TOKEN}"}) as response:
        content = await response.read()
    deleted = await world.call("DELETE", f"/v25.0/{media_id}")
    gone, _ = await world.call("GET", f"/v25.0/{media_id}")

    assert (sent, content, found["file_size"]) == (200, b"\x89PNG bytes", "10")
    assert deleted == (200, {"success": True})
    assert gone == 400


async def test_media_of_a_wrong_kind_is_refused(world: World) -> None:
    form = aiohttp.FormData({"messaging_product": "whatsapp", "type": "application/x-msdownload"})
    form.add_field("file", b"MZ", filename="a.exe", content_type="application/x-msdownload")

    status, answer = await world.call("POST", f"/v25.0/{NUMBER}/media", data=form)

    assert (status, answer["error"]["code"]) == (400, 100)


async def test_a_number_tells_the_fields_that_are_asked_for(world: World) -> None:
    fields = "display_phone_number,throughput,health_status"
    _, one = await world.call("GET", f"/v25.0/{NUMBER}?fields={fields}")
    _, many = await world.call("GET", f"/v25.0/{WABA}/phone_numbers")

    assert one == {
        "id": NUMBER,
        "display_phone_number": "+5511940040001",
        "throughput": {"level": "STANDARD"},
        "health_status": one["health_status"],
    }
    assert one["health_status"]["can_send_message"] == "AVAILABLE"
    assert [row["id"] for row in many["data"]] == [NUMBER, "100000000000002"]


async def test_registration_checks_the_pin(world: World) -> None:
    await world.call("POST", f"/v25.0/{NUMBER}", json={"pin": "123456"})
    await world.call("POST", f"/v25.0/{NUMBER}/deregister")
    unregistered = await world.send()
    wrong = await world.call("POST", f"/v25.0/{NUMBER}/register", json={"pin": "654321"})
    right = await world.call("POST", f"/v25.0/{NUMBER}/register", json={"pin": "123456"})

    assert unregistered[1]["error"]["code"] == 133010
    assert wrong[1]["error"]["code"] == 133005
    assert right == (200, {"success": True})
    assert (await world.send())[0] == 200


async def test_a_token_can_be_examined(world: World) -> None:
    _, good = await world.call("GET", f"/debug_token?input_token={TOKEN}")
    _, bad = await world.call("GET", "/v25.0/debug_token?input_token=expired")

    assert good["data"]["is_valid"] is True
    assert good["data"]["granular_scopes"][0]["target_ids"] == [WABA]
    assert bad["data"]["is_valid"] is False


async def test_an_app_changes_its_callback_with_its_own_token(world: World) -> None:
    query = {"client_id": "7001", "client_secret": "example-app-secret-0001"}
    _, granted = await world.call("GET", "/oauth/access_token", token=None, params=query)
    url = world.server.sim.world.apps["7001"].callback_url
    body = {"object": "whatsapp_business_account", "callback_url": url, "verify_token": "v-0001"}
    user_token, _ = await world.call("POST", "/v25.0/7001/subscriptions", json=body)
    app_token = await world.call("POST", "/v25.0/7001/subscriptions", token=granted["access_token"], json=body)

    assert user_token == 403
    assert app_token == (200, {"success": True})


async def test_a_template_is_reviewed_then_usable(world: World) -> None:
    body = {
        "name": "novo",
        "language": "pt_BR",
        "category": "UTILITY",
        "components": [{"type": "BODY", "text": "Olá"}],
    }
    _, made = await world.call("POST", f"/v25.0/{WABA}/message_templates", json=body)
    message: dict[str, Any] = {"type": "template", "template": {"name": "novo", "language": {"code": "pt_BR"}}}
    early, _ = await world.send(**message)
    await world.advance(6)
    late, _ = await world.send(**message)
    _, listed = await world.call("GET", f"/v25.0/{WABA}/message_templates?name=novo")
    await world.call("DELETE", f"/v25.0/{WABA}/message_templates?name=novo")

    assert made["status"] == "PENDING"
    assert (early, late) == (404, 200)
    assert [row["status"] for row in listed["data"]] == ["APPROVED"]
    assert world.business.values()[0]["event"] == "APPROVED"
    assert (await world.send(**message))[0] == 404


async def test_profiles_keep_to_their_lengths(world: World) -> None:
    path = f"/v25.0/{NUMBER}/whatsapp_business_profile"
    too_long, _ = await world.call("POST", path, json={"about": "x" * 140})
    await world.call("POST", path, json={"about": "Clínica"})
    _, found = await world.call("GET", f"{path}?fields=about")

    assert too_long == 400
    assert found["data"][0]["about"] == "Clínica"


async def test_health_answers(world: World) -> None:
    assert await world.call("GET", "/health", token=None) == (200, {"status": "ok", "ledger": 0})
