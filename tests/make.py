"""Typed builders over the factories: a test says what matters and gets the rest.

All of them need an organization context; `make.organization()` and `make.user()` do not.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from conversations.models import Contact, Conversation, Department, MediaFile, Message, WhatsAppNumber, WhatsAppTemplate
from flows.models import Chatbot, Flow
from pytake.accounts.models import Organization, User
from tests import factories


def organization(**fields: Any) -> Organization:
    """Return a new organization on an unlimited plan."""
    row: Organization = factories.OrganizationFactory.create(**fields)
    return row


def user(organization: Organization | None, role: str = "agent", **fields: Any) -> User:
    """Return a member with a role."""
    row: User = factories.UserFactory.create(organization=organization, role=role, **fields)
    return row


def number(organization: Organization, **fields: Any) -> WhatsAppNumber:
    """Return a connected official number without limits."""
    row: WhatsAppNumber = factories.NumberFactory.create(organization=organization, **fields)
    return row


def contact(organization: Organization, *, wa_id: str | None = None, **fields: Any) -> Contact:
    """Return a contact with one WhatsApp identity."""
    row: Contact = factories.ContactFactory.create(organization=organization, **fields)
    identity = {"value": wa_id} if wa_id else {}
    factories.IdentityFactory.create(organization=organization, contact=row, **identity)
    return row


def department(organization: Organization, **fields: Any) -> Department:
    """Return a department."""
    row: Department = factories.DepartmentFactory.create(organization=organization, **fields)
    return row


def conversation(number: WhatsAppNumber, contact: Contact | None = None, **fields: Any) -> Conversation:
    """Return a live thread of the number with a (new) contact, its window open."""
    someone = contact or globals()["contact"](number.organization)
    row: Conversation = factories.ConversationFactory.create(
        organization=number.organization, number=number, contact=someone, **fields
    )
    return row


def message(conversation: Conversation, text: str = "oi", **fields: Any) -> Message:
    """Return a message of the thread; inbound unless told otherwise."""
    row: Message = factories.MessageFactory.create(
        organization=conversation.organization,
        conversation=conversation,
        number=conversation.number,
        contact=conversation.contact,
        text=text,
        **fields,
    )
    return row


def media(message: Message, **fields: Any) -> MediaFile:
    """Return the file of a message, due to be fetched now."""
    now = timezone.now()
    values = {"provider_media_id": "300000000000001", "expires_at": now + timedelta(days=7), "due_at": now, **fields}
    row: MediaFile = MediaFile.objects.create(
        organization=message.organization, message=message, number=message.number, **values
    )
    return row


def template(organization: Organization, *, body: str = "Até amanhã!", **fields: Any) -> WhatsAppTemplate:
    """A message template that WhatsApp approved."""
    values = {"account_id": "200000000000001", "name": "lembrete", "category": "UTILITY", "status": "APPROVED"}
    row = WhatsAppTemplate(organization=organization, **{**values, "meta_template_id": "5", **fields})
    row.set_components([{"type": "BODY", "text": body}])
    row.save()
    return row


def chatbot(organization: Organization, **fields: Any) -> Chatbot:
    """Return an active chatbot."""
    row: Chatbot = factories.ChatbotFactory.create(organization=organization, **fields)
    return row


def flow(chatbot: Chatbot, **fields: Any) -> Flow:
    """Return the main flow of a chatbot, unpublished."""
    row: Flow = factories.FlowFactory.create(organization=chatbot.organization, chatbot=chatbot, **fields)
    return row
