"""A new organization with its first administrator, on trial."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from pytake.accounts import audit
from pytake.accounts.models import Organization, Plan, User
from pytake.accounts.plans import TRIAL_PLAN
from pytake.core.errors import ConflictError


def register(
    *,
    organization_name: str,
    full_name: str,
    email: str,
    password: str,
    now: datetime,
    request: Any = None,
    **locale: str,
) -> User:
    """Create the organization and its first administrator; raises ConflictError for a known e-mail."""
    plan = Plan.objects.get(code=TRIAL_PLAN)
    try:
        with transaction.atomic():
            organization = Organization.objects.create(
                name=organization_name,
                slug=free_slug(organization_name),
                plan=plan,
                plan_starts_at=now,
                is_trial=True,
                trial_ends_at=now + timedelta(days=plan.trial_days),
                **locale,
            )
            user = User.objects.create_user(
                email, password, organization=organization, full_name=full_name, role=User.Role.ORG_ADMIN
            )
            audit.record(action="organization.registered", entity=organization, by=user, request=request, now=now)
    except IntegrityError as exc:
        raise ConflictError(
            _("This e-mail cannot be used."), code="DUPLICATE", fields={"email": [_("This e-mail cannot be used.")]}
        ) from exc
    return user


def free_slug(name: str) -> str:
    """Return a slug that nobody has: the name's, or with a random end."""
    base = slugify(name)[:60] or "org"
    taken = Organization.objects.filter(slug=base).exists()
    return f"{base}-{secrets.token_hex(4)}" if taken else base
