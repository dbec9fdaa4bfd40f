"""The organization that the benchmarks work on."""

from __future__ import annotations

import django


def setup_django() -> None:
    """Load Django in this process (after the database was chosen)."""
    django.setup()


def create() -> str:
    """Create an organization with a number, the demo flow linked to it; return the number's id."""
    from django.utils import timezone

    from benchmarks.payloads import PHONE_NUMBER_ID, SECRET
    from conversations import numbers
    from conversations.models import WhatsAppNumber
    from flows import gallery
    from pytake.accounts.models import Organization, Plan, User
    from pytake.infra import tenancy

    now = timezone.now()
    organization = Organization.objects.create(name="Bench", slug="bench", plan=Plan.objects.get(code="enterprise"))
    with tenancy.organization_context(organization.pk):
        owner = User.objects.create_user(
            "bench@example.com", None, organization=organization, role="org_admin", full_name="Bench"
        )
        number = numbers.register_official(
            organization,
            phone_number="551140040001",
            display_name="Bench",
            phone_number_id=PHONE_NUMBER_ID,
            business_account_id="200000000000001",
            access_token="benchmark-access-token",
            app_secret=SECRET,
            verify_token="benchmark-verify-token",
            by=owner,
            now=now,
        )
        WhatsAppNumber.objects.update(
            status="connected", limit_per_second=0, limit_per_minute=0, limit_per_hour=0, limit_per_day=0
        )
        gallery.attach(
            gallery.install(organization, "appointment_booking", by=owner, now=now), number, by=owner, now=now
        )
    return str(number.pk)


def organization_id() -> str:
    """Return the organization's id."""
    from pytake.accounts.models import Organization

    return str(Organization.objects.get(slug="bench").pk)


def gather_statistics() -> None:
    """Do what autovacuum does seconds after a table has grown; a benchmark is faster than that."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
