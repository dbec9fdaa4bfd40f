"""Encrypt stored secrets again under the newest key, in batches that can be interrupted and repeated."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import models, transaction

from pytake.accounts.models import Organization
from pytake.infra import crypto, tenancy


def rotate_all(*, batch: int, dry_run: bool = False) -> Iterator[tuple[str, int]]:
    """Yield (column, how many envelopes changed) for every registered column.

    What is already under the newest key is skipped, so that a second run ends quickly.
    """
    organizations = list(Organization.objects.values_list("pk", flat=True))
    for label, field in sorted(crypto.ENVELOPE_COLUMNS):
        model = apps.get_model(label)
        changed = sum(
            _rotate_of(organization_id, model, field, batch=batch, dry_run=dry_run) for organization_id in organizations
        )
        yield f"{label}.{field}", changed


def _rotate_of(organization_id: uuid.UUID, model: type[models.Model], field: str, *, batch: int, dry_run: bool) -> int:
    changed, last = 0, None
    with tenancy.organization_context(organization_id):
        while True:
            with transaction.atomic():
                rows: Any = model._default_manager.select_for_update(of=("self",)).order_by("pk")
                page = list((rows.filter(pk__gt=last) if last else rows).only("pk", field)[:batch])
                for row in page:
                    changed += _rotate_row(row, field, dry_run=dry_run)
            if len(page) < batch:
                return changed
            last = page[-1].pk


def _rotate_row(row: Any, field: str, *, dry_run: bool) -> int:
    old = getattr(row, field)
    new = _rotated(old)
    if new == old:
        return 0
    if not dry_run:
        type(row)._default_manager.filter(pk=row.pk).update(**{field: new})
    return 1


def _rotated(value: Any) -> Any:
    """Rotate an envelope, a list of them, or one in bytes."""
    if isinstance(value, list):
        return [_rotated(item) for item in value]
    if isinstance(value, memoryview | bytes):
        return crypto.rotate(bytes(value).decode()).encode() if bytes(value) else value
    return crypto.rotate(value) if value else value
