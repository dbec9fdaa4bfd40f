"""Verbs on organizations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from pytake.accounts import audit, sessions
from pytake.accounts.models import Organization, Plan, User


def edit(
    organization: Organization, changes: Mapping[str, Any], *, by: User, now: datetime, request: Any = None
) -> Organization:
    """Change the named fields."""
    with transaction.atomic():
        before = {name: getattr(organization, name) for name in changes}
        for name, value in changes.items():
            setattr(organization, name, value)
        organization.save(update_fields=[*changes, "updated_at"])
        different = {name: [before[name], value] for name, value in changes.items() if before[name] != value}
        if different:
            audit.record(
                action="organization.changed", entity=organization, by=by, changes=different, request=request, now=now
            )
    return organization


def merge_settings(
    organization: Organization, given: Mapping[str, Any], *, by: User, now: datetime, request: Any = None
) -> Organization:
    """Merge settings: columns (time zone, language, currency) and keys of the settings document."""
    columns = {name: given[name] for name in ("timezone", "language", "currency") if name in given}
    with transaction.atomic():
        fresh = Organization.objects.select_for_update(of=("self",)).get(pk=organization.pk)
        rest = {name: value for name, value in given.items() if name not in columns}
        merged = {**fresh.settings, **rest}
        return edit(fresh, {**columns, "settings": merged}, by=by, now=now, request=request)


def change_plan(
    organization: Organization, plan: Plan, *, by: User, now: datetime, request: Any = None, **dates: Any
) -> Organization:
    """Move to a plan; the organization's own overrides are dropped, so that the plan's limits hold."""
    limits = dict.fromkeys(
        (
            "max_users",
            "max_chatbots",
            "max_whatsapp_numbers",
            "max_contacts",
            "max_departments",
            "monthly_message_limit",
        )
    )
    changes = {
        **limits,
        "plan_starts_at": dates.get("plan_starts_at", now),
        "plan_expires_at": dates.get("plan_expires_at"),
        "is_trial": False,
        "trial_ends_at": None,
    }
    with transaction.atomic():
        before = organization.plan.code
        for name, value in {**changes, "plan": plan}.items():
            setattr(organization, name, value)
        organization.save()
        audit.record(
            action="organization.plan_changed",
            entity=organization,
            by=by,
            changes={"plan": [before, plan.code]},
            request=request,
            now=now,
        )
    return organization


def activate(organization: Organization, *, by: User, now: datetime, request: Any = None) -> Organization:
    """Let its members sign in again."""
    return _switch(organization, "activated", {"is_active": True}, by=by, now=now, request=request)


def deactivate(organization: Organization, *, by: User, now: datetime, request: Any = None) -> Organization:
    """Shut its members out."""
    return _switch(organization, "deactivated", {"is_active": False}, by=by, now=now, request=request)


def delete(organization: Organization, *, by: User, now: datetime, request: Any = None) -> Organization:
    """Take the organization out of use; its rows stay until they are erased."""
    changes = {"is_active": False, "deleted_at": now}
    return _switch(organization, "deleted", changes, by=by, now=now, request=request)


def _switch(
    organization: Organization, what: str, changes: Mapping[str, Any], *, by: User, now: datetime, request: Any
) -> Organization:
    with transaction.atomic():
        for name, value in changes.items():
            setattr(organization, name, value)
        organization.save(update_fields=[*changes, "updated_at"])
        if not organization.is_active:
            for user in User.objects.filter(organization=organization):
                sessions.end_all(user, reason=f"organization_{what}", now=now)
        audit.record(action=f"organization.{what}", entity=organization, by=by, request=request, now=now)
    return organization
