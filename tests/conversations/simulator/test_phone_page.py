"""The phone page: assets under a strict policy, chats, ticks, taps, people, live events."""

from __future__ import annotations

import json
import re
from typing import Any

import aiohttp
import pytest

from conversations.simulator import phone
from conversations.simulator.model import Template
from tests.conversations.simulator.conftest import ANA, NUMBER, WABA, World

LISTED = {
    "type": "list",
    "body": {"text": "Quando?"},
    "action": {"button": "Ver", "sections": [{"title": "Terça", "rows": [{"id": "s1", "title": "09:00"}]}]},
}
PRESSED = {
    "type": "button",
    "body": {"text": "Posso ajudar?"},
    "action": {"buttons": [{"type": "reply", "reply": {"id": "yes", "title": "Sim"}}]},
}


async def person(world: World, **data: str) -> str:
    _, made = await world.call("POST", "/_sim/phone/people", token=None, json={"name": "Zeca", "phone": ANA, **data})
    user_id: str = made["id"]
    return user_id


async def chat(world: World, who: str) -> list[dict[str, Any]]:
    _, answer = await world.call("GET", f"/_sim/phone/chat?as={who}&with={NUMBER}", token=None)
    bubbles: list[dict[str, Any]] = answer["bubbles"]
    return bubbles


async def say(world: World, who: str, **data: str) -> tuple[int, Any]:
    return await world.call("POST", "/_sim/phone/say", token=None, json={"as": who, "with": NUMBER, **data})


async def test_the_page_needs_nothing_inline_and_nothing_from_elsewhere(world: World) -> None:
    for path in ("/", "/phone"):
        async with world.session.get(f"{world.base}{path}?as=ana") as response:
            page = await response.text()
            policy = response.headers["Content-Security-Policy"]

    assert "unsafe" not in policy
    assert "default-src 'self'" in policy
    assert 'lang="pt-BR"' in page
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|https?://", page)
    assert re.findall(r"<script([^>]*)>([^<]*)</script>", page) == [(' type="module" src="/static/phone.js"', "")]
    for name, kind in phone.FILES.items():
        async with world.session.get(f"{world.base}/static/{name}") as response:
            assert (response.status, response.content_type) == (200, kind)
    for escape in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/nothing.js"):
        async with world.session.get(f"{world.base}{escape}") as response:
            assert response.status >= 400


async def test_what_a_person_writes_is_ticked_when_the_business_has_it_and_has_read_it(world: World) -> None:
    who = await person(world)
    world.business.answers = [500]
    _, said = await say(world, who, text="Oi")
    await world.advance(0)
    refused = (await chat(world, who))[0]["tick"]
    await world.advance(2)
    delivered = (await chat(world, who))[0]["tick"]
    read = {"messaging_product": "whatsapp", "status": "read", "message_id": said["id"]}
    await world.call("POST", f"/v25.0/{NUMBER}/messages", json=read)

    assert (refused, delivered) == ("refused", "delivered")
    assert (await chat(world, who))[0]["tick"] == "read"


async def test_a_button_and_a_row_can_be_tapped_and_quote_their_message(world: World) -> None:
    who = await person(world)
    for interactive in (PRESSED, LISTED):
        await world.send(type="interactive", interactive=interactive)
    await world.advance(2)
    pressed, listed = await chat(world, who)
    await say(world, who, tap="yes", of=pressed["id"])
    await say(world, who, tap="s1", of=listed["id"])
    await world.advance(0)

    first, second = world.business.messages()
    assert first["interactive"] == {"type": "button_reply", "button_reply": {"id": "yes", "title": "Sim"}}
    assert first["context"] == {"from": "5511940040001", "id": pressed["id"]}
    assert second["interactive"]["list_reply"] == {"id": "s1", "title": "09:00"}
    assert (await chat(world, who))[2]["quote"] == {"side": "in", "text": "Posso ajudar?"}
    assert (await say(world, who, tap="no", of=pressed["id"]))[0] == 400


async def test_an_open_chat_reads_what_arrives_once(world: World) -> None:
    who = await person(world)
    await world.send(biz_opaque_callback_data="m:1", type="text", text={"body": "Olá"})
    await world.advance(2)
    body = {"as": who, "with": NUMBER}
    first = await world.call("POST", "/_sim/phone/read", token=None, json=body)
    again = await world.call("POST", "/_sim/phone/read", token=None, json=body)

    assert (first[1], again[1]) == ({"read": 1}, {"read": 0})
    assert [state["status"] for state in (await world.ledger())[0]["states"]] == ["sent", "delivered", "read"]


async def test_a_message_that_fails_is_a_note_in_the_chat(world: World) -> None:
    who = await person(world)
    await world.advance(25 * 3600)
    await world.send()
    await world.advance(2)

    (note,) = await chat(world, who)
    assert (note["side"], note["code"]) == ("note", 131047)


async def test_a_person_without_phone_is_made_from_a_username(world: World) -> None:
    who = await person(world, name="Íris Sol", phone="", username="@iris")
    await say(world, who, text="oi")
    await world.advance(0)

    assert who == "iris-sol"
    assert "from" not in world.business.messages()[0]
    status, answer = await world.call("POST", "/_sim/phone/people", token=None, json={"name": "Só nome"})
    assert (status, answer["error"]) == (400, "Informe o nome e um telefone ou nome de usuário.")


async def test_events_are_streamed_as_they_happen(world: World) -> None:
    who = await person(world)
    async with world.session.get(f"{world.base}/_sim/phone/events") as stream:
        await say(world, who, text="ao vivo")
        lines: list[str] = []
        while not any("delivered" in line for line in lines):
            lines.append((await stream.content.readline()).decode())

    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert [event["event"] for event in events] == ["bubble", "mark"]
    assert events[0]["as"] == who
    assert events[0]["bubble"]["text"] == "ao vivo"


async def delivered(world: World, who: str, **body: Any) -> dict[str, Any]:
    """Send something to the person and return its bubble."""
    status, answer = await world.send(**body)
    assert status == 200, answer
    await world.advance(2)
    return (await chat(world, who))[-1]


async def upload(world: World, content: bytes, mime: str) -> str:
    form = aiohttp.FormData()
    form.add_field("messaging_product", "whatsapp")
    form.add_field("type", mime)
    form.add_field("file", content, filename="a", content_type=mime)
    _, answer = await world.call("POST", f"/v25.0/{NUMBER}/media", data=form)
    media_id: str = answer["id"]
    return media_id


async def test_files_of_the_business_can_be_seen_and_nothing_of_them_runs(world: World) -> None:
    who = await person(world)
    picture, text = await upload(world, b"\x89PNG", "image/png"), await upload(world, b"<script>", "text/plain")
    bubble = await delivered(world, who, type="image", image={"id": picture, "caption": "A sala"})
    named = await delivered(world, who, type="document", document={"link": "https://a.b/c.pdf", "filename": "c.pdf"})

    assert (bubble["file"]["id"], bubble["text"]) == (picture, "A sala")
    assert (named["file"]["link"], named["file"]["name"]) == ("https://a.b/c.pdf", "c.pdf")
    for media_id, kind, disposition in ((picture, "image/png", None), (text, "application/octet-stream", "attachment")):
        async with world.session.get(f"{world.base}/_sim/phone/media?id={media_id}") as response:
            assert (response.status, response.content_type) == (200, kind)
            assert response.headers.get("Content-Disposition") == disposition
            assert "sandbox" in response.headers["Content-Security-Policy"]


async def test_places_and_people_are_shown(world: World) -> None:
    who = await person(world)
    place = {"latitude": "-23.5", "longitude": "-46.6", "name": "Polo", "address": "Rua A"}
    card = [{"name": {"formatted_name": "Bia", "first_name": "Bia"}, "phones": [{"phone": "+55 11 90000-0002"}]}]

    assert (await delivered(world, who, type="location", location=place))["place"] == place
    shown = await delivered(world, who, type="contacts", contacts=card)
    assert shown["people"] == [{"name": "Bia", "phones": ["+55 11 90000-0002"]}]


async def test_a_reaction_is_shown_on_its_bubble_and_a_reply_above_its_own(world: World) -> None:
    who = await person(world)
    _, said = await say(world, who, text="Quanto custa?")
    quoting = await delivered(world, who, type="text", text={"body": "R$ 50"}, context={"message_id": said["id"]})
    await world.send(type="reaction", reaction={"message_id": said["id"], "emoji": "👍"})
    await world.advance(2)

    assert quoting["quote"]["text"] == "Quanto custa?"
    assert (await chat(world, who))[0]["reaction"] == "👍"


@pytest.mark.parametrize(
    ("interactive", "answer"),
    [
        (
            {
                "type": "location_request_message",
                "body": {"text": "Onde?"},
                "action": {"name": "send_location"},
            },
            "location",
        ),
        (
            {
                "type": "flow",
                "body": {"text": "Dados"},
                "action": {
                    "name": "flow",
                    "parameters": {"flow_message_version": "3", "flow_id": "1", "flow_cta": "Abrir", "flow_token": "t"},
                },
            },
            "interactive",
        ),
    ],
)
async def test_places_and_forms_that_are_asked_for_can_be_given(
    world: World, interactive: dict[str, Any], answer: str
) -> None:
    who = await person(world)
    bubble = await delivered(world, who, type="interactive", interactive=interactive)

    status, _ = await say(world, who, tap=bubble["buttons"][0]["id"], of=bubble["id"])
    await world.advance(2)

    assert status == 201
    assert world.business.messages()[-1]["type"] == answer


async def test_a_template_shows_the_titles_of_its_buttons(world: World) -> None:
    who = await person(world)
    components: list[dict[str, Any]] = [
        {"type": "BODY", "text": "Vence hoje."},
        {"type": "FOOTER", "text": "Polo"},
        {
            "type": "BUTTONS",
            "buttons": [
                {"type": "QUICK_REPLY", "text": "Já paguei"},
                {"type": "URL", "text": "Pagar", "url": "https://example.org/{{1}}"},
            ],
        },
    ]
    world.server.sim.world.add_template(Template(id="799", waba=WABA, name="conta", components=components))
    parameters = [{"type": "text", "text": "inv/88"}]
    button = {"type": "button", "sub_type": "url", "index": "1", "parameters": parameters}
    message = {"name": "conta", "language": {"code": "pt_BR"}, "components": [button]}

    bubble = await delivered(world, who, type="template", template=message)

    assert (bubble["text"], bubble["footer"]) == ("Vence hoje.", "Polo")
    assert [one["title"] for one in bubble["buttons"]] == ["Já paguei"]
    assert bubble["links"] == [{"title": "Pagar", "url": "https://example.org/inv/88"}]
