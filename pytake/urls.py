"""URL map. Pages in the language of the reader, the API under /api/v1, the back office under /admin/."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from pytake import errors, monitoring

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("analytics.urls")),
    path("", include("pytake.accounts.urls")),
    # The e-mail address is changed by administrators.
    path("accounts/email/", RedirectView.as_view(pattern_name="accounts:profile")),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("inbox/numbers/", include("conversations.numbers_pages.urls")),
    path("inbox/", include("conversations.inbox.urls")),
    path("templates/", include("conversations.message_templates.urls")),
    path("flows/", include("flows.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/metrics", monitoring.prometheus, name="metrics"),
    path("api/v1/", include("pytake.accounts.api_urls")),
    path("api/v1/", include("notifications.api_urls")),
    path("api/v1/", include("conversations.api_urls")),
    path("api/v1/", include("flows.api_urls")),
    # Last: what is unknown under /api/ is answered in the API's way.
    re_path(r"^api/", errors.unknown_route, name="api-unknown"),
]
handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.not_found
handler500 = errors.server_error
