"""What the simulator refuses in the components of templates, and where one does not fit its template."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.simulator.model import Template
from tests.conversations.simulator.conftest import WABA, World

Json = dict[str, Any]
PICTURE = {"type": "image", "image": {"id": "1"}}


def button(sub_type: str = "url", index: Any = "0", **parameter: Any) -> Json:
    made = parameter or {"type": "text", "text": "x"}
    return {"type": "button", "sub_type": sub_type, "index": index, "parameters": [made]}


def card(index: int, *parts: Json) -> Json:
    return {"card_index": index, "components": list(parts)}


def carousel(*cards: Json) -> Json:
    return {"type": "carousel", "cards": list(cards)}


def body(text: str) -> Json:
    return {"type": "body", "parameters": [{"type": "text", "text": text}]}


@pytest.mark.parametrize(
    ("components", "code"),
    [
        ([{"type": "footer"}], 131009),
        ([{"parameters": []}], 131008),
        (["body"], 131009),
        ([{"type": "body", "parameters": ["x"]}], 131009),
        ([{"type": "header", "parameters": [{"type": "image", "image": {}}]}], 131009),
        ([{"type": "header", "parameters": [{"type": "image"}]}], 131008),
        ([{"type": "header", "parameters": [{"type": "image", "image": {"id": "1", "link": "https://a.b"}}]}], 131009),
        ([{"type": "header", "parameters": [{"type": "video", "video": {"link": "ftp://a.b"}}]}], 131009),
        ([{"type": "header", "parameters": [PICTURE, PICTURE]}], 132000),
        ([{"type": "header", "parameters": [{"type": "location", "location": {"latitude": 1}}]}], 131008),
        ([{"type": "button", "index": "0", "parameters": []}], 131008),
        ([button("jump")], 131009),
        ([button(index=None)], 131008),
        ([button(index="x")], 131009),
        ([button(index=True)], 131009),
        ([button(index="10")], 131009),
        ([button(), button()], 131009),
        ([button(type="payload", payload="x")], 131009),
        ([button(type="text", text="")], 131009),
        ([button(type="text", text="x" * 2001)], 131009),
        ([button("quick_reply", type="payload", payload="x" * 257)], 131009),
        ([button("copy_code", type="coupon_code", coupon_code="x" * 21)], 131009),
        ([button("flow", type="action", action="x")], 131009),
        ([{"type": "button", "sub_type": "url", "index": "0", "parameters": []}], 132000),
        ([carousel(card(0))], 131009),
        ([carousel(*(card(index) for index in range(11)))], 131009),
        ([carousel(card(0), card(0))], 131009),
        ([carousel(card(0, body("x" * 161)), card(1))], 131009),
        ([carousel(card(0, button()), card(1))], 131009),
        ([carousel(card(0, carousel(card(0), card(1))), card(1))], 131009),
    ],
)
async def test_components_that_no_template_could_have_are_refused(world: World, components: Any, code: int) -> None:
    message = {"name": "aviso", "language": {"code": "pt_BR"}, "components": components}

    status, answer = await world.send(type="template", template=message)

    assert (status, answer["error"]["code"]) == (400, code)
    assert len(world.server.sim.ledger) == 0


SHOWCASE = {"components": [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Cor {{1}}."}]}
BODY = {"type": "BODY", "text": "Olá."}
LINKED = {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Pagar", "url": "https://a.b/{{1}}"}]}


@pytest.mark.parametrize(
    ("model", "components", "code"),
    [
        ([BODY, LINKED], [], 131008),
        ([BODY, LINKED], [button(index="1")], 132012),
        ([BODY, LINKED], [button("quick_reply", type="payload", payload="x")], 132012),
        ([BODY, LINKED], [button()], 0),
        ([BODY, LINKED], [button(index=0)], 0),
        ([{"type": "HEADER", "format": "IMAGE"}, BODY], [], 132012),
        ([{"type": "HEADER", "format": "VIDEO"}, BODY], [{"type": "header", "parameters": [PICTURE]}], 132012),
        ([{"type": "HEADER", "format": "IMAGE"}, BODY], [{"type": "header", "parameters": [PICTURE]}], 0),
        ([BODY, {"type": "CAROUSEL", "cards": [SHOWCASE] * 3}], [carousel(card(0), card(1))], 132012),
        ([BODY, {"type": "CAROUSEL", "cards": [SHOWCASE] * 2}], [carousel(card(0), card(1))], 132012),
        (
            [BODY, {"type": "CAROUSEL", "cards": [SHOWCASE] * 2}],
            [carousel(*(card(at, {"type": "header", "parameters": [PICTURE]}, body("Azul")) for at in range(2)))],
            0,
        ),
    ],
)
async def test_a_message_must_fit_its_template(world: World, model: list[Json], components: Any, code: int) -> None:
    world.server.sim.world.add_template(Template(id="790", waba=WABA, name="modelo", components=model))
    message = {"name": "modelo", "language": {"code": "pt_BR"}, "components": components}

    _, answer = await world.send(type="template", template=message)

    assert answer.get("error", {}).get("code", 0) == code


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([body("123456"), button(type="text", text="123456")], 0),
        ([body("123456")], 131008),
        ([body("123456"), button(type="text", text="654321")], 131008),
        ([body("1" * 16), button(type="text", text="1" * 16)], 132012),
    ],
)
async def test_a_one_time_code_stands_in_the_body_and_in_the_button(world: World, parts: list[Json], code: int) -> None:
    components: list[Json] = [
        {"type": "BODY", "text": "Código {{1}}."},
        {"type": "BUTTONS", "buttons": [{"type": "OTP"}]},
    ]
    made = Template(id="791", waba=WABA, name="codigo", category="AUTHENTICATION", components=components)
    world.server.sim.world.add_template(made)
    message = {"name": "codigo", "language": {"code": "pt_BR"}, "components": parts}

    _, answer = await world.send(type="template", template=message)

    assert answer.get("error", {}).get("code", 0) == code


@pytest.mark.parametrize(
    "content",
    [
        {"type": "video", "video": {"id": "1", "voice": True}},
        {"type": "audio", "audio": {"id": "1", "voice": "yes"}},
        {"type": "reaction", "reaction": {"message_id": "wamid.A"}, "context": {"message_id": "wamid.A"}},
        {"type": "location", "location": {"latitude": 1, "longitude": 1, "address": "x" * 1001}},
        {"type": "document", "document": {"id": "1", "filename": "x" * 241}},
        {
            "type": "interactive",
            "interactive": {
                "type": "location_request_message",
                "header": {"type": "text", "text": "x"},
                "body": {"text": "Onde?"},
                "action": {"name": "send_location"},
            },
        },
        {
            "type": "interactive",
            "interactive": {
                "type": "flow",
                "body": {"text": "Dados"},
                "action": {
                    "name": "flow",
                    "parameters": {"flow_message_version": "3", "flow_id": "1", "flow_cta": "x" * 21},
                },
            },
        },
    ],
)
async def test_what_does_not_go_together_is_refused(world: World, content: Json) -> None:
    status, answer = await world.send(**content)

    assert (status, answer["error"]["code"]) == (400, 131009)
