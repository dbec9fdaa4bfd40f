"""Pages of numbers."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from conversations.numbers_pages import health_views, views

app_name = "numbers"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.number_list, name="list"),
    path("new/", views.register, name="new"),
    path("<uuid:pk>/", views.settings_tab, name="number"),
    path("<uuid:pk>/credentials/", views.credentials_tab, name="credentials"),
    path("<uuid:pk>/credentials/token/", views.show_verify_token, name="verify-token"),
    path("<uuid:pk>/test/", views.test_credentials, name="test"),
    path("<uuid:pk>/webhook/", views.set_up_webhook, name="webhook"),
    path("<uuid:pk>/profile/", views.profile_tab, name="profile"),
    path("<uuid:pk>/limits/", health_views.limits_tab, name="limits"),
    path("<uuid:pk>/limits/reset/", health_views.reset_limits, name="limits-reset"),
    path("<uuid:pk>/health/", health_views.health, name="health"),
    path("<uuid:pk>/health/release/", health_views.release, name="release"),
    path("<uuid:pk>/connection/", views.connection_tab, name="connection"),
    path("<uuid:pk>/disconnect/", views.disconnect, name="disconnect"),
    path("<uuid:pk>/reconnect/", views.reconnect, name="reconnect"),
    path("<uuid:pk>/delete/", views.delete, name="delete"),
]
