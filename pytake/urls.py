"""URL map. Pages in the language of the reader, the API under /api/v1, the back office under /admin/."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("analytics.urls")),
    path("", include("pytake.accounts.urls")),
    path("inbox/", include("conversations.inbox.urls")),
    path("flows/", include("flows.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("pytake.accounts.api_urls")),
    path("api/v1/", include("notifications.api_urls")),
    path("api/v1/", include("conversations.api_urls")),
    path("api/v1/", include("flows.api_urls")),
]
