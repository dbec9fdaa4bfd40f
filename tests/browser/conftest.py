"""Chromium, a served application, and people signed in to it. Skipped where Chromium is missing."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from conversations.models import Conversation
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy
from tests import make

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
Open = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here, and skip it with a reason where no browser is installed."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="Chromium is not installed (apt-get install chromium)"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, started once a file: while Playwright's loop runs, no asynchronous test could."""
    # Playwright's own loop runs in this thread; Django's guard takes it for an asynchronous view.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()
    os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE")


@pytest.fixture
def open_as(browser: Browser, live_server: LiveServer) -> Iterator[Open]:
    """Return a function that opens a page as a person; errors on the page fail the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_page(user: User, path: str, *, width: int = 1440, theme: str = "light", scripts: bool = True) -> Page:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=scripts)
        contexts.append(context)
        context.add_cookies(
            [
                {"name": name, "value": value, "url": live_server.url}
                for name, value in {
                    "sessionid": client.cookies["sessionid"].value,
                    "theme": theme,
                    "django_language": "en",
                }.items()
            ]
        )
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(live_server.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    _let_requests_end()
    assert errors == []


def _let_requests_end() -> None:
    """Wait for requests that closed pages left behind: emptying the tables under them would be a deadlock."""
    busy = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND state IN ('active', 'idle in transaction')"
    )
    rests = 0
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute(busy)
            row = cursor.fetchone()
        rests = 0 if row and row[0] else rests + 1
        if rests == 3:
            return
        time.sleep(0.03)


@pytest.fixture
def agent_of_clinic(transactional_db: None) -> User:
    """An agent whose organization has a queued thread."""
    organization = make.organization(name="Clínica Aurora")
    return make.user(organization, "agent", full_name="Bruno Teles")


@pytest.fixture
def thread(agent_of_clinic: User) -> Conversation:
    """A customer who waits."""
    organization: Organization | None = agent_of_clinic.organization
    assert organization is not None
    with tenancy.organization_context(organization.pk):
        contact = make.contact(organization, name="Joana Prado", wa_id="5511987654321", is_vip=True)
        row = make.conversation(
            make.number(organization),
            contact,
            status="queued",
            is_bot_active=False,
            last_message_preview="Preciso de ajuda",
            last_message_sender="contact",
            unread_count=1,
        )
        make.message(row, "Preciso de ajuda")
        make.message(row, "", message_type="audio", content={"type": "audio", "audio": {"id": "1"}})
        make.message(
            row,
            "Oi?",
            direction="outbound",
            sender_type="bot",
            status="failed",
            dispatch_state="failed",
            error_code="131026",
            error_title="Message undeliverable",
            content={"kind": "text", "body": "Oi?"},
        )
        return row
