"""What a turn may know of the world: the contact, the number, the clock, as the engine's `Env`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from random import SystemRandom
from zoneinfo import ZoneInfo

from conversations import service_window
from conversations.models import Contact, Conversation, WhatsAppNumber
from conversations.outbox import address_of
from flows import programs
from flows.engine.program import Program
from flows.engine.work import Env
from pytake.accounts.models import Organization

_RNG = SystemRandom()


def env_for(
    *,
    organization: Organization,
    number: WhatsAppNumber,
    contact: Contact,
    conversation: Conversation,
    message: str,
    message_type: str,
    tags: list[str],
    loaded: Mapping[str, Program],
    now: datetime,
) -> Env:
    """Return the surroundings of one turn."""
    identity = address_of(contact)
    phone = identity.value if identity and identity.kind in {"wa_id", "phone"} else ""
    zone = ZoneInfo(organization.timezone)
    local = now.astimezone(zone)
    return Env(
        now=now,
        zone=zone,
        rng=_RNG,
        contact={
            "name": contact.name or contact.profile_name,
            "email": contact.email,
            "phone": phone,
            "wa_id": phone,
            "username": contact.username,
            "company": contact.company,
            "language": contact.language,
            "is_vip": contact.is_vip,
            "lifecycle_stage": contact.lifecycle_stage,
            "lead_score": contact.lead_score,
            "tags": tags,
            "attributes": contact.attributes,
            "custom_fields": contact.attributes,
        },
        system={
            "now": local.isoformat(timespec="seconds"),
            "today": local.date().isoformat(),
            "time": local.strftime("%H:%M"),
            "weekday": local.isoweekday(),
            "phone": phone,
            "message": message,
            "message_type": message_type,
            "channel": number.connection_type,
            "number_name": number.display_name,
            "window_open": service_window.is_open(conversation.window_expires_at, now),
            "conversation_id": str(conversation.pk),
        },
        channel=number.connection_type,
        language=contact.language or organization.language,
        load_program=programs.published,
        get_program=partial(_loaded_or_read, loaded),
    )


def _loaded_or_read(loaded: Mapping[str, Program], version_id: str) -> Program | None:
    found = loaded.get(version_id)
    return found if found is not None else programs.get(uuid.UUID(version_id))
