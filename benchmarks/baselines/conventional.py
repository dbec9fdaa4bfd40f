"""How the webhook is usually written: a DRF view, a serializer, the ORM, the full middleware."""

from __future__ import annotations

import hashlib
import hmac
import os

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.urls import path
from django.utils import timezone
from django.utils.decorators import method_decorator
from rest_framework import permissions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations.models import WebhookEvent, WhatsAppNumber
from pytake.infra import tenancy


class WebhookIn(serializers.Serializer[object]):
    """The envelope."""

    object = serializers.CharField()
    entry = serializers.ListField(child=serializers.DictField())


@method_decorator(login_not_required, name="dispatch")
class WebhookView(APIView):
    """Verify, parse, look the number up, store through the ORM."""

    authentication_classes = ()
    throttle_classes = ()
    permission_classes = (permissions.AllowAny,)

    def post(self, request: Request) -> Response:
        """Accept one delivery."""
        raw = request._request.body
        given = request.headers.get("X-Hub-Signature-256", "")
        wanted = "sha256=" + hmac.new(os.environ["BENCH_APP_SECRET"].encode(), raw, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(given, wanted):
            return Response(status=401)
        body = WebhookIn(data=request.data)
        body.is_valid(raise_exception=True)
        phone_id = body.validated_data["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"]
        with tenancy.platform_scope("benchmark"), transaction.atomic():
            number = WhatsAppNumber.objects.select_related("organization").get(phone_number_id=phone_id)
            WebhookEvent.objects.create(
                organization=number.organization,
                number=number,
                raw_body=raw,
                headers={"user-agent": request.headers.get("User-Agent", "")},
                received_at=timezone.now(),
                state="done",
            )
        return Response({"status": "received"})


urlpatterns = [path("api/v1/whatsapp/webhook", WebhookView.as_view())]
