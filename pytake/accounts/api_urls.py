"""API routes of people and organizations, health, and the API's description."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, URLResolver, path
from django.views.generic import TemplateView

from pytake.accounts.api import auth, health, integrations, organizations, users

app_name = "accounts-api"

_organization = organizations.Organizations.as_view
_user = users.Users.as_view
_token = integrations.ApiTokens.as_view

urlpatterns: list[URLPattern | URLResolver] = [
    path("auth/register", auth.Register.as_view(), name="register"),
    path("auth/login", auth.Login.as_view(), name="login"),
    path("auth/refresh", auth.Refresh.as_view(), name="refresh"),
    path("auth/logout", auth.Logout.as_view(), name="logout"),
    path("auth/me", auth.Me.as_view(), name="me"),
    path("auth/verify-token", auth.VerifyToken.as_view(), name="verify-token"),
    path("auth/password/forgot", auth.PasswordForgot.as_view(), name="password-forgot"),
    path("auth/password/reset", auth.PasswordReset.as_view(), name="password-reset"),
    path("auth/password/change", auth.PasswordChange.as_view(), name="password-change"),
    path("auth/email/verify", auth.EmailVerify.as_view(), name="email-verify"),
    path("auth/sessions", auth.Sessions.as_view({"get": "list"}), name="sessions"),
    path("auth/sessions/<uuid:pk>", auth.Sessions.as_view({"delete": "destroy"}), name="session"),
    path("organizations/me", _organization({"get": "mine", "put": "edit_mine"}), name="organization-mine"),
    path("organizations/me/settings", _organization({"put": "edit_settings"}), name="organization-settings"),
    path("organizations", _organization({"get": "list"}), name="organizations"),
    path(
        "organizations/<uuid:pk>",
        _organization({"get": "retrieve", "put": "update", "delete": "destroy"}),
        name="organization",
    ),
    path("organizations/<uuid:pk>/stats", _organization({"get": "stats"}), name="organization-stats"),
    path("organizations/<uuid:pk>/plan", _organization({"put": "plan"}), name="organization-plan"),
    path("organizations/<uuid:pk>/activate", _organization({"post": "activate"}), name="organization-activate"),
    path("organizations/<uuid:pk>/deactivate", _organization({"post": "deactivate"}), name="organization-deactivate"),
    path("plans", organizations.Plans.as_view({"get": "list"}), name="plans"),
    path("billing/usage", organizations.Usage.as_view(), name="usage"),
    path("users", _user({"get": "list", "post": "create"}), name="users"),
    path("users/me", _user({"get": "me", "put": "edit_me"}), name="user-me"),
    path("users/me/status", _user({"put": "status"}), name="user-status"),
    path("users/<uuid:pk>", _user({"get": "retrieve", "put": "update", "delete": "destroy"}), name="user"),
    path("users/<uuid:pk>/activate", _user({"post": "activate"}), name="user-activate"),
    path("users/<uuid:pk>/deactivate", _user({"post": "deactivate"}), name="user-deactivate"),
    path("roles", users.Roles.as_view({"get": "list"}), name="roles"),
    path("api-tokens", _token({"get": "list", "post": "create"}), name="api-tokens"),
    path("api-tokens/<uuid:pk>", _token({"get": "retrieve", "delete": "destroy"}), name="api-token"),
    path("audit-log", integrations.AuditLog.as_view({"get": "list"}), name="audit-log"),
    path("health", health.Live.as_view(), name="live"),
    path("ping", health.Ping.as_view(), name="ping"),
    path("schema", health.Schema.as_view(), name="schema"),
    path("docs", login_not_required(TemplateView.as_view(template_name="api/docs.html")), name="docs"),
]
