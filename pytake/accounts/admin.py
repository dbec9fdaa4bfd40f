"""The back office of accounts: who belongs where, who did what, what failed."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils import timezone

from pytake.accounts import people, permissions, tenants
from pytake.accounts.models import (
    ApiToken,
    AuditEntry,
    FailedJob,
    IdempotencyRecord,
    Organization,
    Permission,
    Plan,
    RefreshToken,
    Role,
    Secret,
    UsageCounter,
    User,
)
from pytake.infra.admin import ReadOnlyAdmin, TenantAdmin

permissions.register_admin("accounts.organization", view="organization.manage", change="organization.manage")
permissions.register_admin("accounts.user", view="users.view", change="users.edit")
permissions.register_admin("accounts.role", view="users.view", change="roles.manage")
permissions.register_admin("accounts.auditentry", view="audit.view", change="audit.view")
permissions.register_admin("accounts.apitoken", view="integrations.manage", change="integrations.manage")
permissions.register_admin("accounts.secret", view="secrets.view", change="secrets.manage")
permissions.register_admin("accounts.failedjob", view="jobs.manage", change="jobs.manage")
permissions.register_admin("accounts.usagecounter", view="billing.view", change="billing.view")

# One way in: the admin's own would ask for no second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # allauth's way

# Django's own groups mean nothing here: roles do.
admin.site.unregister(Group)


@admin.register(Plan)
class PlanAdmin(TenantAdmin):
    """Plans are data: platform operators edit their limits here."""

    editable = (
        "name", "is_active", "currency", "monthly_price", "max_users", "max_chatbots", "max_whatsapp_numbers",
        "max_contacts", "max_departments", "monthly_message_limit", "max_campaigns_per_month",
        "bot_turns_per_minute", "max_automation_rate_per_hour", "requests_per_minute", "trial_days",
    )  # fmt: skip
    list_display = ("name", "code", "is_active", "max_users", "max_contacts", "monthly_message_limit")
    search_fields = ("code", "name")


@admin.register(Organization)
class OrganizationAdmin(TenantAdmin):
    """Organizations; changes go through the same verbs as in the API."""

    editable = ("name", "description", "timezone", "language", "currency")
    list_display = ("name", "slug", "plan", "is_active", "is_trial", "created_at")
    list_filter = ("is_active", "is_trial", "plan")
    list_select_related = ("plan",)
    search_fields = ("name", "slug", "id")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001  # Django's
        """Edit through the verb, which writes the audit entry."""
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        row = Organization.objects.get(pk=obj.pk)
        tenants.edit(row, changes, by=request.user, now=timezone.now(), request=request)  # type: ignore[arg-type]  # staff


@admin.register(User)
class UserAdmin(TenantAdmin):
    """Members. Roles and switches have their own guards in the API."""

    editable = ("full_name", "phone", "language", "timezone", "max_conversations")
    exclude = ("password", "preferences")
    list_display = ("full_name", "email", "role", "is_active", "status", "last_login", "organization")
    list_filter = ("role", "is_active", "status")
    list_select_related = ("organization",)
    search_fields = ("full_name", "email", "id")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001  # Django's
        """Edit through the verb, which writes the audit entry."""
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        row = User.objects.select_related("organization").get(pk=obj.pk)
        people.edit(row, changes, by=request.user, now=timezone.now(), request=request)  # type: ignore[arg-type]  # staff


@admin.register(Permission)
class PermissionAdmin(ReadOnlyAdmin):
    """The catalogue."""

    list_display = ("__str__", "code")
    search_fields = ("code", "name")


@admin.register(Role)
class RoleAdmin(ReadOnlyAdmin):
    """System roles and those of organizations."""

    list_display = ("__str__", "is_system", "is_active", "organization")
    list_filter = ("is_system", "is_active")
    list_select_related = ("organization",)
    search_fields = ("name",)


@admin.register(RefreshToken)
class RefreshTokenAdmin(ReadOnlyAdmin):
    """Sessions of API clients (platform operators only)."""

    exclude = ("token_hash",)
    list_display = ("user", "created_at", "expires_at", "revoked_at", "revoke_reason", "ip")
    list_filter = ("revoke_reason",)
    list_select_related = ("user",)
    search_fields = ("user__email", "family_id")


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Integration tokens; made and revoked in the API."""

    exclude = ("token_hash",)
    list_display = ("name", "prefix", "created_by", "expires_at", "last_used_at", "revoked_at")
    list_select_related = ("created_by",)
    search_fields = ("name", "prefix")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """The audit log."""

    list_display = ("created_at", "sequence", "actor_label", "action", "entity_type", "entity_id", "ip")
    list_filter = ("action", "entity_type")
    search_fields = ("action", "actor_label", "entity_id", "request_id")
    date_hierarchy = "created_at"


@admin.register(Secret)
class SecretAdmin(ReadOnlyAdmin):
    """Names of secrets; their values never show."""

    exclude = ("encrypted_value", "encryption_metadata")
    list_display = ("name", "display_name", "scope", "is_active", "last_used_at", "usage_count")
    list_filter = ("scope", "is_active")
    search_fields = ("name", "display_name")


@admin.register(UsageCounter)
class UsageCounterAdmin(ReadOnlyAdmin):
    """What was used."""

    list_display = ("metric", "period", "value")
    list_filter = ("metric",)


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    """Answers kept for repeated requests (platform operators only); their bodies are encrypted."""

    exclude = ("response_body", "request_hash")
    list_display = ("created_at", "actor", "method", "path", "state", "response_status", "expires_at")
    list_filter = ("state", "method")
    search_fields = ("key", "path", "actor")


@admin.register(FailedJob)
class FailedJobAdmin(ReadOnlyAdmin):
    """Jobs that gave up."""

    list_display = ("task_name", "error_class", "attempts", "last_failed_at", "status", "organization")
    list_filter = ("status", "queue", "task_name")
    list_select_related = ("organization",)
    search_fields = ("task_name", "object_id", "error_class")
