"""A clinic with a number, a published flow and customers who write; slices are handled as workers do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from conversations import handling
from conversations.models import Conversation, Message, UnhandledMessage, WhatsAppNumber
from flows import gallery, publishing, routing
from flows.models import ConversationState, Flow, FlowVersion
from pytake.accounts.models import Organization, User
from tests import make
from tests.flows.engine.play import graph, node

ASK = graph(
    [
        node("s", "start", keywords=["agendar"]),
        node("q", "question", text="Qual é o seu nome?", variable="nome"),
        node("e", "question", text="E o e-mail, {{nome}}?", variable="email", response_type="email"),
        node("z", "end", message="Obrigado, {{nome}}!", outcome="done"),
    ],
    ("s", "next", "q"),
    ("q", "next", "e"),
    ("e", "next", "z"),
    variables=[{"name": "email", "type": "text", "pii": True}],
)


def publish(flow: Flow, raw: Mapping[str, Any], by: User) -> FlowVersion:
    """Save and publish a graph."""
    publishing.save_draft(flow, dict(raw), by=by, now=timezone.now())
    version = publishing.publish(flow, by=by, now=timezone.now())
    routing.forget()
    return version


def answering(organization: Organization, by: User, raw: Mapping[str, Any] = ASK) -> tuple[WhatsAppNumber, Flow]:
    """Return a number that a published flow answers on."""
    number = make.number(organization)
    bot = make.chatbot(organization)
    flow = make.flow(bot)
    publish(flow, raw, by)
    gallery.attach(bot, number, by=by, now=timezone.now())
    number.refresh_from_db()
    return number, flow


def write(conversation: Conversation, text: str = "oi", *, tap: str = "") -> Message:
    """Store a message of the customer as the webhook's worker does; nobody has handled it."""
    reply = {"kind": "button" if tap else "text", "text": text, "reply_id": tap or None, "context_wamid": None}
    message = make.message(conversation, text, extra={"reply": reply})
    put_back(message)
    return message


def put_back(message: Message) -> None:
    """Let a message wait to be handled (again)."""
    UnhandledMessage.objects.create(
        organization_id=message.organization_id,
        conversation=message.conversation,
        message=message,
        created_at=timezone.now(),
    )


def handle(organization: Organization, now: datetime | None = None) -> int:
    """Handle one slice."""
    return handling.handle_slice(organization.pk, now=now or timezone.now())


def say(conversation: Conversation, text: str = "oi", *, tap: str = "") -> list[str]:
    """Let the customer write, handle it, and return what the bot answers."""
    known = set(said_ids(conversation))
    write(conversation, text, tap=tap)
    handle(conversation.organization)
    rows = Message.objects.filter(conversation=conversation, direction="outbound").order_by("created_at", "sequence")
    return [row.text for row in rows if row.pk not in known]


def said_ids(conversation: Conversation) -> list[Any]:
    """Return the keys of what was sent."""
    return list(Message.objects.filter(conversation=conversation, direction="outbound").values_list("pk", flat=True))


def session(conversation: Conversation) -> ConversationState:
    """Return the newest session of a thread."""
    return ConversationState.objects.filter(conversation=conversation).latest("started_at")


def flow_of(conversation: Conversation) -> Flow:
    """Return the flow that answers on a thread's number."""
    return Flow.objects.get(chatbot=conversation.number.default_chatbot)
