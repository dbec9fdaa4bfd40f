"""Durable realtime events: small facts with a sequence number per organization."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from pytake.infra.tenant_models import TenantManager


class RealtimeEvent(models.Model):
    """A fact that pages may miss and ask for again. Append-only but for `seq`.

    Written inside the transaction of the change without `seq`; the publisher numbers it after the
    commit, under a lock per organization, because numbers given before a commit could become
    visible out of order and be skipped by readers.
    """

    id = models.BigAutoField(primary_key=True)
    # Without a constraint: the policy lets nobody write another organization's, and half of all rows are events.
    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    seq = models.BigIntegerField(null=True)
    room = models.CharField(max_length=64)
    event_type = models.CharField(max_length=40)
    data = models.JSONField(default=dict)
    actor_user = models.UUIDField(null=True)
    created_at = models.DateTimeField()

    objects = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "seq"], name="notifications_event_seq_once"),
        ]
        indexes = [
            # The publisher: what has no number yet.
            models.Index(
                fields=["organization", "id"], condition=Q(seq__isnull=True), name="notifications_event_outbox"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.room}"
