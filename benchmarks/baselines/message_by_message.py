"""How inbound messages are usually taken: one by one, each row through the ORM, with the same pure engine."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from conversations import outbox, payloads
from conversations.models import Contact, ContactIdentity, Conversation, Message, WhatsAppNumber
from flows import routing, runs, surroundings
from flows.engine.effects import Send, Visit
from flows.engine.events import Event, Reply, Start
from flows.engine.step import step
from flows.models import ConversationLog, ConversationState, NodeVisit
from notifications.models import RealtimeEvent
from pytake.core import phones
from pytake.infra.ids import new_id


def take(raw: bytes, *, number: WhatsAppNumber, now: datetime) -> int:
    """Store and answer every message of a delivery; returns how many."""
    taken = 0
    for entry in json.loads(raw)["entry"]:
        for change in entry["changes"]:
            for item in change["value"].get("messages", []):
                with transaction.atomic():
                    _take_one(item, number=number, now=now)
                taken += 1
    return taken


def _take_one(item: dict[str, Any], *, number: WhatsAppNumber, now: datetime) -> None:
    if Message.objects.filter(number=number, whatsapp_message_id=item["id"]).exists():
        return
    contact = _contact(item["from"], number=number)
    thread = _thread(contact, number=number)
    reply = payloads.reply_of(item)
    message = Message.objects.create(
        organization_id=number.organization_id,
        conversation=thread,
        number=number,
        contact=contact,
        direction="inbound",
        sender_type="contact",
        content=item,
        text=str(reply["text"]),
        whatsapp_message_id=item["id"],
        whatsapp_timestamp=now,
        status="received",
        extra={"reply": reply},
    )
    thread.last_message_at = thread.last_inbound_message_at = now
    thread.window_expires_at = now + timedelta(hours=24)
    thread.last_message_preview = message.text[:160]
    thread.total_messages += 1
    thread.messages_from_contact += 1
    thread.save()
    contact.last_message_at = contact.last_message_received_at = now
    contact.total_messages_received += 1
    contact.save()
    _announce(message, now=now)
    _turn(message, reply, number=number, now=now)


def _contact(wa_id: str, *, number: WhatsAppNumber) -> Contact:
    key = phones.canonical_key("wa_id", wa_id)
    identity = ContactIdentity.objects.select_related("contact").filter(canonical_key=key).first()
    if identity is not None:
        return identity.contact
    contact = Contact.objects.create(organization_id=number.organization_id, profile_name="Cliente")
    ContactIdentity.objects.create(
        organization_id=number.organization_id,
        contact=contact,
        kind="wa_id",
        value=wa_id,
        canonical_key=key,
        is_primary=True,
    )
    return contact


def _thread(contact: Contact, *, number: WhatsAppNumber) -> Conversation:
    locked = Conversation.objects.select_for_update(of=("self",)).filter(number=number, contact=contact)
    thread = locked.filter(status="open").first()
    return thread or Conversation.objects.create(
        organization_id=number.organization_id, number=number, contact=contact, is_bot_active=True
    )


def _announce(message: Message, *, now: datetime) -> None:
    for room in (f"conversation:{message.conversation_id}", f"inbox:{message.organization_id}"):
        RealtimeEvent.objects.create(
            organization_id=message.organization_id,
            room=room,
            event_type="message:new",
            data={"message_id": str(message.pk)},
            created_at=now,
        )


def _turn(message: Message, reply: dict[str, Any], *, number: WhatsAppNumber, now: datetime) -> None:
    session = ConversationState.objects.filter(number=number, contact=message.contact, is_active=True).first()
    event: Event = Reply(text=message.text, reply_id=str(reply.get("reply_id") or ""), kind=str(reply["kind"]))
    if session is None:
        choice = routing.table_for(number).choose(message)
        assert choice is not None
        event = Start(text=message.text)
        session = ConversationState(
            organization_id=number.organization_id,
            number=number,
            contact=message.contact,
            conversation=message.conversation,
            flow_id=choice.flow_id,
            flow_version_id=choice.version_id,
            started_at=now,
            session_expires_at=now + timedelta(hours=24),
        )
    shared = surroundings.shared_by([session], organization_id=number.organization_id)
    env = surroundings.env_for(
        session, message.conversation, shared, message=message.text, message_type="text", now=now
    )
    turn = step(shared.programs[str(session.flow_version_id)], runs.state_of(session), event, env)
    _save(message, session, turn, now=now)


def _save(message: Message, session: ConversationState, turn: Any, *, now: datetime) -> None:
    state = turn.state
    session.current_node_id, session.status = state.node_id, state.status
    session.variables, session.question_state = dict(state.variables), dict(state.question)
    session.node_visits, session.execution_path = dict(state.node_visits), list(state.path)
    session.log_sequence += 1
    session.save()
    facts = {"organization_id": session.organization_id, "session": session}
    ConversationLog.objects.create(
        sequence=session.log_sequence, direction="in", user_message=message.text, timestamp=now, **facts
    )
    turn_id = new_id()
    for effect in turn.effects:
        if isinstance(effect, Visit):
            NodeVisit.objects.create(
                node_id=effect.node_id, node_type=effect.node_type, turn_id=turn_id, visited_at=now, **facts
            )
        elif isinstance(effect, Send):
            answer = outbox.draft(message.conversation, effect.content, sender_type="bot", now=now)
            answer.save(force_insert=True)
            session.log_sequence += 1
            ConversationLog.objects.create(
                sequence=session.log_sequence, direction="out", bot_response=answer.text, timestamp=now, **facts
            )
            _announce(answer, now=now)
    session.save(update_fields=["log_sequence"])
    message.conversation.total_messages += 1
    message.conversation.save()
