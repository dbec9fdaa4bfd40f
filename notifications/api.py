"""`/ws` and `/realtime`: tickets for sockets, figures, and the events for clients without a socket."""

from __future__ import annotations

import uuid
from typing import Any, Final

import redis
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from notifications import events, frames, handshake, history, registry, rooms, tickets
from pytake.accounts.access import MEMBER
from pytake.accounts.api_base import ApiView
from pytake.accounts.models import User
from pytake.core.errors import DomainError, NotAllowedError
from pytake.infra import tenancy

ROOMS_ASKED_MAX: Final = 100


class RedisAwayError(DomainError):
    """Tickets are kept in Redis."""

    code = "UNAVAILABLE"
    status = 503
    kind = "server"


class RoomForbiddenError(NotAllowedError):
    """The caller may not hear that room."""

    code = "ROOM_FORBIDDEN"


class TicketShape(serializers.Serializer[Any]):
    """A ticket."""

    ticket = serializers.CharField(help_text="To be given as `?ticket=` when the socket is opened; works once.")
    expires_in = serializers.IntegerField(help_text="Seconds.", default=tickets.LIFETIME_S)
    url = serializers.CharField(help_text="Where the socket is; without a host it is this one.")


class Ticket(ApiView):
    """`/ws/ticket`."""

    schema_tag = "realtime"
    route_permissions = {"post": MEMBER}
    open_to_tokens = True

    @extend_schema(operation_id="ws_ticket", request=None, responses={200: TicketShape})
    def post(self, request: Request) -> Response:
        """Get a ticket for a socket.

        The ticket works once and for 30 s. It carries the caller's credentials: the socket closes when
        they end. Clients that cannot send headers or cookies with a socket open it with `?ticket=…`.
        """
        session: Any = getattr(request, "session", None)
        key = session.session_key if session is not None else None
        credential = handshake.credential_of(_caller(request), _organization(), request.auth, key)
        try:
            ticket = tickets.issue(credential)
        except redis.RedisError as exc:
            raise RedisAwayError(_("Sockets cannot be opened at the moment.")) from exc
        url = f"{settings.REALTIME_URL}/api/v1/ws"
        return Response({"ticket": ticket, "expires_in": tickets.LIFETIME_S, "url": url})


class StatisticsShape(serializers.Serializer[Any]):
    """Open sockets of the organization."""

    totalConnections = serializers.IntegerField()  # noqa: N815  # the published shape
    subscribedUsers = serializers.IntegerField()  # noqa: N815  # the published shape
    subscribedCampaigns = serializers.IntegerField()  # noqa: N815  # the published shape
    total_rooms = serializers.IntegerField()
    rooms = serializers.DictField(child=serializers.IntegerField(), help_text="Sockets by room.")


class Statistics(ApiView):
    """`/ws/stats`."""

    schema_tag = "realtime"
    route_permissions = {"get": "organization.manage"}

    @extend_schema(operation_id="ws_stats", responses={200: StatisticsShape})
    def get(self, request: Request) -> Response:
        """Count open sockets.

        Those of the organization, over all processes; at most 5 s old.
        """
        figures = registry.totals(organization_id=_organization(), now=timezone.now())
        return Response(StatisticsShape(figures).data)


class EventShape(serializers.Serializer[Any]):
    """An event, as sockets give it."""

    seq = serializers.IntegerField()
    type = serializers.CharField()
    room = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    data = serializers.DictField()  # type: ignore[assignment]  # the published name


class EventsShape(serializers.Serializer[Any]):
    """What was missed."""

    seq = serializers.IntegerField(help_text="Ask from here the next time.")
    reload = serializers.BooleanField(help_text="The log cannot tell all that was missed: read everything anew.")
    events = EventShape(many=True)


class EventsQuery(serializers.Serializer[Any]):
    """From where, and in which rooms."""

    after_seq = serializers.IntegerField(min_value=0)
    room = serializers.ListField(child=serializers.CharField(max_length=100), default=[], max_length=ROOMS_ASKED_MAX)


class Events(ApiView):
    """`/realtime/events`."""

    schema_tag = "realtime"
    route_permissions = {"get": MEMBER}

    @extend_schema(
        operation_id="realtime_events",
        parameters=[
            OpenApiParameter("after_seq", int, required=True, description="Number of the last event that is known."),
            OpenApiParameter("room", str, many=True, description="Rooms besides the caller's own, repeated."),
        ],
        responses={200: EventsShape},
    )
    def get(self, request: Request) -> Response:
        """Ask for missed events.

        Those of the caller's own rooms and of the named ones, in order. `reload` is true when more than
        1,000 events were missed or when they are older than seven days.
        """
        query = EventsQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        user, organization_id = _caller(request), _organization()
        asked: list[str] = query.validated_data["room"]
        for room in asked:
            if not rooms.may_join(user, organization_id, room):
                raise RoomForbiddenError(_("You cannot follow this."))
        replay = history.replay(
            organization_id,
            [*rooms.own(user, organization_id), *asked],
            after_seq=query.validated_data["after_seq"],
            up_to=events.newest(organization_id),
        )
        found = [frames.envelope(event) for event in replay.events]
        return Response({"seq": replay.seq, "reload": replay.reload, "events": EventShape(found, many=True).data})


def _caller(request: Request) -> User:
    assert isinstance(request.user, User), "the permission needs somebody who is signed in"
    return request.user


def _organization() -> uuid.UUID:
    organization_id = tenancy.current_organization_id()
    if organization_id is None:
        raise NotAllowedError(_("Choose an organization first."))
    return organization_id
