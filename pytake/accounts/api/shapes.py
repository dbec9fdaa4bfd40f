"""What the API shows of accounts."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from pytake.accounts.models import ApiToken, AuditEntry, Organization, Plan, RefreshToken, Role, User

_LIMITS = (
    "max_users",
    "max_chatbots",
    "max_whatsapp_numbers",
    "max_contacts",
    "max_departments",
    "monthly_message_limit",
)


class PlanShape(serializers.ModelSerializer[Plan]):
    """A plan and its limits; -1 is unlimited."""

    class Meta:
        model = Plan
        fields = (
            "id", "code", "name", "is_active", "currency", "monthly_price", *_LIMITS, "max_campaigns_per_month",
            "bot_turns_per_minute", "max_automation_rate_per_hour", "requests_per_minute", "trial_days",
            "created_at", "updated_at",
        )  # fmt: skip


class OrganizationShape(serializers.ModelSerializer[Organization]):
    """An organization as its members see it."""

    plan = serializers.SlugRelatedField[Plan](slug_field="code", read_only=True)
    limits = serializers.SerializerMethodField()

    class Meta:
        model = Organization
        fields = (
            "id", "name", "slug", "description", "is_active", "plan", "plan_starts_at", "plan_expires_at",
            "is_trial", "trial_ends_at", "timezone", "language", "currency", "settings", "limits",
            "created_at", "updated_at",
        )  # fmt: skip

    @extend_schema_field(
        {"type": "object", "additionalProperties": {"type": "integer"}, "examples": [{"max_users": 5}]}
    )
    def get_limits(self, organization: Organization) -> dict[str, int]:
        """Return the limits that hold."""
        return {name: organization.limit(name) for name in _LIMITS}


class UserShape(serializers.ModelSerializer[User]):
    """A member as colleagues see it."""

    class Meta:
        model = User
        fields: tuple[str, ...] = (
            "id", "organization", "email", "full_name", "phone", "bio", "language", "timezone", "role", "is_active",
            "status", "status_source", "last_seen_at", "agent_greeting_message", "max_conversations",
            "email_verified_at", "last_login", "created_at", "updated_at",
        )  # fmt: skip


class MeShape(UserShape):
    """The own profile."""

    permissions = serializers.SerializerMethodField()
    organization_details = OrganizationShape(source="organization", read_only=True, allow_null=True)

    class Meta(UserShape.Meta):
        fields: tuple[str, ...] = (*UserShape.Meta.fields, "preferences", "permissions", "organization_details")

    def get_permissions(self, user: User) -> list[str]:
        """Return what the person may do with the credentials in use."""
        return sorted(code for code in user.permission_codes if user.can(code))


class PairShape(serializers.Serializer[Any]):
    """A pair of tokens."""

    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    token_type = serializers.CharField(default="Bearer")
    expires_in = serializers.IntegerField(help_text="Seconds until the access token expires.")
    user = MeShape()


class SessionShape(serializers.ModelSerializer[RefreshToken]):
    """A session of an API client; `id` names all its tokens."""

    id = serializers.UUIDField(source="family_id")
    is_current = serializers.SerializerMethodField()

    class Meta:
        model = RefreshToken
        fields = ("id", "user_agent", "ip", "expires_at", "is_current", "created_at", "updated_at")

    def get_is_current(self, row: RefreshToken) -> bool:
        """Return whether this request belongs to it."""
        return getattr(self.context["request"].auth, "session_id", None) == row.family_id


class ApiTokenShape(serializers.ModelSerializer[ApiToken]):
    """An integration token, without its secret."""

    class Meta:
        model = ApiToken
        fields: tuple[str, ...] = (
            "id", "name", "prefix", "scopes", "created_by", "expires_at", "last_used_at", "last_used_ip",
            "revoked_at", "created_at", "updated_at",
        )  # fmt: skip


class NewApiTokenShape(ApiTokenShape):
    """An integration token at birth: the only time its secret is shown."""

    token = serializers.CharField()

    class Meta(ApiTokenShape.Meta):
        fields: tuple[str, ...] = (*ApiTokenShape.Meta.fields, "token")


class RoleShape(serializers.ModelSerializer[Role]):
    """A role and its permissions."""

    permissions = serializers.SlugRelatedField[Any](slug_field="code", many=True, read_only=True)

    class Meta:
        model = Role
        fields = ("id", "name", "description", "is_system", "is_active", "permissions", "created_at", "updated_at")


class AuditEntryShape(serializers.ModelSerializer[AuditEntry]):
    """An act."""

    class Meta:
        model = AuditEntry
        fields = (
            "id", "created_at", "sequence", "actor_user", "actor_label", "action", "entity_type", "entity_id",
            "changes", "ip", "user_agent", "request_id", "previous_hash", "entry_hash",
        )  # fmt: skip


class DoneShape(serializers.Serializer[Any]):
    """A plain confirmation."""

    status = serializers.CharField(default="ok")
