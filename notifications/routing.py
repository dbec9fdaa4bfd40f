"""Paths of sockets."""

from __future__ import annotations

from typing import Any

from channels.routing import URLRouter
from django.urls import re_path

from notifications.consumers import LostSocket, PageSocket

sockets: Any = URLRouter(
    [
        re_path(r"^api/v1/ws/?$", PageSocket.as_asgi()),
        re_path(r"", LostSocket.as_asgi()),
    ]
)
