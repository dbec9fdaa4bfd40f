"""API routes of the channel."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from django.views.decorators.csrf import csrf_exempt

from conversations import api
from conversations.message_templates.api import Templates

app_name = "conversations-api"

_TEMPLATES = "whatsapp/<uuid:number_id>/templates"

urlpatterns: list[URLPattern | URLResolver] = [
    path("whatsapp/webhook", csrf_exempt(api.Webhook.as_view()), name="webhook"),
    path("webhooks/meta", csrf_exempt(api.Webhook.as_view()), name="webhook-meta"),
    path("webhooks/meta/verify", api.Handshake.as_view(), name="webhook-verify"),
    path(_TEMPLATES, Templates.as_view({"get": "list", "post": "create"}), name="templates"),
    path(f"{_TEMPLATES}/local", Templates.as_view({"get": "local"}), name="templates-local"),
    path(f"{_TEMPLATES}/sync", Templates.as_view({"post": "sync"}), name="templates-sync"),
    path(
        f"{_TEMPLATES}/<uuid:template_id>",
        Templates.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}),
        name="template",
    ),
    path(f"{_TEMPLATES}/<uuid:template_id>/usage", Templates.as_view({"get": "usage"}), name="template-usage"),
]
