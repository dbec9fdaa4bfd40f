"""Customers in bulk: contacts with an address and an open thread, and messages that wait to be sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from benchmarks.payloads import person


def create(number_id: str, count: int, *, now: datetime, first: int = 0) -> list[UUID]:
    """Create people who wrote a minute ago; return their conversations' ids."""
    from conversations.models import Contact, ContactIdentity, Conversation, WhatsAppNumber
    from pytake.core import phones

    number = WhatsAppNumber.objects.get(pk=number_id)
    owner = {"organization_id": number.organization_id}
    contacts = [Contact(name=f"Cliente {i}", **owner) for i in range(count)]
    identities = [
        ContactIdentity(
            contact=contact,
            kind="wa_id",
            value=person(first + i),
            canonical_key=phones.canonical_key("wa_id", person(first + i)),
            is_primary=True,
            **owner,
        )
        for i, contact in enumerate(contacts)
    ]
    threads = [
        Conversation(contact=contact, number=number, window_expires_at=now + timedelta(hours=23), **owner)
        for contact in contacts
    ]
    Contact.objects.bulk_create(contacts, batch_size=2000)
    ContactIdentity.objects.bulk_create(identities, batch_size=2000)
    Conversation.objects.bulk_create(threads, batch_size=2000)
    return [thread.pk for thread in threads]


def queue(conversation_ids: list[UUID], *, now: datetime) -> int:
    """Let one text wait for each conversation; return how many."""
    from conversations.content import Text
    from conversations.models import Conversation, Message

    threads = Conversation.objects.filter(pk__in=conversation_ids).prefetch_related("contact__identities")
    rows = []
    for thread in threads.select_related("contact"):
        identity = thread.contact.identities.all()[0]
        rows.append(
            Message(
                organization_id=thread.organization_id,
                conversation=thread,
                number_id=thread.number_id,
                contact_id=thread.contact_id,
                direction="outbound",
                sender_type="bot",
                content=Text(body="Sua consulta está confirmada.").as_dict(),
                text="Sua consulta está confirmada.",
                address_kind=identity.kind,
                address_value=identity.value,
                status="queued",
                dispatch_state="queued",
                created_at=now,
            )
        )
    Message.objects.bulk_create(rows, batch_size=2000)
    return len(rows)
