"""Everything that can arrive, in the thread: light and dark, on a desk and on a phone."""

from __future__ import annotations

import base64
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from playwright.sync_api import expect
from pytest_django import Settings

from conversations import payloads
from conversations.models import Conversation, Message
from pytake.accounts.models import User
from pytake.infra import tenancy
from tests import make
from tests.browser.conftest import AXE, Open
from tests.browser.test_inbox import RULES

SHAPES = Path(__file__).parent.parent / "conversations" / "channel" / "shapes"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
TEXTS = ("text_referral_ad", "text_frequently_forwarded", "text_reply", "location", "contacts", "order", "form_reply")
NOTICES = ("system_number_changed", "call_permission_reply", "unsupported_poll", "unknown_type", "list_reply")


@pytest.fixture
def everything(thread: Conversation, settings: Settings, tmp_path: Path) -> Conversation:
    """A thread in which everything arrived."""
    settings.MEDIA_ROOT = str(tmp_path)
    with tenancy.organization_context(thread.organization_id):
        Message.objects.filter(conversation=thread).delete()
        make.message(
            thread, "Qual é o melhor horário?", direction="outbound", sender_type="bot", status="read",
            dispatch_state="accepted", whatsapp_message_id="wamid.OUT1", content={"kind": "text"},
        )  # fmt: skip
        for name in TEXTS + NOTICES:
            _arrive(thread, _payload(name))
        _files(thread)
        _arrive(thread, {"id": "wamid.A", "type": "text", "text": {"body": "Amanha as 14h"}})
        new = {"type": "text", "text": {"body": "Amanhã às 15h"}}
        _arrive(thread, {"type": "edit", "edit": {"original_message_id": "wamid.A", "message": new}})
        _arrive(thread, {"id": "wamid.B", "type": "text", "text": {"body": "Esqueça"}})
        _arrive(thread, {"type": "revoke", "revoke": {"original_message_id": "wamid.B"}})
        _arrive(thread, {"type": "reaction", "reaction": {"message_id": "wamid.OUT1", "emoji": "👍"}})
        _arrive(thread, {"type": "reaction", "reaction": {"message_id": "wamid.A", "emoji": "❤️"}})
    return thread


def _payload(name: str) -> dict[str, Any]:
    value = json.loads((SHAPES / f"message_{name}.json").read_bytes())["entry"][0]["changes"][0]["value"]
    found: dict[str, Any] = value["messages"][0]
    return found


def _arrive(thread: Conversation, content: dict[str, Any]) -> Message:
    text = str(payloads.reply_of(content)["text"])
    wamid = content.get("id") or None
    return make.message(
        thread, text, message_type=payloads.type_of(content), content=content, whatsapp_message_id=wamid
    )


def _files(thread: Conversation) -> None:
    picture = Path(os.environ.get("PICTURE", "/nonexistent"))
    pixel = picture.read_bytes() if picture.exists() else PIXEL
    for kind, mime, fields in (
        ("image", "image/png", {"declared_type": "image/png"}),
        ("audio", "audio/ogg", {"declared_type": "audio/ogg"}),
        ("video", "video/mp4", {"declared_type": "video/mp4"}),
        ("document", "application/pdf", {"filename": "Segunda via da conta de novembro.pdf", "size": 245_760}),
        ("image", "text/html", {"declared_type": "image/jpeg", "filename": "foto.jpg"}),
        ("image", "", {"state": "pending"}),
        ("video", "", {"state": "expired", "error_code": "gone"}),
        ("document", "", {"state": "failed", "error_code": "131052", "filename": "planta.pdf"}),
    ):
        message = _arrive(
            thread, {"type": kind, kind: {"id": "1", "caption": "legenda" if mime == "image/png" else ""}}
        )
        key = default_storage.save(message.pk.hex, ContentFile(pixel))
        row = {"state": "stored", "mime_type": mime, "size": len(pixel), "storage_key": key, **fields}
        make.media(message, expires_at=timezone.now() + timedelta(days=1), **row)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_everything_is_shown_and_accessible(
    open_as: Open, agent_of_clinic: User, everything: Conversation, theme: str, width: int
) -> None:
    page = open_as(agent_of_clinic, f"/inbox/?c={everything.pk}", width=width, theme=theme)

    expect(page.locator(".bubble-reactions")).to_have_count(2)
    expect(page.locator(".bubble.is-deleted")).to_contain_text("Deleted by the customer")
    expect(page.locator(".bubble-media img")).to_have_js_property("complete", True)
    assert page.locator(".bubble-media img").evaluate("image => image.naturalWidth") > 0
    expect(page.get_by_text("Amanhã às 15h")).to_be_visible()
    expect(page.locator(".is-broken")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    if shots := os.environ.get("SHOTS"):
        page.set_viewport_size({"width": width, "height": 3400})
        page.screenshot(path=f"{shots}/arrivals-{theme}-{width}.png")
    page.evaluate(AXE)
    found = page.evaluate("tags => axe.run({runOnly: tags})", RULES)["violations"]
    assert [(problem["id"], problem["nodes"][0]["html"][:200]) for problem in found] == []


def test_a_broken_file_is_fetched_again_by_a_click(
    open_as: Open, agent_of_clinic: User, everything: Conversation
) -> None:
    page = open_as(agent_of_clinic, f"/inbox/?c={everything.pk}")
    waiting = page.locator(".is-waiting")
    expect(waiting).to_have_count(1)

    page.get_by_role("button", name="Fetch again").first.click()

    expect(waiting).to_have_count(2)
