"""Checks at start-up, rotation of secrets, who may see what in the models."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command

from conversations.models import WhatsAppNumber
from pytake import checks
from pytake.accounts import permissions
from pytake.accounts.models import Organization, Role, RolePermission, User, UserRole
from pytake.accounts.models import Permission as PermissionRow
from pytake.accounts.models.secrets import Secret
from pytake.infra import crypto, tenancy
from tests import make

STRONG = "a-long-and-random-signing-key-0123456789"


def ids(messages: Any) -> list[str]:
    return [message.id for message in messages]


def test_a_handler_that_does_not_exist_is_found(settings: Any) -> None:
    settings.INBOUND_HANDLERS = ["pytake.checks.handlers_resolve", "pytake.nothing.here", "pytake.checks.settings"]

    found = checks.handlers_resolve()

    assert [message.id for message in found if "INBOUND_HANDLERS" in message.msg] == ["pytake.E001", "pytake.E001"]


@pytest.mark.parametrize("keys", [[], ["not-a-key"]])
def test_encryption_keys_that_do_not_work_are_found(settings: Any, keys: list[str]) -> None:
    settings.ENCRYPTION_KEYS = keys

    assert "pytake.E002" in ids(checks.keys_are_good())


def test_signing_keys_of_an_example_are_found_where_others_can_reach(settings: Any) -> None:
    settings.SECRET_KEY, settings.JWT_SIGNING_KEYS = "change-me-please-0123456789-0123456789", [STRONG]
    settings.ALLOWED_HOSTS = ["localhost"]
    assert ids(checks.keys_are_good()) == []

    settings.ALLOWED_HOSTS = ["pytake.example.com"]
    assert ids(checks.keys_are_good()) == ["pytake.E003"]
    settings.SECRET_KEY = STRONG
    assert ids(checks.keys_are_good()) == ["pytake.W001"]
    settings.SECRET_KEY = STRONG + "x"
    assert ids(checks.keys_are_good()) == []


def test_debug_and_plain_http_stay_at_home(settings: Any) -> None:
    settings.DEBUG, settings.HTTPS_ONLY, settings.ALLOWED_HOSTS = True, False, ["127.0.0.1"]
    assert ids(checks.debug_stays_at_home()) == []

    settings.ALLOWED_HOSTS = ["pytake.example.com"]
    assert ids(checks.debug_stays_at_home()) == ["pytake.E004", "pytake.W002"]


def test_the_role_of_the_application_is_ordinary(db: None) -> None:
    assert checks.the_role_is_ordinary(databases=["default"]) == []


def test_rotation_leaves_no_envelope_under_the_old_key(
    organization: Organization, other_organization: Organization, settings: Any
) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [old]
    for owner in (organization, other_organization):
        with tenancy.organization_context(owner.pk):
            number = make.number(owner)
            number.access_token_envelope = crypto.encrypt("token", context=f"{owner.pk}:t")
            number.app_secret_envelopes = [crypto.encrypt("secret", context=f"{owner.pk}:s")] * 2
            number.save()
            Secret.objects.create(
                organization=owner, name="erp", encrypted_value=crypto.encrypt("s", context="x").encode()
            )
    settings.ENCRYPTION_KEYS = [new, old]

    out = StringIO()
    call_command("rotate_secrets", "--dry-run", stdout=out)
    assert "accounts.Secret.encrypted_value: 2 would change" in out.getvalue()
    call_command("rotate_secrets", "--batch", "1", stdout=StringIO())
    settings.ENCRYPTION_KEYS = [new]

    for owner in (organization, other_organization):
        with tenancy.organization_context(owner.pk):
            number = WhatsAppNumber.objects.get()
            assert crypto.decrypt(number.access_token_envelope, context=f"{owner.pk}:t") == "token"
            assert [crypto.decrypt(item, context=f"{owner.pk}:s") for item in number.app_secret_envelopes] == [
                "secret"
            ] * 2
            envelope = bytes(Secret.objects.get().encrypted_value).decode()
            assert crypto.decrypt(envelope, context="x") == "s"
    again = StringIO()
    call_command("rotate_secrets", stdout=again)
    assert " 1 changed" not in again.getvalue()
    assert " 2 changed" not in again.getvalue()


MATRIX = {
    "viewer": ({"contacts.view", "users.view", "queues.view"}, {"contacts.edit", "conversations.reply", "audit.view"}),
    "agent": ({"contacts.edit", "conversations.reply", "secrets.view"}, {"users.create", "contacts.export"}),
    "org_admin": ({"users.create", "audit.view", "secrets.reveal"}, set()),
}


@pytest.mark.parametrize("role", MATRIX)
def test_bundles_of_the_system_roles(role: str) -> None:
    held, lacked = MATRIX[role]

    assert held <= permissions.bundle(role)
    assert not lacked & permissions.bundle(role)
    assert permissions.bundle("nobody") == frozenset()
    assert len(permissions.CATALOGUE) == len(set(permissions.CATALOGUE))


def test_a_custom_role_adds_permissions_while_it_is_active(
    system_rows: None, viewer: User, organization: Organization
) -> None:
    with tenancy.organization_context(organization.pk):
        role = Role.objects.create(organization=organization, name="Auditor")
        RolePermission.objects.create(role=role, permission=PermissionRow.objects.get(code="audit.view"))
        UserRole.objects.create(organization=organization, user=viewer, role=role)

    assert User.objects.get(pk=viewer.pk).can("audit.view")
    with tenancy.organization_context(organization.pk):
        Role.objects.filter(pk=role.pk).update(is_active=False)
    assert not User.objects.get(pk=viewer.pk).can("audit.view")


def test_scopes_limit_and_switched_off_people_may_nothing(admin: User) -> None:
    admin.limited_to = frozenset({"users.view"})
    assert (admin.can("users.view"), admin.can("users.create")) == (True, False)

    admin.limited_to, admin.is_active = None, False
    assert not admin.can("users.view")
