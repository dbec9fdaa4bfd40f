"""Health, profile, and the organization switcher of platform operators."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from pytake.accounts import views
from pytake.accounts.api.health import Health

app_name = "accounts"
urlpatterns: list[URLPattern | URLResolver] = [
    path("health", Health.as_view(), name="health"),
    path("profile/", views.profile, name="profile"),
    path("organizations/", views.organizations, name="organizations"),
    path("organizations/switch/", views.switch_organization, name="switch"),
]
