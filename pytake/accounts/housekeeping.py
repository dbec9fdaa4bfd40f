"""What passes with time: trials end, kept answers and dead tokens are deleted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from pytake.accounts import audit
from pytake.accounts.models import IdempotencyRecord, Organization, Plan, RefreshToken
from pytake.accounts.plans import AFTER_TRIAL_PLAN
from pytake.infra import tenancy

# Replaced tokens are kept for a while, so that their reuse is still recognised.
_TOKENS_KEPT_FOR: Final = timedelta(days=30)


def run(*, now: datetime) -> None:
    """Do all of it."""
    end_trials(now=now)
    with tenancy.platform_scope("expired answers of all organizations are deleted together"):
        IdempotencyRecord.objects.filter(expires_at__lte=now).delete()
    RefreshToken.objects.filter(expires_at__lte=now - _TOKENS_KEPT_FOR).delete()


def end_trials(*, now: datetime) -> int:
    """Move organizations whose trial is over to the free plan; returns how many."""
    free = Plan.objects.filter(code=AFTER_TRIAL_PLAN).first()
    due = Organization.objects.alive().filter(is_trial=True, trial_ends_at__lte=now)
    ended = 0
    for organization_id in due.values_list("pk", flat=True) if free else []:
        with transaction.atomic():
            organization = due.select_for_update(of=("self",)).filter(pk=organization_id).first()
            if organization is None:
                continue
            assert free is not None, "the loop has none without it"
            organization.plan, organization.is_trial = free, False
            organization.save(update_fields=["plan", "is_trial", "updated_at"])
            audit.record(action="organization.trial_ended", entity=organization, changes={"plan": free.code}, now=now)
            ended += 1
    return ended
