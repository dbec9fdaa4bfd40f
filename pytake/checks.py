"""System checks: what can be misconfigured is found at start-up, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004  # Django's name
from django.db import DatabaseError, connections
from django.utils.module_loading import import_string

from pytake.infra import crypto

_LOCAL_HOSTS: Final = {"localhost", "127.0.0.1", "[::1]", "::1", "testserver", ".localhost"}
# Values of example files and tutorials, which must not reach an installation.
_WEAK_MARKS: Final = ("django-insecure", "change-me", "changeme", "example", "replace-me")


@register()
def handlers_resolve(**_: Any) -> list[CheckMessage]:
    """E001: every function that settings name exists."""
    names = [(name, "INBOUND_HANDLERS") for name in settings.INBOUND_HANDLERS]
    names += [(name, "TEMPLATE_USES") for name in settings.TEMPLATE_USES]
    singles = (
        "AUDIT_RECORDER",
        "AGENT_TOOK_THREAD",
        "AGENT_RELEASED_THREAD",
        "THREAD_ENDED",
        "SESSION_OFFERS",
        "CONTACTS_OPTED_OUT",
        "CONTACTS_MERGED",
        "SOCKET_STATISTICS",
    )
    names += [(getattr(settings, single), single) for single in singles if getattr(settings, single, "")]
    return [message for name, setting in names for message in _resolves(name, setting)]


def _resolves(name: str, setting: str) -> Iterator[CheckMessage]:
    try:
        found = import_string(name)
    except ImportError as exc:
        yield Error(f"{setting} names {name}, which cannot be imported: {exc}", id="pytake.E001")
        return
    if not callable(found):
        yield Error(f"{setting} names {name}, which is not a function.", id="pytake.E001")


@register(Tags.security)
def keys_are_good(**_: Any) -> list[CheckMessage]:
    """E002, E003, W001: the encryption keys work; signing keys are not those of an example."""
    found: list[CheckMessage] = []
    try:
        crypto.FernetProvider(settings.ENCRYPTION_KEYS).validate()
    except crypto.EncryptionConfigurationError as exc:
        make = "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"
        hint = f"Make one with: python -c '{make}'"
        found.append(Error(str(exc), hint=hint, id="pytake.E002"))
    local = set(settings.ALLOWED_HOSTS) <= _LOCAL_HOSTS
    keys = {"SECRET_KEY": [settings.SECRET_KEY], "JWT_SIGNING_KEYS": settings.JWT_SIGNING_KEYS}
    for name, values in keys.items():
        if not values:
            found.append(Error(f"{name} is empty.", id="pytake.E003"))
        elif not local and any(len(value) < 32 or _is_weak(value) for value in values):
            found.append(
                Error(f"{name} is short or comes from an example, and the installation is not local.", id="pytake.E003")
            )
    if settings.JWT_SIGNING_KEYS == [settings.SECRET_KEY] and not local:
        text = "JWT_SIGNING_KEYS is not set: access tokens cannot be rotated apart from SECRET_KEY."
        found.append(Warning(text, id="pytake.W001"))
    return found


def _is_weak(value: str) -> bool:
    return any(mark in value.lower() for mark in _WEAK_MARKS)


@register(Tags.security)
def debug_stays_at_home(**_: Any) -> list[CheckMessage]:
    """E004, W002: DEBUG only on this machine; other installations use HTTPS."""
    foreign = sorted(set(settings.ALLOWED_HOSTS) - _LOCAL_HOSTS)
    found: list[CheckMessage] = []
    if settings.DEBUG and foreign:
        found.append(Error(f"DEBUG is on while {', '.join(foreign)} is served.", id="pytake.E004"))
    if foreign and not settings.HTTPS_ONLY:
        text = f"HTTPS_ONLY is off while {', '.join(foreign)} is served: cookies travel unprotected."
        found.append(Warning(text, id="pytake.W002"))
    return found


@register(Tags.database)
def the_role_is_ordinary(databases: Any = None, **_: Any) -> list[CheckMessage]:
    """E005: row-level security binds the role of the application."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
                superuser, bypasses = cursor.fetchone()
        except DatabaseError:
            continue  # Whether the database answers is another check's business.
        if superuser or bypasses:
            text = "The database role is a superuser or has BYPASSRLS: organizations would not be kept apart."
            found.append(Error(text, hint="Use an ordinary role that owns the database.", id="pytake.E005"))
    return found
