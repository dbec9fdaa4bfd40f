"""Routes of QR numbers: the entrance for what sessions tell, and the code of a number. Thin: the work is elsewhere."""

from __future__ import annotations

import uuid
from typing import Any, Final

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations import webhooks
from conversations.api import ReceivedShape, refusal
from conversations.models import WhatsAppNumber
from conversations.qr import links, pictures, receiving
from pytake.accounts.access import PUBLIC
from pytake.accounts.api_base import ApiView
from pytake.accounts.models import User
from pytake.core import phones
from pytake.core.errors import DomainError, NotFoundError
from pytake.infra.client import ip_of


class EvolutionWebhook(APIView):
    """The entrance of one number, without sign-in: the token of the server is the credential."""

    authentication_classes = ()
    throttle_classes = ()
    parser_classes = ()
    route_permissions = {"post": PUBLIC}
    schema_tag = "webhooks"
    queryset = WhatsAppNumber.objects.none()

    @extend_schema(request=OpenApiTypes.OBJECT, responses={200: ReceivedShape})
    def post(self, request: Request, pk: uuid.UUID) -> Response | HttpResponse:
        """Receive an event of Evolution API.

        The server must send the token that it makes of the header `jwt_key` (`Authorization: Bearer`, HS256), with the
        key that was given to the number's session. The event is stored before this answers.
        """
        meta, now = request.META, timezone.now()
        try:
            webhooks.admit(ip_of(request._request), now=now)
            receiving.check_length(meta.get("CONTENT_LENGTH") or "")
            receiving.accept(
                pk,
                request._request.body,
                authorization=meta.get("HTTP_AUTHORIZATION", ""),
                agent=meta.get("HTTP_USER_AGENT", "")[:200],
                now=now,
            )
        except webhooks.RefusedError as exc:
            return refusal(exc, request)
        return HttpResponse(webhooks.RECEIVED, content_type="application/json")


class QrCodeShape(serializers.Serializer[Any]):
    """How the link of a number stands; the code only while there is one to scan."""

    status = serializers.ChoiceField(choices=["not_created", "pending", "connecting", "connected", "error"])
    qrcode = serializers.CharField(allow_null=True, help_text="A picture as a `data:` address (SVG).")
    pairing_code = serializers.CharField(allow_null=True)
    phone_number = serializers.CharField()
    problem = serializers.CharField(help_text="Why there is no link: limit, logged_out, forbidden, unreachable, …")


class QrCodeBody(serializers.Serializer[Any]):
    """What may be given when a code is asked for."""

    phone = serializers.CharField(required=False, help_text="With it there is a pairing code too.")


class QrCode(ApiView):
    """Asking for a code."""

    route_permissions = {"post": "numbers.manage"}
    schema_tag = "whatsapp"
    queryset = WhatsAppNumber.objects.none()

    @extend_schema(request=QrCodeBody, responses={200: QrCodeShape})
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Ask for a QR code.

        Makes the session at the server if there is none. The code lives for half a minute; ask for the status to get
        the next one.
        """
        number = _number(pk)
        phone = str(self.checked(QrCodeBody, request).get("phone") or "")
        if phone:
            try:
                phone = phones.normalize_phone(phone)
            except phones.InvalidPhoneError as exc:
                message = _("Give the number with its area code, for example 11 98765-4321.")
                raise DomainError(message, fields={"phone": [message]}) from exc
        links.begin(number, phone=phone, by=_member(request), now=timezone.now())
        return Response(_shown(number, with_code=True))


class QrCodeStatus(ApiView):
    """Following the link."""

    route_permissions = {"get": "numbers.view"}
    schema_tag = "whatsapp"
    queryset = WhatsAppNumber.objects.none()

    @extend_schema(responses={200: QrCodeShape})
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """Read how the link stands.

        The code is shown to those who may manage numbers.
        """
        number = _number(pk)
        links.check(number, now=timezone.now())
        return Response(_shown(number, with_code=_member(request).can("numbers.manage")))


_STATUSES: Final = {"connected": "connected", "connecting": "connecting", "error": "error"}


def _member(request: Request) -> User:
    assert isinstance(request.user, User)  # permissions have been checked
    return request.user


def _number(pk: uuid.UUID) -> WhatsAppNumber:
    kind = WhatsAppNumber.ConnectionType.QRCODE
    number = WhatsAppNumber.objects.alive().filter(pk=pk, connection_type=kind).first()
    if number is None:
        raise NotFoundError(_("There is no such number."))
    return number


def _shown(number: WhatsAppNumber, *, with_code: bool) -> dict[str, Any]:
    link = links.link_of(number)
    code = link.code if with_code else ""
    status = _STATUSES.get(number.status, "pending" if link.asked_at else "not_created")
    return {
        "status": status,
        "qrcode": pictures.data_url(code) if code else None,
        "pairing_code": (link.pairing_code or None) if with_code else None,
        "phone_number": number.phone_number,
        "problem": link.problem,
    }
