"""`/whatsapp`: numbers, their credentials, health and limits. Thin: the verbs are in `conversations.official`."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import redis
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from conversations import away, numbers_shapes
from conversations.gateway.management import ProviderError
from conversations.health import report, sending_state
from conversations.models import WhatsAppNumber
from conversations.official import capabilities, limits, registration
from conversations.official.proofs import UnprovenError
from pytake.accounts.api_base import ApiViewSet
from pytake.accounts.models import Organization, User
from pytake.accounts.rates import Rate
from pytake.core.errors import DomainError, NotFoundError
from pytake.infra.paging import TextSearch

_SECRETS: Final = ("access_token", "app_secret", "verify_token")


class UnavailableError(DomainError):
    """Counters cannot be reached at the moment."""

    code = "SERVICE_UNAVAILABLE"
    status = 503
    kind = "server"


class Numbers(ApiViewSet):
    """`/whatsapp`."""

    queryset = WhatsAppNumber.objects.none()
    serializer_class = numbers_shapes.NumberShape
    schema_tag = "whatsapp"
    route_permissions = {
        "list": "numbers.view", "create": "numbers.manage", "retrieve": "numbers.view", "update": "numbers.manage",
        "destroy": "numbers.manage", "test": "conversations.reply", "health": "numbers.view",
        "compatible_chatbots": "numbers.view", "disconnect": "numbers.manage", "usage": "numbers.view",
        "reset": "numbers.manage",
    }  # fmt: skip
    # Each asks WhatsApp several times.
    route_rates = {
        "create": [Rate("number-register", 20, 3600, "user", on_failure="local")],
        "test": [Rate("number-test", 30, 3600, "user", on_failure="local")],
    }
    filter_backends = (TextSearch,)
    search_fields = ("display_name", "phone_number")
    sort_fields = {"created_at": "created_at", "display_name": "display_name"}

    def get_queryset(self) -> QuerySet[WhatsAppNumber]:
        """Return the organization's numbers."""
        return WhatsAppNumber.objects.visible_to(self.request.user).alive()

    def _shown(self, number: WhatsAppNumber, *, status: int = 200) -> Response:
        return Response(numbers_shapes.NumberShape(number).data, status=status)

    @extend_schema(responses={200: numbers_shapes.NumberShape(many=True)})
    def list(self, request: Request) -> Response:
        """List numbers.

        With state, health, risk and the node types that flows may use on them.
        """
        return self.page(numbers_shapes.NumberShape)

    @extend_schema(request=numbers_shapes.RegisterNumberInput, responses={201: numbers_shapes.NumberShape})
    def create(self, request: Request) -> Response:
        """Register a number of the Cloud API.

        WhatsApp is asked first whether the token reaches the number, the number belongs to the account, and the
        secret is that of the token's app: 400 `CREDENTIALS_REFUSED` names the field. 409 `DUPLICATE` when it is
        connected already, here or elsewhere. 502 `PROVIDER_ERROR` when WhatsApp does not answer.
        """
        data = self.checked(numbers_shapes.RegisterNumberInput, request)
        organization = Organization.objects.of_context()
        if organization is None:
            raise NotFoundError(_("Say for which organization (X-Organization-Id)."))
        number = registration.register(
            organization,
            phone_number_id=data["phone_number_id"],
            account_id=data["whatsapp_business_account_id"],
            display_name=data["display_name"],
            by=_person(request),
            now=_now(),
            **{name: data[name] for name in _SECRETS},
        )
        return self._shown(number, status=201)

    @extend_schema(responses={200: numbers_shapes.NumberShape})
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Show a number.

        Secrets are never shown, only whether they are stored.
        """
        return self._shown(self.get_object())

    @extend_schema(request=numbers_shapes.NumberInput, responses={200: numbers_shapes.NumberShape})
    def update(self, request: Request, pk: UUID) -> Response:
        """Edit a number.

        Fields that are not sent stay. New secrets are stored only after WhatsApp has confirmed them.
        """
        number, data = self.get_object(), self.checked(numbers_shapes.NumberInput, request)
        secrets = {name: data.pop(name) for name in _SECRETS if name in data}
        if "fallback_message" in data:
            data["settings"] = {**(number.settings or {}), away.SETTING: data.pop("fallback_message")}
        registration.replace_credentials(number, by=_person(request), now=_now(), **secrets)
        registration.edit(number, data, by=_person(request), now=_now())
        return self._shown(number)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Delete a number.

        A soft delete: conversations stay readable; credentials are erased, and the number may be registered again.
        """
        registration.remove(self.get_object(), by=_person(request), now=_now())
        return Response(status=204)

    @extend_schema(request=None, responses={200: numbers_shapes.TestShape})
    def test(self, request: Request, pk: UUID) -> Response:
        """Check the stored credentials.

        Asks WhatsApp; `ok` is false with the reason in `error` when they do not work. What WhatsApp says of the
        number (name, quality, limits) is taken over.
        """
        number = self.get_object()
        error = ""
        try:
            registration.test(number, now=_now())
        except (UnprovenError, ProviderError) as exc:
            error = str(next(iter(exc.fields.values()))[0]) if exc.fields else str(exc.message)
        names = ("phone_number", "verified_name", "quality_rating", "token_expires_at")
        shown = {name: getattr(number, name) for name in names}
        return Response(numbers_shapes.TestShape({"ok": not error, "error": error, **shown}).data)

    @extend_schema(responses={200: numbers_shapes.NumberHealthShape})
    def health(self, request: Request, pk: UUID) -> Response:
        """Show the health of a number.

        Quality, limits used, queue, failures by cause, opt-out and block shares, template states, and the risk
        with its reasons.
        """
        return Response(numbers_shapes.NumberHealthShape(report.of(self.get_object(), now=_now())).data)

    @extend_schema(responses={200: numbers_shapes.ChatbotRow(many=True)})
    def compatible_chatbots(self, request: Request, pk: UUID) -> Response:
        """List chatbots that work on a number.

        Active ones with published flows that use only nodes which the connection supports.
        """
        rows = capabilities.compatible_chatbots(self.get_object().connection_type)
        return Response(numbers_shapes.ChatbotRow(rows, many=True).data)

    @extend_schema(request=None, responses={200: numbers_shapes.NumberShape})
    def disconnect(self, request: Request, pk: UUID) -> Response:
        """Disconnect a number.

        Sending and receiving stop; conversations, settings and credentials stay for a return.
        """
        number = self.get_object()
        registration.disconnect(number, by=_person(request), now=_now())
        return self._shown(number)

    @extend_schema(responses={200: numbers_shapes.LimitsShape})
    def usage(self, request: Request, pk: UUID) -> Response:
        """Show limits and what is taken of each.

        Windows without a limit are left out. Null: the counters cannot be read at the moment.
        """
        number, now = self.get_object(), _now()
        used, limit = sending_state.portfolio(number, now=now)
        rows = sending_state.windows(number, now=now)
        return Response(numbers_shapes.LimitsShape({"items": rows, "portfolio": {"used": used, "limit": limit}}).data)

    @extend_schema(request=None, responses={200: numbers_shapes.LimitsShape})
    def reset(self, request: Request, pk: UUID) -> Response:
        """Clear the counters of a number's limits.

        WhatsApp's own limits are not affected.
        """
        try:
            limits.reset(self.get_object(), by=_person(request), now=_now())
        except redis.RedisError as exc:
            raise UnavailableError(_("The service is not available for a moment.")) from exc
        return self.usage(request, pk)


def _person(request: Request) -> User:
    user = request.user
    assert isinstance(user, User), "the permission class let members in only"
    return user


def _now() -> datetime:
    return timezone.now()
