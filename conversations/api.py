"""The webhook's routes: the handshake and the POST. Thin: the work is in `conversations.webhooks`."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations import webhooks
from pytake.accounts.access import PUBLIC
from pytake.infra.client import ip_of

_HANDSHAKE = [
    OpenApiParameter(
        "hub.mode", str, description="Always `subscribe`.", examples=[OpenApiExample("mode", "subscribe")]
    ),
    OpenApiParameter("hub.verify_token", str, description="The number's verify token."),
    OpenApiParameter("hub.challenge", str, description="Echoed as plain text."),
]


class ReceivedShape(serializers.Serializer[Any]):
    """The delivery is stored."""

    status = serializers.CharField(default="received")


class WebhookBody(serializers.Serializer[Any]):
    """What the provider posts; read later, by workers."""

    object = serializers.CharField(default="whatsapp_business_account")
    entry = serializers.ListField(child=serializers.DictField())


class Webhook(APIView):
    """The provider's entrance, without sign-in: the signature is the credential."""

    authentication_classes = ()
    throttle_classes = ()
    parser_classes = ()
    route_permissions = {"get": PUBLIC, "post": PUBLIC}
    schema_tag = "webhooks"

    @extend_schema(parameters=_HANDSHAKE, responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        """Answer the provider's handshake.

        Echoes `hub.challenge` as plain text when `hub.verify_token` is the verify token of an active number.
        """
        query = request.query_params
        try:
            challenge = webhooks.handshake(
                query.get("hub.mode"), query.get("hub.verify_token"), query.get("hub.challenge")
            )
        except webhooks.RefusedError as exc:
            return refusal(exc, request)
        return HttpResponse(challenge, content_type="text/plain")

    @extend_schema(request=WebhookBody, responses={200: ReceivedShape})
    def post(self, request: Request) -> Response | HttpResponse:
        """Receive a delivery of the provider.

        The body must be signed (`X-Hub-Signature-256`) with the app secret of a number that it names, and be at
        most 4 MB. It is stored before this answers; nothing in it is read here, so a broken item never refuses
        the others.
        """
        meta = request.META
        now = timezone.now()
        try:
            webhooks.admit(ip_of(request._request), now=now)
            digest = webhooks.check_head(meta.get("HTTP_X_HUB_SIGNATURE_256", ""), meta.get("CONTENT_LENGTH") or "")
            webhooks.accept(
                request._request.body,  # raw bytes: what was signed
                digest=digest,
                agent=meta.get("HTTP_USER_AGENT", "")[:200],
                now=now,
            )
        except webhooks.RefusedError as exc:
            return refusal(exc, request)
        return HttpResponse(webhooks.RECEIVED, content_type="application/json")


class Handshake(APIView):
    """The handshake alone, for callbacks that are verified at another path."""

    authentication_classes = ()
    throttle_classes = ()
    route_permissions = {"get": PUBLIC}
    schema_tag = "webhooks"

    @extend_schema(parameters=_HANDSHAKE, responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        """Answer the provider's handshake (alias).

        The same as GET on the webhook itself.
        """
        return Webhook().get(request)


def refusal(exc: webhooks.RefusedError, request: Request) -> Response:
    """Answer a delivery that is not accepted."""
    request_id = getattr(request._request, "request_id", "")  # DRF's way to the inner request
    return Response(webhooks.refusal(exc, request_id=request_id), status=exc.status, headers=exc.headers)
