"""API routes of the channel."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from django.views.decorators.csrf import csrf_exempt

from conversations import api

app_name = "conversations-api"

urlpatterns: list[URLPattern | URLResolver] = [
    path("whatsapp/webhook", csrf_exempt(api.Webhook.as_view()), name="webhook"),
    path("webhooks/meta", csrf_exempt(api.Webhook.as_view()), name="webhook-meta"),
    path("webhooks/meta/verify", api.Handshake.as_view(), name="webhook-verify"),
]
