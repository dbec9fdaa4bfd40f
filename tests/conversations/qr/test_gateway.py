"""Every kind of content through the gateway to the simulator, and what answers mean."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import orjson
import pytest
from pytest_django import Settings

from conversations.gateway.base import Accepted, NotSent, Outcome, Outgoing, Refused, Unknown
from conversations.gateway.evolution import EvolutionApi, outcome
from conversations.models import WhatsAppNumber
from tests.conversations.qr.conftest import ANA, KEY, Evolution


def send(number: WhatsAppNumber, base_url: str, content: dict[str, Any], **fields: Any) -> Outcome:
    message = Outgoing(**{"to_kind": "wa_id", "to": ANA, "content": content, "callback": "", **fields})

    async def go() -> Outcome:
        async with aiohttp.ClientSession() as session:
            api = EvolutionApi(session, base_url=base_url, instance=number.evolution_instance_name or "", key=KEY)
            return await api.send(message)

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        ({"kind": "text", "body": "Oi", "preview_url": True}, "text", "Oi"),
        ({"kind": "image", "link": "https://example.com/a.png", "caption": "veja"}, "image", "veja"),
        ({"kind": "video", "link": "https://example.com/a.mp4"}, "video", ""),
        ({"kind": "document", "base64": "aGk=", "filename": "exame.pdf"}, "document", ""),
        ({"kind": "audio", "link": "https://example.com/a.ogg"}, "audio", ""),
        ({"kind": "sticker", "link": "https://example.com/a.webp"}, "sticker", ""),
        ({"kind": "location", "latitude": -23.5, "longitude": -46.6, "name": "Clínica"}, "location", "Clínica"),
        ({"kind": "contacts", "people": [{"name": "Rui", "phones": ["+55 11 98765-0009"]}]}, "contacts", "Rui"),
        ({"kind": "reaction", "message_id": "3A00", "emoji": "👍"}, "reaction", "👍"),
    ],
)  # fmt: skip
def test_every_kind_is_accepted(
    evolution: Evolution, number: WhatsAppNumber, settings: Settings, content: dict[str, Any], kind: str, text: str
) -> None:
    result = send(number, settings.EVOLUTION_BASE_URL, content)

    assert isinstance(result, Accepted), result
    (row,) = evolution.ledger()
    assert (row["type"], row["text"], row["wamid"]) == (kind, text, result.wamid)


def test_an_answer_to_a_message_quotes_it(evolution: Evolution, number: WhatsAppNumber, settings: Settings) -> None:
    wamid = evolution.write(number)
    send(number, settings.EVOLUTION_BASE_URL, {"kind": "text", "body": "Oi"}, reply_to=wamid)

    assert evolution.ledger()[0]["body"]["request"]["quoted"] == {"key": {"id": wamid}}


@pytest.mark.parametrize("content", [{"kind": "template", "name": "aviso"}, {"kind": "image", "media_id": "300"}])
def test_what_a_qr_number_cannot_send_is_refused_before(
    evolution: Evolution, number: WhatsAppNumber, settings: Settings, content: dict[str, Any]
) -> None:
    result = send(number, settings.EVOLUTION_BASE_URL, content)

    assert isinstance(result, Refused)
    assert (result.code, result.scope) == ("UNSUPPORTED_CONTENT", "message")
    assert evolution.ledger() == []


def _error(message: Any, status: int = 400) -> bytes:
    return orjson.dumps({"status": status, "error": "x", "response": {"message": message}})


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (201, orjson.dumps({"key": {"id": "3EB0"}}), Accepted(wamid="3EB0", http_status=201)),
        (201, b'{"key": {', Unknown),
        (200, b"{}", Unknown),
        (400, _error([{"jid": "x", "exists": False, "number": "1"}]), Refused),
        (400, _error(["Error: Connection Closed"]), NotSent),
        (400, _error(["[object Object]"]), Unknown),
        (400, _error(['requires property "text"']), Refused),
        (401, _error("Unauthorized", 401), Refused),
        (404, _error(['The "x" instance does not exist'], 404), Refused),
        (429, b"", NotSent),
        (500, _error("[object Object]", 500), Unknown),
        (502, b"<html>", Unknown),
    ],
)
def test_what_answers_mean(status: int, body: bytes, expected: Any) -> None:
    result = outcome(status, body)

    assert result == expected if isinstance(expected, Accepted) else isinstance(result, expected)


def test_a_server_that_is_away_has_surely_not_sent(number: WhatsAppNumber, evolution: Evolution) -> None:
    assert isinstance(send(number, "http://127.0.0.1:9", {"kind": "text", "body": "Oi"}), NotSent)
