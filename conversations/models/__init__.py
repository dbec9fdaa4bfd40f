"""Rows of the channel, one module a subject."""

from __future__ import annotations

from conversations.models.consent import ConsentEvent
from conversations.models.delivery import CircuitBreaker, DeadLetter, SendingLane
from conversations.models.imports import ContactImport, ContactImportRow
from conversations.models.media import MediaFile, MediaUpload, SharedFile
from conversations.models.merges import ContactMatch, ContactMerge
from conversations.models.messages import Message, MessageAttempt, MessageStatusEvent, UnhandledMessage
from conversations.models.numbers import NumberEvent, WhatsAppNumber
from conversations.models.people import Contact, ContactIdentity, ContactTag, CustomField, Tag
from conversations.models.qr import QrLink
from conversations.models.teams import Department, DepartmentMember, Queue
from conversations.models.templates import TemplateSync, WhatsAppTemplate, WhatsAppTemplateEvent
from conversations.models.threads import Conversation, ConversationEvent
from conversations.models.webhooks import WebhookEvent, WebhookItem

__all__ = [
    "CircuitBreaker",
    "ConsentEvent",
    "Contact",
    "ContactIdentity",
    "ContactImport",
    "ContactImportRow",
    "ContactMatch",
    "ContactMerge",
    "ContactTag",
    "Conversation",
    "ConversationEvent",
    "CustomField",
    "DeadLetter",
    "Department",
    "DepartmentMember",
    "MediaFile",
    "MediaUpload",
    "Message",
    "MessageAttempt",
    "MessageStatusEvent",
    "NumberEvent",
    "QrLink",
    "Queue",
    "SendingLane",
    "SharedFile",
    "Tag",
    "TemplateSync",
    "UnhandledMessage",
    "WebhookEvent",
    "WebhookItem",
    "WhatsAppNumber",
    "WhatsAppTemplate",
    "WhatsAppTemplateEvent",
]
