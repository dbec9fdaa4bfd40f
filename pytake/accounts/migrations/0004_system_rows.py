"""Rows that every installation has: the plans, the permissions, the system roles."""

from __future__ import annotations

from django.db import migrations

from pytake.accounts import permissions
from pytake.infra import tenancy

UNLIMITED = -1
# code: (name, users, numbers, chatbots, contacts, departments, messages, campaigns, turns, rate, requests)
PLANS = {
    "free": ("Free", 3, 1, 1, 1_000, 1, 1_000, 5, 5, 3_000, 1_000),
    "starter": ("Starter", 5, 2, 3, 10_000, 3, 10_000, 20, 60, 3_000, 1_000),
    "professional": ("Professional", 20, 5, 10, 50_000, 10, 50_000, 100, 300, 10_000, 3_000),
    "enterprise": ("Enterprise", -1, -1, -1, -1, -1, -1, -1, -1, 60_000, 10_000),
}
COLUMNS = (
    "name", "max_users", "max_whatsapp_numbers", "max_chatbots", "max_contacts", "max_departments",
    "monthly_message_limit", "max_campaigns_per_month", "bot_turns_per_minute", "max_automation_rate_per_hour",
    "requests_per_minute",
)
ROLES = ("super_admin", "org_admin", "agent", "viewer")


def write(apps, schema_editor):
    plan, permission = apps.get_model("accounts", "Plan"), apps.get_model("accounts", "Permission")
    role, link = apps.get_model("accounts", "Role"), apps.get_model("accounts", "RolePermission")
    for code, values in PLANS.items():
        plan.objects.get_or_create(code=code, defaults=dict(zip(COLUMNS, values, strict=True)))
    codes = {
        code: permission.objects.get_or_create(
            code=code, defaults={"name": code.replace(".", " ").replace("_", " "), "category": code.split(".")[0]}
        )[0]
        for code in permissions.CATALOGUE
    }
    with tenancy.platform_scope("system roles belong to no organization"):
        for name in ROLES:
            row, _ = role.objects.get_or_create(name=name, organization=None, is_system=True)
            for code in permissions.bundle(name):
                link.objects.get_or_create(role=row, permission=codes[code])


class Migration(migrations.Migration):
    """Plans, permissions, system roles."""

    dependencies = [("accounts", "0003_row_level_security")]

    operations = [migrations.RunPython(write, migrations.RunPython.noop)]
