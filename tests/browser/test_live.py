"""A page that follows: new lines arrive by themselves, and a lost connection is shown and caught up."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from conversations.inbox import threads
from conversations.models import Conversation
from pytake.accounts.models import User
from pytake.infra import tenancy
from tests.notifications.server import Server


@pytest.fixture
def server(transactional_db: None, tmp_path: Path, settings: Any) -> Iterator[Server]:
    """uvicorn, which serves pages and sockets."""
    settings.REDIS_PREFIX = f"test-{uuid.uuid4().hex[:12]}"
    running = Server(tmp_path / "output")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def open_live(browser: Browser, server: Server) -> Iterator[Callable[[User, str], Page]]:
    """Return a function that opens a page of the server as a person."""
    contexts = []

    def open_page(user: User, path: str) -> Page:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        context = browser.new_context()
        contexts.append(context)
        cookies = {"sessionid": client.cookies["sessionid"].value, "django_language": "en"}
        context.add_cookies([{"name": name, "value": value, "url": server.url} for name, value in cookies.items()])
        page = context.new_page()
        page.goto(server.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()


def test_a_page_follows_and_catches_up_after_a_lost_connection(
    server: Server, open_live: Callable[[User, str], Page], agent_of_clinic: User, thread: Conversation
) -> None:
    def note(text: str) -> None:
        assert agent_of_clinic.organization_id is not None
        with tenancy.organization_context(agent_of_clinic.organization_id):
            threads.add_note(thread, text=text, by=agent_of_clinic, now=timezone.now(), client_key=text)

    page = open_live(agent_of_clinic, f"/inbox/?c={thread.pk}")
    state = page.locator("[data-live-state]")
    expect(state).to_have_attribute("data-live-state", "online")

    note("Chegou sozinha")
    expect(page.locator("#timeline")).to_contain_text("Chegou sozinha")

    server.stop()
    expect(state).to_have_attribute("data-live-state", "reconnecting")
    expect(state).to_contain_text("Reconnecting")
    note("Perdida no caminho")
    server.start()

    expect(state).to_have_attribute("data-live-state", "online", timeout=20_000)
    expect(page.locator("#timeline")).to_contain_text("Perdida no caminho")
