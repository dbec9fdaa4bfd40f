"""What a turn may know of the world: the contact, the chatbot's globals, the clock, as the engine's `Env`."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from random import SystemRandom
from typing import Any
from zoneinfo import ZoneInfo

from conversations import service_window
from conversations.models import ContactTag, Conversation
from conversations.outbox import address_of
from flows import programs
from flows.engine.program import Program
from flows.engine.work import Env
from flows.models import ConversationState, Flow
from pytake.accounts.models import Organization

_RNG = SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the turns of a slice have in common, read once: globals by flow, tags by contact, programs by version."""

    organization: Organization
    programs: Mapping[str, Program]
    globals: Mapping[uuid.UUID, Mapping[str, Any]]
    tags: Mapping[uuid.UUID, Sequence[str]]


def shared_by(sessions: Collection[ConversationState], *, organization_id: uuid.UUID) -> Shared:
    """Read what the turns of these sessions need, with one query a table."""
    flows = Flow.objects.filter(pk__in={session.flow_id for session in sessions})
    return Shared(
        organization=Organization.objects.get(pk=organization_id),
        programs=programs.load(session.flow_version_id for session in sessions if session.flow_version_id),
        globals={key: values or {} for key, values in flows.values_list("pk", "chatbot__global_variables")},
        tags=_tags([session.contact_id for session in sessions if session.contact_id]),
    )


def _tags(contact_ids: list[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    found: dict[uuid.UUID, list[str]] = {}
    rows = ContactTag.objects.filter(contact_id__in=contact_ids, tag__deleted_at=None)
    for contact_id, name in rows.values_list("contact_id", "tag__name"):
        found.setdefault(contact_id, []).append(name)
    return found


def env_for(
    session: ConversationState,
    conversation: Conversation,
    shared: Shared,
    *,
    message: str = "",
    message_type: str = "",
    now: datetime,
) -> Env:
    """Return the surroundings of one turn; the conversation comes with its contact and number."""
    organization, contact, number = shared.organization, conversation.contact, conversation.number
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
            "tags": list(shared.tags.get(contact.pk, ())),
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
        globals=shared.globals.get(session.flow_id, {}),
        channel=number.connection_type,
        language=contact.language or organization.language,
        load_program=programs.published,
        get_program=partial(_loaded_or_read, shared.programs),
    )


def _loaded_or_read(loaded: Mapping[str, Program], version_id: str) -> Program | None:
    found = loaded.get(version_id)
    return found if found is not None else programs.get(uuid.UUID(version_id))
