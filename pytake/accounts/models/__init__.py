"""Rows of the tenancy app, one module a subject."""

from __future__ import annotations

from pytake.accounts.models.audit import AuditEntry
from pytake.accounts.models.jobs import FailedJob, IdempotencyRecord
from pytake.accounts.models.organizations import Organization, Plan, UsageCounter
from pytake.accounts.models.roles import Permission, Role, RolePermission, UserRole
from pytake.accounts.models.secrets import Secret
from pytake.accounts.models.tokens import ApiToken, RefreshToken
from pytake.accounts.models.users import User

__all__ = [
    "ApiToken",
    "AuditEntry",
    "FailedJob",
    "IdempotencyRecord",
    "Organization",
    "Permission",
    "Plan",
    "RefreshToken",
    "Role",
    "RolePermission",
    "Secret",
    "UsageCounter",
    "User",
    "UserRole",
]
