"""Marketing stopped or resumed in WhatsApp itself: per number, the newest notice wins."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from conversations import contacts, payloads
from conversations.consent import ledger
from conversations.contacts import Sender
from conversations.inbound_items import Entry
from conversations.models import ConsentEvent, WhatsAppNumber

REFUSED: Final = "131050"
_ACTIONS: Final = {"stop": ConsentEvent.Action.STOP, "resume": ConsentEvent.Action.RESUME}


def apply(number: WhatsAppNumber, entries: Sequence[Entry], *, now: datetime) -> list[Entry]:
    """Record notices; return entries that say something we do not know."""
    odd: list[Entry] = []
    known: list[tuple[Entry, Sender]] = []
    for entry in entries:
        payload = entry.item.payload
        sender = _sender(entry)
        is_known = payload.get("category") == "marketing_messages" and str(payload.get("value")) in _ACTIONS
        if is_known and sender.addresses:
            known.append((entry, sender))
        else:
            odd.append(entry)
    if known:
        people = contacts.resolve([sender for _, sender in known], organization_id=number.organization_id, now=now)
        facts = [
            _fact(number, entry, person.pk, now=now)
            for (entry, _), person in zip(known, people, strict=True)
            if person is not None
        ]
        ledger.record(facts, now=now)
    return odd


def refused(number: WhatsAppNumber, messages: Sequence[tuple[uuid.UUID, uuid.UUID]], *, now: datetime) -> None:
    """The provider refused promotions (message, contact) because the person stopped them: remember it."""
    ledger.record(
        [
            ledger.Fact(
                contact_id=contact_id,
                purpose=ConsentEvent.Purpose.MARKETING,
                action=ConsentEvent.Action.STOP,
                source=ConsentEvent.Source.PROVIDER,
                at=now,
                key=f"refused:{message_id.hex}",
                number_id=number.pk,
                evidence={"error": REFUSED, "message_id": str(message_id)},
            )
            for message_id, contact_id in messages
        ],
        now=now,
    )


def _sender(entry: Entry) -> Sender:
    payload: dict[str, Any] = entry.item.payload
    own = {"from_user_id": payload.get("user_id"), "from": payload.get("wa_id")}
    profile = entry.item.contact.get("profile")
    profile = profile if isinstance(profile, dict) else {}
    return Sender(
        addresses=tuple(payloads.addresses(own, entry.item.contact)),
        profile_name=str(profile.get("name") or ""),
        username=str(profile.get("username") or ""),
    )


def _fact(number: WhatsAppNumber, entry: Entry, contact_id: uuid.UUID, *, now: datetime) -> ledger.Fact:
    payload = entry.item.payload
    return ledger.Fact(
        contact_id=contact_id,
        purpose=ConsentEvent.Purpose.MARKETING,
        action=_ACTIONS[str(payload["value"])],
        source=ConsentEvent.Source.PROVIDER,
        at=min(payloads.timestamp(payload.get("timestamp"), otherwise=now), now),
        key=f"preference:{entry.item.key}",
        number_id=number.pk,
        evidence={"webhook_event_id": entry.delivery_id, "notice": payload},
    )
