"""Verbs on the members of an organization, and the guards that keep it manageable."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from pytake.accounts import audit, mail, permissions, plans, sessions
from pytake.accounts.models import Organization, User
from pytake.core.errors import ConflictError, NotAllowedError


def create(
    organization: Organization,
    *,
    by: User,
    now: datetime,
    email: str,
    password: str = "",
    request: Any = None,
    **fields: Any,
) -> User:
    """Add a member within the plan; without a password the person is invited by mail to choose one."""
    _refuse_role(fields.get("role", User.Role.AGENT), by=by)
    try:
        with transaction.atomic():
            owner = plans.locked(organization)
            plans.refuse_beyond(owner, "max_users", used=plans.seats_taken(owner))
            user = User.objects.create_user(email, password or None, organization=owner, **fields)
            audit.record(
                action="user.created", entity=user, by=by, request=request, now=now, changes={"role": user.role}
            )
            if not password:
                mail.ask_invitation(user)
    except IntegrityError as exc:
        raise ConflictError(
            _("This e-mail cannot be used."), code="DUPLICATE", fields={"email": [_("This e-mail cannot be used.")]}
        ) from exc
    return user


def edit(user: User, changes: Mapping[str, Any], *, by: User, now: datetime, request: Any = None) -> User:
    """Change the named fields; nobody changes the own role, the last administrator keeps it."""
    with transaction.atomic():
        user = _locked(user)
        role = changes.get("role", user.role)
        if role != user.role:
            if user.pk == by.pk:
                raise NotAllowedError(_("Nobody changes the own role."))
            _refuse_role(role, by=by)
            _refuse_role(user.role, by=by)
            _keep_an_administrator(user)
        different = {
            name: [getattr(user, name), value] for name, value in changes.items() if getattr(user, name) != value
        }
        for name, value in changes.items():
            setattr(user, name, value)
        user.save(update_fields=[*changes, "updated_at"])
        if different:
            audit.record(
                action="user.changed", entity=user, by=by, request=request, now=now, changes=_without_pii(different)
            )
    return user


def activate(user: User, *, by: User, now: datetime, request: Any = None) -> User:
    """Let a person sign in again, within the plan."""
    with transaction.atomic():
        if user.organization is not None:
            owner = plans.locked(user.organization)
            plans.refuse_beyond(owner, "max_users", used=plans.seats_taken(owner), wanted=int(not user.is_active))
        user.is_active = True
        user.save(update_fields=["is_active", "updated_at"])
        audit.record(action="user.activated", entity=user, by=by, request=request, now=now)
    return user


def deactivate(user: User, *, by: User, now: datetime, request: Any = None) -> User:
    """Shut a person out, at once and everywhere."""
    with transaction.atomic():
        user = _locked(user)
        _refuse_self(user, by=by)
        _keep_an_administrator(user)
        user.is_active = False
        user.save(update_fields=["is_active", "updated_at"])
        _shut_out(user, reason="deactivated", now=now)
        audit.record(action="user.deactivated", entity=user, by=by, request=request, now=now)
    return user


def delete(user: User, *, by: User, now: datetime, request: Any = None) -> None:
    """Remove a person from the organization; the row stays for what it wrote, the e-mail becomes free."""
    with transaction.atomic():
        user = _locked(user)
        _refuse_self(user, by=by)
        _keep_an_administrator(user)
        user.is_active, user.deleted_at = False, now
        user.email = f"deleted-{user.pk.hex}@invalid.example"
        user.save(update_fields=["is_active", "deleted_at", "email", "updated_at"])
        _shut_out(user, reason="deleted", now=now)
        audit.record(action="user.deleted", entity=user, by=by, request=request, now=now)


def change_password(user: User, password: str, *, now: datetime, request: Any = None) -> None:
    """Set a new password, and end every session that the old one opened."""
    with transaction.atomic():
        user.set_password(password)
        user.password_changed_at = now
        user.save(update_fields=["password", "password_changed_at", "updated_at"])
        sessions.end_all(user, reason="password_changed", now=now)
        audit.record(action="user.password_changed", entity=user, by=user, request=request, now=now)


def set_status(user: User, status: str, *, now: datetime) -> User:
    """Set the person's own presence; a chosen one stays until changed."""
    user.status, user.status_source, user.status_changed_at = status, User.StatusSource.MANUAL, now
    user.save(update_fields=["status", "status_source", "status_changed_at", "updated_at"])
    return user


def _shut_out(user: User, *, reason: str, now: datetime) -> None:
    sessions.end_all(user, reason=reason, now=now)
    sessions.revoke_api_tokens(user, now=now)


def _locked(user: User) -> User:
    """Lock the organization (guards count its administrators) and return the person's present row."""
    if user.organization is not None:
        plans.locked(user.organization)
    return User.objects.select_related("organization").get(pk=user.pk)


def _refuse_self(user: User, *, by: User) -> None:
    if user.pk == by.pk:
        raise ConflictError(_("Ask another administrator: nobody does this to the own account."))


def _refuse_role(role: str, *, by: User) -> None:
    """Nobody grants or takes away what they lack."""
    if role == User.Role.SUPER_ADMIN or not permissions.bundle(role):
        raise NotAllowedError(_("This role cannot be given."))
    if not all(by.can(code) for code in permissions.bundle(role)):
        raise NotAllowedError(_("This role allows more than you may do yourself."))


def _keep_an_administrator(user: User) -> None:
    if user.role != User.Role.ORG_ADMIN or not user.is_active:
        return
    others = User.objects.alive().filter(organization=user.organization, role=User.Role.ORG_ADMIN, is_active=True)
    if not others.exclude(pk=user.pk).exists():
        raise ConflictError(_("The organization must keep an administrator."))


def _without_pii(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Keep roles and switches; of personal fields only say that they changed."""
    return {name: values if name in {"role", "language", "timezone"} else "•••" for name, values in changes.items()}
