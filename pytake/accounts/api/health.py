"""Liveness and the public summary of the installation's health; the API's description."""

from __future__ import annotations

import time
from typing import Any, Final

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django.utils.module_loading import import_string
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from pytake.accounts.access import PUBLIC
from pytake.accounts.api_base import ApiView
from pytake.infra import redis_client

HEALTH: Final = [("ok", "ok"), ("degraded", "degraded")]
_STARTED: Final = time.monotonic()


class StatusShape(serializers.Serializer[Any]):
    """Alive."""

    status = serializers.CharField(default="ok")
    timestamp = serializers.DateTimeField()


class Live(ApiView):
    """`/api/v1/health`."""

    authentication_classes = ()
    throttle_classes = ()
    route_permissions = {"get": PUBLIC}

    @extend_schema(responses={200: StatusShape})
    def get(self, request: Request) -> Response:
        """Say that the process is alive.

        Asks nobody else, so that a slow database does not restart web processes.
        """
        return Response(StatusShape({"status": "ok", "timestamp": timezone.now()}).data)


class PongShape(serializers.Serializer[Any]):
    """An answer."""

    pong = serializers.BooleanField(default=True)
    version = serializers.CharField()


class Ping(ApiView):
    """`/api/v1/ping`."""

    authentication_classes = ()
    throttle_classes = ()
    route_permissions = {"get": PUBLIC}

    @extend_schema(responses={200: PongShape})
    def get(self, request: Request) -> Response:
        """Answer.

        With the version.
        """
        return Response({"pong": True, "version": settings.VERSION})


class SocketsShape(serializers.Serializer[Any]):
    """Open sockets."""

    totalConnections = serializers.IntegerField()  # noqa: N815  # the published shape
    subscribedUsers = serializers.IntegerField()  # noqa: N815  # the published shape
    subscribedCampaigns = serializers.IntegerField()  # noqa: N815  # the published shape


class HealthShape(serializers.Serializer[Any]):
    """The summary; `details` for administrators only."""

    status = serializers.ChoiceField(choices=HEALTH)
    timestamp = serializers.DateTimeField()
    uptime = serializers.FloatField(help_text="Seconds since the process started.")
    version = serializers.CharField()
    websocket = SocketsShape()
    details = serializers.DictField(required=False)


class Health(ApiView):
    """`/health`."""

    throttle_classes = ()
    route_permissions = {"get": PUBLIC}

    @extend_schema(operation_id="health_summary", responses={200: HealthShape})
    def get(self, request: Request) -> Response:
        """Summarise the health of the installation.

        `degraded` when the database or Redis does not answer; what exactly is told to administrators.
        """
        parts = {"database": _database(), "redis": _redis()}
        user: Any = request.user
        body: dict[str, Any] = {
            "status": "ok" if all(parts.values()) else "degraded",
            "timestamp": timezone.now(),
            "uptime": round(time.monotonic() - _STARTED, 3),
            "version": settings.VERSION,
            "websocket": _sockets(),
        }
        if user.is_authenticated and user.can("jobs.manage"):
            body["details"] = {**parts, "migrations_pending": _migrations_pending() if parts["database"] else None}
        return Response(HealthShape(body).data, status=200 if body["status"] == "ok" else 503)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _redis() -> bool:
    try:
        return bool(redis_client.client().ping())
    except redis.RedisError:
        return False


def _sockets() -> dict[str, int]:
    """Ask the layer above, if it is there, how many sockets are open."""
    empty = {"totalConnections": 0, "subscribedUsers": 0, "subscribedCampaigns": 0}
    counter: str = getattr(settings, "SOCKET_STATISTICS", "")
    return {**empty, **import_string(counter)()} if counter else empty


def _migrations_pending() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


class Schema(SpectacularAPIView):
    """`/api/v1/schema`."""

    authentication_classes = ()
    permission_classes = ()
