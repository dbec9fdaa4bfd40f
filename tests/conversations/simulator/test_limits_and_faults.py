"""Limits throttle, fault rules strike, test numbers behave as their last digits say."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.conversations.simulator.conftest import ANA, NUMBER, World

MAGIC = "5511999999"


async def test_a_number_passes_80_messages_a_second(world: World) -> None:
    answers = [await world.send(f"55119870{index:05d}") for index in range(81)]
    await world.advance(1.1)
    later = await world.send("5511987099999")

    assert [status for status, _ in answers[:80]] == [200] * 80
    assert answers[80][0] == 400
    assert answers[80][1]["error"]["code"] == 130429
    assert later[0] == 200
    assert (await world.sim("metrics"))["violations"]["number_over_limit"] == 1


async def test_throttles_can_answer_429(world: World) -> None:
    await world.configure(limits={"throttle_http": 429})

    status, answer = await world.send(f"{MAGIC}429")

    assert (status, answer["error"]["code"]) == (429, 130429)


async def test_a_pair_has_45_messages_then_one_every_six_seconds(world: World) -> None:
    first = [await world.send() for _ in range(46)]
    await world.advance(6.1)
    second = [await world.send() for _ in range(2)]

    assert [status for status, _ in first] == [200] * 45 + [400]
    assert first[-1][1]["error"]["code"] == 131056
    assert [status for status, _ in second] == [200, 400]


async def test_a_pair_in_debt_waits_six_seconds_a_message(world: World) -> None:
    await world.configure(limits={"pair_mode": "debt"})
    for _ in range(20):
        await world.send()
    await world.advance(100)
    early = await world.send()
    await world.advance(25)
    late = await world.send()

    assert (early[0], late[0]) == (400, 200)


async def test_refused_requests_cost_no_quota(world: World) -> None:
    for _ in range(60):
        await world.send(type="text", text={"body": ""})

    assert (await world.send())[0] == 200


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        ({"do": "http", "status": 503, "body": "busy"}, 503),
        ({"do": "html_502"}, 502),
        ({"do": "error", "code": 131016}, 500),
        ({"do": "token_revoked"}, 401),
        ({"do": "number_state", "state": "BANNED"}, 403),
    ],
)
async def test_faults_before_processing_send_nothing(world: World, rule: dict[str, Any], status: int) -> None:
    await world.sim("faults", match={"endpoint": "messages"}, **rule)

    assert (await world.send())[0] == status
    assert await world.ledger() == []


@pytest.mark.parametrize("rule", [{"do": "reset_before"}, {"do": "hang", "ms": 20}])
async def test_a_connection_cut_before_processing_sends_nothing(world: World, rule: dict[str, Any]) -> None:
    await world.sim("faults", **rule)

    with pytest.raises(aiohttp.ClientConnectionError):
        await world.send()
    assert await world.ledger() == []


async def test_reset_after_loses_the_answer_but_not_the_message(world: World) -> None:
    await world.sim("faults", match={"to": f"^{ANA}"}, do="reset_after")

    with pytest.raises(aiohttp.ClientConnectionError):
        await world.send()
    (row,) = await world.ledger()
    assert row["outcome"] == "reset_after"


async def test_error_after_answers_500_although_the_message_exists(world: World) -> None:
    await world.sim("faults", do="error_after")

    status, answer = await world.send()

    assert (status, answer["error"]["code"]) == (500, 131000)
    assert len(await world.ledger()) == 1


async def test_garbage_200_is_cut_json(world: World) -> None:
    await world.sim("faults", do="garbage_200")

    async with world.session.post(
        f"{world.base}/v25.0/{NUMBER}/messages",
        json={"messaging_product": "whatsapp", "to": ANA, "text": {"body": "x"}},
        headers={"Authorization": "Bearer t-0001"},
    ) as response:
        text = await response.text()

    assert response.status == 200
    assert text.startswith("{")
    assert not text.endswith("}")


async def test_slow_bodies_and_latency_still_answer(world: World) -> None:
    await world.sim("faults", do="slow_body", ms=40, max_hits=1)
    await world.sim("faults", do="latency", ms=[1, 5])

    assert [(await world.send())[0] for _ in range(2)] == [200, 200]


async def test_an_async_error_fails_the_message_later(world: World) -> None:
    await world.sim("faults", do="async_error", code=131049, after=10)
    await world.send()
    await world.advance(9)
    before = world.business.statuses()
    await world.advance(2)

    (failed,) = world.business.statuses()
    assert before == []
    assert failed["errors"][0]["code"] == 131049


async def test_rules_strike_the_nth_call_and_only_so_often(world: World) -> None:
    await world.sim("faults", match={"nth": 2}, do="error", code=131016)
    await world.sim("faults", match={"type": "image"}, do="error", code=131016)

    statuses = [(await world.send())[0] for _ in range(3)]
    await world.call("DELETE", "/_sim/faults", token=None)

    assert statuses == [200, 500, 200]
    assert (await world.sim("faults"))["data"] == []


async def test_an_unknown_fault_is_refused(world: World) -> None:
    status, answer = await world.call("POST", "/_sim/faults", token=None, json={"do": "explode"})

    assert status == 400
    assert "explode" not in answer["error"]


@pytest.mark.parametrize("code", [131026, 131047, 131049, 131050, 130472])
async def test_numbers_that_fail_later_do_so_with_their_code(world: World, code: int) -> None:
    await world.configure(limits={"window": "off"})
    status, _ = await world.send(f"{MAGIC}{code % 1000:03d}")
    await world.advance(5)

    (failed,) = world.business.statuses()
    assert status == 200
    assert (failed["status"], failed["errors"][0]["code"]) == ("failed", code)


async def test_numbers_that_refuse_at_first_accept_later(world: World) -> None:
    once = [(await world.send(f"{MAGIC}429"))[0] for _ in range(2)]
    twice = [(await world.send(f"{MAGIC}056"))[0] for _ in range(3)]

    assert once == [400, 200]
    assert twice == [400, 400, 200]


async def test_500_and_501_differ_in_the_ledger_only(world: World) -> None:
    assert (await world.send(f"{MAGIC}500"))[0] == 500
    assert await world.ledger() == []
    assert (await world.send(f"{MAGIC}501"))[0] == 500
    assert len(await world.ledger()) == 1


async def test_408_cuts_the_line_after_accepting(world: World) -> None:
    with pytest.raises(aiohttp.ClientConnectionError):
        await world.send(f"{MAGIC}408")
    assert len(await world.ledger()) == 1


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        ("001", ["sent"]),
        ("002", ["sent", "read"]),
        ("003", ["sent", "sent", "delivered", "delivered", "read", "read"]),
        ("004", ["read", "delivered", "sent"]),
        ("006", ["sent", "failed"]),
    ],
)
async def test_test_numbers_choose_their_statuses(world: World, suffix: str, expected: list[str]) -> None:
    await world.configure(limits={"window": "off"}, webhooks={"concurrency": 1, "mode": "single"})
    await world.send(f"{MAGIC}{suffix}")
    await world.advance(60)

    assert [status["status"] for status in world.business.statuses()] == expected


async def test_a_status_can_arrive_before_the_answer(world: World) -> None:
    await world.configure(limits={"window": "off"})
    sending = asyncio.ensure_future(world.send(f"{MAGIC}005"))
    while not world.business.statuses():  # noqa: ASYNC110 - the business has no event to wait for
        await asyncio.sleep(0.005)
    answered = sending.done()
    await sending

    assert not answered


@pytest.mark.parametrize(("to", "code"), [("5511987650009", 131050), ("5511987650008", 131026)])
async def test_people_who_cannot_be_reached_fail_later(world: World, to: str, code: int) -> None:
    body = {"name": "oferta", "language": {"code": "pt_BR"}}
    await world.send(to, type="template", template=body)
    await world.advance(5)

    assert world.business.statuses()[0]["errors"][0]["code"] == code


async def test_free_text_outside_of_the_window_fails_and_is_counted(world: World) -> None:
    await world.advance(25 * 3600)
    await world.send()
    await world.advance(5)

    assert world.business.statuses()[-1]["errors"][0]["code"] == 131047
    assert (await world.sim("metrics"))["violations"]["outside_window"] == 1
