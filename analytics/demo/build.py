"""The demo organization: a clinic whose number is wired to the simulator."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction

from analytics.demo import history, people
from conversations import numbers
from conversations.models import Department, DepartmentMember, Tag, WhatsAppNumber
from flows import gallery
from pytake.accounts.models import Organization, Plan, User
from pytake.infra import tenancy

SLUG = "clinica-aurora"
DOMAIN = "aurora.example"


@dataclass(frozen=True, slots=True)
class Demo:
    """How to sign in."""

    email: str
    password: str


def build(*, password: str, now: datetime) -> Demo | None:
    """Create the demo organization; None if it exists. All in one transaction."""
    if Organization.objects.filter(slug=SLUG).exists():
        return None
    chosen = password or _random_password()
    with transaction.atomic():
        organization = Organization.objects.create(
            name="Clínica Aurora",
            slug=SLUG,
            description="Clínica de demonstração",
            plan=Plan.objects.get(code="enterprise"),
        )
        with tenancy.organization_context(organization.pk):
            _fill(organization, password=chosen, now=now)
        User.objects.create_superuser(f"plataforma@{DOMAIN}", chosen, full_name="Operação da Plataforma")
    with connection.cursor() as cursor:
        # Plans that are made before autovacuum comes by should know that there are rows.
        cursor.execute("ANALYZE")
    return Demo(email=f"admin@{DOMAIN}", password=chosen)


def _random_password() -> str:
    return f"Aurora-{secrets.token_urlsafe(6)}-7"


def _fill(organization: Organization, *, password: str, now: datetime) -> None:
    users = {
        name: User.objects.create_user(
            f"{name}@{DOMAIN}", password, full_name=full_name, role=role, organization=organization
        )
        for name, full_name, role in people.MEMBERS
    }
    departments = _departments(organization, users)
    number = _number(organization, departments["atendimento"], by=users["admin"], now=now)
    chatbot = gallery.install(organization, "appointment_booking", by=users["admin"], now=now)
    gallery.attach(chatbot, number, by=users["admin"], now=now)
    tags = [
        Tag.objects.create(organization=organization, name=name, slug=name, color=color) for name, color in people.TAGS
    ]
    history.write(history.Setting(number=number, users=users, departments=departments, tags=tags, now=now))


def _departments(organization: Organization, users: dict[str, User]) -> dict[str, Department]:
    departments = {}
    for name, slug, color, members in people.DEPARTMENTS:
        department = Department.objects.create(organization=organization, name=name, slug=slug, color=color)
        departments[slug] = department
        for member in members:
            DepartmentMember.objects.create(organization=organization, department=department, user=users[member])
    return departments


def _number(organization: Organization, department: Department, *, by: User, now: datetime) -> WhatsAppNumber:
    """Register the simulator's default number, with the secrets that `manage.py up` gave to both."""
    number = numbers.register_official(
        organization,
        phone_number="5511940040001",
        display_name="Clínica Aurora",
        phone_number_id="100000000000001",
        business_account_id="200000000000001",
        access_token=settings.SIMULATOR_ACCESS_TOKEN or secrets.token_urlsafe(24),
        app_secret=settings.SIMULATOR_APP_SECRET or secrets.token_urlsafe(24),
        verify_token=settings.SIMULATOR_VERIFY_TOKEN or secrets.token_urlsafe(24),
        by=by,
        now=now,
    )
    # The simulator stands in for a verified number with standard throughput.
    WhatsAppNumber.objects.filter(pk=number.pk).update(
        default_department=department,
        status=WhatsAppNumber.Status.CONNECTED,
        connected_at=now,
        quality_rating="GREEN",
        messaging_limit_tier="TIER_10K",
        limit_per_second=70,
        limit_per_minute=0,
        limit_per_hour=0,
        limit_per_day=0,
    )
    number.refresh_from_db()
    return number
