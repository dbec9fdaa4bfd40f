"""Both walls between organizations: managers that refuse, and PostgreSQL's row-level security."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.apps import apps
from django.db import IntegrityError, InternalError, connection, models, transaction
from django.db.utils import ProgrammingError

from conversations.models import Contact, Conversation, WhatsAppNumber
from pytake.accounts.models import AuditEntry, Organization, Role
from pytake.infra import tenancy
from tests import make

ROOT = Path(__file__).resolve().parent.parent.parent

# Tables with a column for the organization and no guard, and why.
NOT_GUARDED = {
    "accounts_user": "signing in must find a person before any organization is known",
}

# Where the code steps over the wall between organizations: file and reason.
PLATFORM_SCOPES = {
    ("conversations/lanes.py", "find numbers with messages to send"),
    ("conversations/media/fetching.py", "find media to fetch"),
    ("conversations/media/uploading.py", "find media to upload"),
    ("conversations/receipts.py", "find receipts to send"),
    ("conversations/official/registration.py", "a number that may have moved"),
    ("conversations/official/refresh.py", "find numbers to ask WhatsApp about"),
    ("conversations/health/watch.py", "find organizations with numbers to watch"),
    ("conversations/people/importing.py", "find imports to run"),
    ("conversations/people/importing.py", "rows of old imports of all organizations are deleted together"),
    ("conversations/people/merge_queue.py", "find matches of contacts to merge"),
    ("conversations/sweeping.py", "heal sends whose worker died"),
    ("flows/timers.py", "end expired sessions"),
    ("flows/timers.py", "find organizations with due timers"),
    ("conversations/handling.py", "find organizations with unhandled messages"),
    ("conversations/inbound.py", "find numbers with new deliveries"),
    ("conversations/message_templates/notices.py", "find organizations with untold template changes"),
    ("conversations/message_templates/sync.py", "claim an account whose templates are read"),
    ("conversations/message_templates/sync.py", "find accounts whose templates are read"),
    ("conversations/numbers.py", "find numbers by the provider's id"),
    ("conversations/qr/receiving.py", "find the number that a QR session posts to"),
    ("conversations/qr/watch.py", "find QR numbers to look after"),
    ("conversations/qr/watch.py", "find sends of QR numbers that are not acknowledged"),
    ("notifications/events.py", "find organizations with unpublished events"),
    ("notifications/events.py", "retention of events"),
    ("notifications/standing.py", "one process holds sockets of many organizations' tokens"),
    ("pytake/monitoring.py", "metrics count waiting rows of all organizations"),
    ("pytake/accounts/audit.py", "audit entries of platform operators belong to no organization"),
    ("pytake/accounts/authentication.py", "an API token tells its organization only when it is found"),
    ("pytake/accounts/housekeeping.py", "expired answers of all organizations are deleted together"),
}
PACKAGES = ("pytake", "notifications", "conversations", "flows", "automations", "analytics")


@pytest.fixture
def two_contacts(organization: Organization, other_organization: Organization) -> tuple[Contact, Contact]:
    with tenancy.organization_context(organization.pk):
        own = make.contact(organization, name="own")
    with tenancy.organization_context(other_organization.pk):
        foreign = make.contact(other_organization, name="foreign")
    return own, foreign


def names_by_sql() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM conversations_contact")
        return {name for (name,) in cursor.fetchall()}


def test_managers_refuse_outside_a_context(db: None) -> None:
    contacts = Contact.objects.filter(name="x")  # building is free

    for evaluate in (list, len, bool, lambda rows: rows.count(), lambda rows: rows.exists(), lambda rows: rows.first()):
        with pytest.raises(tenancy.OrganizationContextError):
            evaluate(contacts.all())
    with pytest.raises(tenancy.OrganizationContextError):
        contacts.update(name="y")
    with pytest.raises(tenancy.OrganizationContextError):
        contacts.delete()


def test_managers_add_the_filter(two_contacts: tuple[Contact, Contact], organization: Organization) -> None:
    with tenancy.organization_context(organization.pk):
        assert {contact.name for contact in Contact.objects.all()} == {"own"}


def test_bulk_create_refuses_rows_of_others(organization: Organization, other_organization: Organization) -> None:
    with tenancy.organization_context(organization.pk), pytest.raises(tenancy.OrganizationContextError):
        Contact.objects.bulk_create([Contact(organization=other_organization, name="x")])


def test_sql_without_a_filter_sees_the_context_only(
    two_contacts: tuple[Contact, Contact], organization: Organization
) -> None:
    assert names_by_sql() == set()
    with tenancy.organization_context(organization.pk):
        assert names_by_sql() == {"own"}
    with tenancy.platform_scope("test"):
        assert names_by_sql() == {"own", "foreign"}
    assert names_by_sql() == set()


def test_sql_cannot_change_or_add_rows_of_others(
    two_contacts: tuple[Contact, Contact], organization: Organization, other_organization: Organization
) -> None:
    with tenancy.organization_context(organization.pk):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE conversations_contact SET name = 'taken' WHERE id = %s", [two_contacts[1].pk])
            assert cursor.rowcount == 0
            cursor.execute("DELETE FROM conversations_contact WHERE id = %s", [two_contacts[1].pk])
            assert cursor.rowcount == 0
        smuggled = Contact(organization=other_organization, name="smuggled")
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            smuggled.save(force_insert=True)


def _look_and_fail(organization: Organization, *, expected: set[str]) -> None:
    """Change the context inside of a transaction, and roll back."""
    with transaction.atomic():
        with tenancy.organization_context(organization.pk):
            assert names_by_sql() == expected
        raise ZeroDivisionError


def test_the_context_follows_rollbacks(
    two_contacts: tuple[Contact, Contact], organization: Organization, other_organization: Organization
) -> None:
    with tenancy.organization_context(organization.pk):
        with pytest.raises(ZeroDivisionError):
            _look_and_fail(other_organization, expected={"foreign"})
        assert names_by_sql() == {"own"}
    assert names_by_sql() == set()


def test_a_savepoint_is_rolled_back_after_leaving_the_context_of_the_failure(organization: Organization) -> None:
    with pytest.raises(ProgrammingError), transaction.atomic(), tenancy.organization_context(organization.pk):
        connection.cursor().execute("SELECT nothing_of_this_name")

    assert Organization.objects.filter(pk=organization.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_the_context_follows_full_rollbacks_and_new_connections() -> None:
    first, second = make.organization(name="A"), make.organization(name="B")
    with tenancy.organization_context(first.pk):
        make.contact(first, name="first")
        with pytest.raises(ZeroDivisionError):
            _look_and_fail(second, expected=set())
        assert names_by_sql() == {"first"}
        connection.close()
        assert names_by_sql() == {"first"}
    connection.close()
    assert names_by_sql() == set()


def test_references_into_another_organization_are_refused(
    two_contacts: tuple[Contact, Contact], organization: Organization
) -> None:
    with tenancy.organization_context(organization.pk):
        number = make.number(organization)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError), transaction.atomic():
            Conversation.objects.create(organization=organization, number=number, contact_id=two_contacts[1].pk)


def test_append_only_rows_stay(in_organization: Organization, admin: object) -> None:
    entry = AuditEntry.objects.create(
        organization=in_organization, created_at="2026-11-20T12:00:00Z", sequence=1, actor_label="x", action="x",
        entity_type="x", previous_hash="", entry_hash="x",
    )  # fmt: skip

    for statement in ("UPDATE accounts_auditentry SET action = 'y'", "DELETE FROM accounts_auditentry"):
        with (
            pytest.raises((IntegrityError, InternalError), match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert AuditEntry.objects.get(pk=entry.pk).action == "x"


def test_system_roles_are_read_by_all_and_written_by_nobody(system_rows: None, in_organization: Organization) -> None:
    system = Role.objects.filter(is_system=True)

    assert system.filter(name="agent").exists()
    assert system.update(name="mine") == 0
    assert system._raw_delete("default") == 0
    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        Role.objects.create(name="new", is_system=True)


def tenant_tables() -> list[str]:
    return [
        model._meta.db_table
        for model in apps.get_models()
        if any(isinstance(field, models.ForeignKey) and field.name == "organization" for field in model._meta.fields)
    ]


def test_every_table_of_an_organization_is_guarded(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
            " AND EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid)"
        )
        guarded = {name for (name,) in cursor.fetchall()}

    assert len(guarded) > 10
    assert [table for table in tenant_tables() if table not in guarded and table not in NOT_GUARDED] == []
    assert [table for table in NOT_GUARDED if table in guarded] == []


def test_every_reference_between_guarded_tables_carries_the_organization(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT con.conrelid::regclass::text, con.conname FROM pg_constraint con"
            " JOIN pg_class source ON source.oid = con.conrelid AND source.relforcerowsecurity"
            " JOIN pg_class target ON target.oid = con.confrelid AND target.relforcerowsecurity"
            " WHERE con.contype = 'f' AND array_length(con.conkey, 1) = 1"
        )
        single = [row for row in cursor.fetchall() if row[0] != "accounts_role" and "role" not in row[1]]

    assert single == []


def test_the_application_role_cannot_step_over_the_wall(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)


def platform_scopes() -> set[tuple[str, str]]:
    found = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if "migrations" in path.parts or path.name == "tenancy.py":
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == (
                    "platform_scope"
                ):
                    reason = node.args[0]
                    assert isinstance(reason, ast.Constant), f"{path}: say the reason in place"
                    found.add((str(path.relative_to(ROOT)), str(reason.value)))
    return found


def test_steps_over_the_wall_are_listed() -> None:
    assert platform_scopes() == PLATFORM_SCOPES


def test_numbers_are_unreachable_by_relations_outside_a_context(organization: Organization) -> None:
    with tenancy.organization_context(organization.pk):
        conversation = make.conversation(make.number(organization))
    fresh = Conversation(pk=conversation.pk, number_id=conversation.number_id)

    with pytest.raises((WhatsAppNumber.DoesNotExist, tenancy.OrganizationContextError)):
        _ = fresh.number
