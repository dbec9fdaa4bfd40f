"""A thread, and the simulator as the provider, which knows the templates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from conversations.simulator.model import Template
from tests.conversations.channel.conftest import fresh_cache, number, provider, say, thread
from tests.conversations.content.samples import MEDIA, TEMPLATES
from tests.conversations.media import servers
from tests.conversations.media.servers import WABA, Simulated

__all__ = ["fresh_cache", "number", "provider", "say", "thread"]


@pytest.fixture(autouse=True)
def files(settings: Settings, tmp_path: Path) -> Path:
    """The folder of the files."""
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path


@pytest.fixture
def simulator(settings: Settings) -> Iterator[Simulated]:
    """The simulator as the provider, with a media object and templates."""
    with servers.simulator() as running:
        settings.GRAPH_BASE_URL = running.url
        running.put(MEDIA, b"\x89PNG\r\n\x1a\n")
        for index, (name, components) in enumerate(TEMPLATES.items()):
            category = "AUTHENTICATION" if name == "codigo" else "UTILITY"
            made = Template(id=str(700 + index), waba=WABA, name=name, category=category, components=components)
            running.server.sim.world.add_template(made)
        yield running
