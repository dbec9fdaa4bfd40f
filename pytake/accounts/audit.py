"""Write down what people do: append-only, chained by hashes, one chain an organization."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models, transaction
from django.utils import timezone

from pytake.accounts.models import AuditEntry, User
from pytake.infra import tenancy
from pytake.infra.client import agent_of, ip_of

_HIDDEN: Final = ("password", "secret", "token", "key", "envelope", "code")


def record(
    *,
    action: str,
    entity: models.Model | None = None,
    by: Any = None,
    changes: Mapping[str, Any] | None = None,
    request: Any = None,
    now: datetime | None = None,
    organization_id: uuid.UUID | None = None,
) -> AuditEntry:
    """Append an entry in the caller's transaction.

    `changes` maps a field to its new value or to [old, new]; values of fields that sound secret are
    never kept. The chain is that of `organization_id`, else the entity's, the context's, the person's.
    """
    actor = by if isinstance(by, User) else None
    owner = organization_id or _owner(entity, actor)
    with _scope_of(owner), transaction.atomic():
        sequence, previous_hash = _lock_chain(owner)
        entry = AuditEntry(
            organization_id=owner,
            created_at=now or timezone.now(),
            sequence=sequence + 1,
            actor_user=actor,
            actor_label=(actor.get_full_name() if actor else str(by or "PyTake"))[:150],
            action=action,
            entity_type=entity._meta.label_lower if entity else "",
            entity_id=str(entity.pk) if entity else "",
            changes=_presentable(changes or {}),
            ip=ip_of(request) if request is not None else None,
            user_agent=agent_of(request) if request is not None else "",
            request_id=getattr(request, "request_id", ""),
            previous_hash=previous_hash,
        )
        entry.entry_hash = hash_of(entry)
        entry.save(force_insert=True)
    return entry


def hash_of(entry: AuditEntry) -> str:
    """Return the hash over the entry's content and the hash before it."""
    content = [
        str(entry.organization_id or ""),
        entry.sequence,
        entry.created_at.isoformat(),
        str(entry.actor_user_id or ""),
        entry.actor_label,
        entry.action,
        entry.entity_type,
        entry.entity_id,
        entry.changes,
        str(entry.ip or ""),
        entry.user_agent,
        entry.request_id,
        entry.previous_hash,
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def broken_links(organization_id: uuid.UUID | None) -> Iterator[str]:
    """Name every place where the chain of an organization does not hold."""
    expected, previous = 1, ""
    with _scope_of(organization_id):
        entries = list(AuditEntry.objects.of_chain(organization_id).order_by("sequence"))
    for entry in entries:
        if entry.sequence != expected:
            yield f"entry {expected} is missing"
        elif entry.previous_hash != previous:
            yield f"entry {entry.sequence} does not follow the one before it"
        if entry.entry_hash != hash_of(entry):
            yield f"entry {entry.sequence} was changed"
        expected, previous = entry.sequence + 1, entry.entry_hash


def _owner(entity: models.Model | None, actor: User | None) -> uuid.UUID | None:
    """Return whose chain it is."""
    if entity is not None and entity._meta.label_lower == "accounts.organization":
        return uuid.UUID(str(entity.pk))
    own: uuid.UUID | None = getattr(entity, "organization_id", None)
    return own or tenancy.current_organization_id() or (actor.organization_id if actor else None)


def _scope_of(organization_id: uuid.UUID | None) -> Any:
    if organization_id is not None:
        return tenancy.organization_context(organization_id)
    return tenancy.platform_scope("audit entries of platform operators belong to no organization")


def _lock_chain(organization_id: uuid.UUID | None) -> tuple[int, str]:
    """Wait for other writers of this chain, and return its last number and hash."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"audit:{organization_id}"])
    last = (
        AuditEntry.objects.of_chain(organization_id).order_by("-sequence").values_list("sequence", "entry_hash").first()
    )
    return last or (0, "")


def _presentable(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes as JSON, secrets replaced."""
    shown = {
        name: "•••" if any(word in name.lower().split("_") for word in _HIDDEN) else value
        for name, value in changes.items()
    }
    plain: dict[str, Any] = json.loads(json.dumps(shown, cls=DjangoJSONEncoder, default=str))
    return plain
