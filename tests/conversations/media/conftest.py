"""A number that receives files, a storage of its own, and the provider's media."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from conversations.media import fetching
from conversations.models import MediaFile
from tests.conversations.channel.conftest import (
    Json,
    Provider,
    fresh_cache,
    number,
    provider,
    text,
    thread,
)
from tests.conversations.media import servers
from tests.conversations.media.servers import Liar, Simulated

__all__ = ["fresh_cache", "number", "provider", "thread"]
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 100
Receive = Callable[..., MediaFile]


@pytest.fixture(autouse=True)
def files(settings: Settings, tmp_path: Path) -> Path:
    """The folder of the files."""
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path


@pytest.fixture
def simulator(settings: Settings) -> Iterator[Simulated]:
    """The simulator as the provider."""
    with servers.simulator() as running:
        settings.GRAPH_BASE_URL = running.url
        yield running


@pytest.fixture
def liar(settings: Settings) -> Iterator[Liar]:
    """A provider that lies."""
    with servers.liar() as running:
        settings.GRAPH_BASE_URL = running.url
        yield running


@pytest.fixture
def receive(provider: Provider) -> Receive:
    """Let a message with a file arrive."""

    def arrive(media_id: str = "300000000000001", kind: str = "image", **body: Any) -> MediaFile:
        wamid = f"wamid.{media_id}.{kind}"
        message: Json = text(wamid) | {"type": kind, kind: {"id": media_id, "mime_type": "image/png", **body}}
        message.pop("text")
        provider.bring(message)
        return MediaFile.objects.get(message__whatsapp_message_id=wamid)

    return arrive


def fetch(*, after: float = 0) -> int:
    """Do what a worker does `after` seconds from now."""
    now = timezone.now() + timedelta(seconds=after)
    return fetching.fetch_waiting(until=now + timedelta(hours=1), clock=lambda: now)


def stored(folder: Path) -> list[Path]:
    """Return the files in the storage."""
    return [path for path in folder.rglob("*") if path.is_file()]
