"""Every shape that the provider documents: understood or kept whole, and ten repeats change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from conversations.models import (
    Contact,
    Conversation,
    Message,
    MessageStatusEvent,
    UnhandledMessage,
    WebhookEvent,
    WebhookItem,
)
from pytake.accounts.models import User
from tests import make
from tests.conversations.channel.conftest import SHAPES, Provider, handle, process, shapes

pytestmark = pytest.mark.django_db
MESSAGES = [path for path in shapes() if path.stem.startswith("message_") and path.stem != "message_echoes"]
STATUSES = [path for path in shapes() if path.stem.startswith("status_")]
# Applied to the number, and told: see `official/test_news.py`.
NEWS = [
    path
    for path in shapes()
    if path.stem.startswith("account_") and not path.stem.startswith(("account_template", "account_unknown"))
]
OTHERS = [path for path in shapes() if path not in {*MESSAGES, *STATUSES, *NEWS} and path.stem != "user_preferences"]
SILENT = {
    "message_edit", "message_reaction", "message_reaction_removed", "message_revoke", "message_system_identity_changed",
    "message_system_number_changed", "message_system_user_id_changed", "message_text_group",
}  # fmt: skip
# Provider's types that are shown under another name.
RENAMED = {"voice": "audio", "hologram": "unsupported"}
# What the reply says: kind, text, id of the option chosen, message replied to.
REPLIES: dict[str, tuple[str, str, str | None, str | None]] = {
    "text": ("text", "Oi, preciso da segunda via \U0001f600 https://example.com/é", None, None),
    "text_reply": ("text", "essa", None, "wamid.OUT1"),
    "text_forwarded": ("text", "olha", None, None),
    "text_about_product": ("text", "tem azul?", None, "wamid.OUT1"),
    "text_referral_ad": ("text", "Quero saber mais", None, None),
    "text_username_only": ("text", "sem telefone", None, None),
    "image": ("image", "foto", None, None),
    "document": ("document", "a conta", None, None),
    "audio": ("audio", "", None, None),
    "voice": ("audio", "", None, None),
    "location": ("location", "", None, None),
    "contacts": ("contacts", "", None, None),
    "button_reply": ("button", "Confirmar", "confirm:42", "wamid.OUT1"),
    "list_reply": ("list", "14:00", "slot-3", "wamid.OUT2"),
    "form_reply": ("form", "Sent", None, "wamid.OUT3"),
    "form_reply_broken": ("form", "Sent", None, None),
    "call_permission_reply": ("unsupported", "", None, None),
    "interactive_empty": ("unsupported", "", None, None),
    "template_button": ("button", "Parar promoções", "STOP_MARKETING", "wamid.TPL1"),
    "template_button_no_context": ("button", "Sim", "Sim", None),
}


def name_of(path: Path) -> str:
    return path.stem


def item_of(path: Path) -> dict[str, Any]:
    change = json.loads(path.read_bytes())["entry"][0]["changes"][0]
    return {"change": change, **change["value"]}


def snapshot() -> dict[str, Any]:
    """Return everything that a repeat must not change."""
    return {
        "messages": list(Message.objects.order_by("id").values()),
        "open": list(UnhandledMessage.objects.order_by("id").values()),
        "statuses": list(MessageStatusEvent.objects.order_by("id").values()),
        "items": list(WebhookItem.objects.order_by("id").values()),
        "contacts": list(Contact.objects.order_by("id").values()),
        "threads": list(Conversation.objects.order_by("id").values()),
    }


def deliver(provider: Provider, path: Path) -> None:
    assert provider.post_raw(path.read_bytes()).status_code == 200
    process()


def test_there_are_shapes() -> None:
    assert (len(MESSAGES) > 40, len(STATUSES) >= 10, len([*OTHERS, *NEWS]) > 20) == (True, True, True)


@pytest.mark.parametrize("path", shapes(), ids=name_of)
def test_ten_replays_of_a_delivery_change_nothing(provider: Provider, thread: Conversation, path: Path) -> None:
    make.message(
        thread, direction="outbound", status="queued", dispatch_state="accepted", whatsapp_message_id="wamid.OUT1"
    )
    deliver(provider, path)
    before = snapshot()

    for _ in range(5):
        deliver(provider, path)
    for _ in range(5):
        provider.post_raw(path.read_bytes())
    process()

    assert snapshot() == before
    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {"done"}


@pytest.mark.parametrize("path", MESSAGES, ids=name_of)
def test_a_message_is_stored_once_and_whole(provider: Provider, path: Path) -> None:
    item = item_of(path)["messages"][0]

    deliver(provider, path)

    message = Message.objects.get()
    assert message.content == item
    assert message.whatsapp_message_id == item["id"]
    assert message.message_type == RENAMED.get(item["type"], item["type"])
    assert (message.direction, message.status, message.dispatch_state) == ("inbound", "received", "none")
    assert message.whatsapp_timestamp is not None
    assert message.whatsapp_timestamp.year in {2026, timezone.now().year}
    assert UnhandledMessage.objects.count() == (0 if path.stem in SILENT else 1)
    assert Conversation.objects.get().window_expires_at is None or path.stem not in SILENT
    assert not WebhookItem.objects.exists()


@pytest.mark.parametrize(("name", "expected"), REPLIES.items(), ids=REPLIES.keys())
def test_what_a_message_says_is_understood(
    provider: Provider, name: str, expected: tuple[str, str, str | None, str | None]
) -> None:
    deliver(provider, SHAPES / f"message_{name}.json")

    reply = Message.objects.get().extra["reply"]
    assert (reply["kind"], reply["text"], reply["reply_id"], reply["context_wamid"]) == expected


def test_the_contact_comes_from_the_contacts_block(provider: Provider) -> None:
    deliver(provider, SHAPES / "message_text.json")

    contact = Contact.objects.get()
    assert (contact.profile_name, contact.username) == ("Ana Souza", "ana.souza")
    identities = {(row.kind, row.value) for row in contact.identities.all()}
    assert identities == {("wa_id", "5511900000001"), ("bsuid", "BR.77100200300400500600")}


def test_a_person_without_a_phone_is_a_contact(provider: Provider) -> None:
    deliver(provider, SHAPES / "message_text_username_only.json")

    identity = Contact.objects.get().identities.get()
    assert (identity.kind, identity.value) == ("bsuid", "BR.55100200300400500600")


@pytest.mark.parametrize("name", ["unknown_type", "unsupported_poll", "unsupported_bare", "interactive_empty"])
def test_what_we_do_not_understand_yet_is_shown_in_the_thread(
    provider: Provider, name: str, admin: User, client_as: Callable[[User], Client]
) -> None:
    deliver(provider, SHAPES / f"message_{name}.json")
    handle()

    page = client_as(admin).get(f"/inbox/?view=all&c={Conversation.objects.get().pk}")

    item = item_of(SHAPES / f"message_{name}.json")["messages"][0]
    shown = unescape(page.content.decode())
    assert f'"id": "{item["id"]}"' in shown
    assert f'"type": "{item["type"]}"' in shown


@pytest.mark.parametrize("path", STATUSES, ids=name_of)
def test_a_status_settles_its_message_or_is_kept(provider: Provider, thread: Conversation, path: Path) -> None:
    make.message(
        thread, direction="outbound", status="queued", dispatch_state="accepted", whatsapp_message_id="wamid.OUT1"
    )

    deliver(provider, path)

    message = Message.objects.get()
    top = {
        "sent": "sent",
        "failed": "failed",
        "played": "read",
        "read": "read",
        "deleted": "queued",
        "warning": "queued",
    }
    expected = "read" if path.stem == "status_all_rungs" else top.get(path.stem.removeprefix("status_"), "delivered")
    assert message.status == expected
    rows = item_of(path)["statuses"]
    kept = WebhookItem.objects.count()
    assert MessageStatusEvent.objects.filter(message=message).count() + kept == len(rows)
    assert bool(kept) == (path.stem in {"status_deleted", "status_warning"})


def test_prices_and_errors_of_statuses_are_kept(provider: Provider, thread: Conversation) -> None:
    make.message(
        thread, direction="outbound", status="queued", dispatch_state="accepted", whatsapp_message_id="wamid.OUT1"
    )
    deliver(provider, SHAPES / "status_sent.json")
    assert Message.objects.get().price_category == "utility"
    assert MessageStatusEvent.objects.get().pricing["pricing_model"] == "PMP"

    deliver(provider, SHAPES / "status_failed.json")

    message = Message.objects.get()
    assert (message.status, message.dispatch_state) == ("failed", "failed")
    assert (message.error_code, message.error_title) == ("131026", "Message undeliverable")
    assert MessageStatusEvent.objects.get(status="failed").errors[0]["error_data"]["details"] == "Unable to deliver."


@pytest.mark.parametrize("path", OTHERS, ids=name_of)
def test_every_other_notification_is_set_aside_whole(provider: Provider, path: Path) -> None:
    deliver(provider, path)

    item = WebhookItem.objects.get()
    kept, change = item.payload["item"], json.loads(path.read_bytes())["entry"][0]["changes"][0]
    # Of templates that we do not know, too; of those we do: message_templates/test_arrivals.py.
    is_template = "template" in change["field"]
    assert (item.state, item.kind) == ("parked", "template" if is_template else "other")
    assert (kept["value"] if is_template else kept["change"]) == (change["value"] if is_template else change)
    assert not Message.objects.exists()
