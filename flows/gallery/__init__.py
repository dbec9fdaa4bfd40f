"""Flows that ship with PyTake: JSON files in this folder, installed as a chatbot of an organization."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from conversations.models import Department, WhatsAppNumber
from flows import publishing
from flows.models import Chatbot, ChatbotNumberLink, Flow, LinkingHistory
from pytake.accounts.models import Organization, User

FOLDER = Path(__file__).parent


def read(code: str) -> dict[str, Any]:
    """Return a gallery entry: code, name by language, chatbot, departments that it hands over to, graph."""
    entry: dict[str, Any] = json.loads((FOLDER / f"{code}.json").read_text(encoding="utf-8"))
    return entry


@transaction.atomic
def install(organization: Organization, code: str, *, by: User, now: datetime) -> Chatbot:
    """Create an active chatbot whose main flow is the entry, published; departments it names come with it."""
    entry = read(code)
    for slug, name in entry["departments"].items():
        Department.objects.get_or_create(
            organization=organization, slug=slug, deleted_at=None, defaults={"name": name, "is_active": True}
        )
    chatbot = Chatbot.objects.create(organization=organization, name=entry["chatbot"], is_active=True)
    flow = Flow.objects.create(
        organization=organization,
        chatbot=chatbot,
        name=entry["name"].get(organization.language, entry["name"]["pt-br"]),
        is_main=True,
        draft=entry["graph"],
        draft_updated_at=now,
        draft_updated_by=by,
    )
    publishing.publish(flow, by=by, now=now)
    return chatbot


def attach(chatbot: Chatbot, number: WhatsAppNumber, *, by: User, now: datetime) -> None:
    """Let the chatbot answer on the number."""
    ChatbotNumberLink.objects.get_or_create(
        chatbot=chatbot,
        number=number,
        defaults={"organization_id": chatbot.organization_id, "linked_at": now, "linked_by": by},
    )
    LinkingHistory.objects.create(
        organization_id=chatbot.organization_id,
        created_at=now,
        chatbot=chatbot,
        number=number,
        action="linked",
        changed_by=by,
    )
    WhatsAppNumber.objects.filter(pk=number.pk).update(default_chatbot=chatbot)
