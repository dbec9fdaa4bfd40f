"""API routes of the channel."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.csrf import csrf_exempt

from conversations import api, numbers_api
from conversations.message_templates.api import Templates
from conversations.qr.api import EvolutionWebhook, QrCode, QrCodeStatus

app_name = "conversations-api"

_TEMPLATES = "whatsapp/<uuid:number_id>/templates"
_number = numbers_api.Numbers.as_view

urlpatterns: list[URLPattern | URLResolver] = [
    path("whatsapp/webhook", csrf_exempt(api.Webhook.as_view()), name="webhook"),
    path("whatsapp/webhook/evolution/<uuid:pk>", csrf_exempt(EvolutionWebhook.as_view()), name="webhook-evolution"),
    path("whatsapp/<uuid:pk>/qrcode", QrCode.as_view(), name="qrcode"),
    path("whatsapp/<uuid:pk>/qrcode/status", QrCodeStatus.as_view(), name="qrcode-status"),
    path("webhooks/meta", csrf_exempt(api.Webhook.as_view()), name="webhook-meta"),
    path("", include("conversations.people.api_urls")),
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
    path("whatsapp", _number({"get": "list", "post": "create"}), name="numbers"),
    path("whatsapp/<uuid:pk>", _number({"get": "retrieve", "put": "update", "delete": "destroy"}), name="number"),
    path("whatsapp/<uuid:pk>/test", _number({"post": "test"}), name="number-test"),
    path("whatsapp/<uuid:pk>/health", _number({"get": "health"}), name="number-health"),
    path(
        "whatsapp/<uuid:pk>/compatible-chatbots",
        _number({"get": "compatible_chatbots"}),
        name="number-chatbots",
    ),
    path("whatsapp/<uuid:pk>/disconnect", _number({"post": "disconnect"}), name="number-disconnect"),
    path("whatsapp/<uuid:pk>/rate-limit/usage", _number({"get": "usage"}), name="number-usage"),
    path("whatsapp/<uuid:pk>/rate-limit/reset", _number({"post": "reset"}), name="number-reset"),
]
