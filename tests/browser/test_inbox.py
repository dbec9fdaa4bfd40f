"""The inbox as an agent lives in it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from conversations.models import Conversation, Message
from pytake.accounts.models import User
from pytake.infra import tenancy
from tests import make
from tests.browser.conftest import AXE, Open

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def outgoing(thread: Conversation, text: str) -> list[Message]:
    with tenancy.organization_context(thread.organization_id):
        return list(Message.objects.filter(conversation=thread, direction="outbound", text=text))


def test_an_agent_answers_and_resolves_by_keyboard(open_as: Open, agent_of_clinic: User, thread: Conversation) -> None:
    page = open_as(agent_of_clinic, "/inbox/")

    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator(".thread-who b")).to_have_text("Joana Prado")
    expect(page).to_have_url(re.compile(f"c={thread.pk}"))
    page.keyboard.press("r")
    page.keyboard.type("Olá, Joana")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".bubble.out.is-agent:not(.is-pending)")).to_contain_text("Olá, Joana")
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    expect(page.locator(".thread-chips")).to_contain_text("Resolved")

    assert len(outgoing(thread, "Olá, Joana")) == 1


def test_resolving_can_be_undone(open_as: Open, agent_of_clinic: User, thread: Conversation) -> None:
    page = open_as(agent_of_clinic, f"/inbox/?c={thread.pk}")

    page.keyboard.press("e")
    expect(page.locator(".thread-chips")).to_contain_text("Resolved")
    page.locator(".toast [data-undo]").click()

    expect(page.locator(".thread-chips")).to_contain_text("With you")


def test_resolving_with_shift_opens_the_next(open_as: Open, agent_of_clinic: User, thread: Conversation) -> None:
    with tenancy.organization_context(thread.organization_id):
        other = make.conversation(thread.number, status="queued", is_bot_active=False)
    page = open_as(agent_of_clinic, f"/inbox/?c={thread.pk}")
    rows = page.locator(".conv")
    expect(rows).to_have_count(2)

    page.keyboard.press("Shift+E")

    expect(page.locator("#thread")).to_have_attribute("data-conversation", str(other.pk))
    expect(page.locator(f"#c-{thread.pk}")).to_have_count(0)


def test_a_draft_survives_a_reload(open_as: Open, agent_of_clinic: User, thread: Conversation) -> None:
    page = open_as(agent_of_clinic, f"/inbox/?c={thread.pk}")
    page.locator("#reply-text").fill("Ainda não terminei")

    page.reload()

    expect(page.locator("#reply-text")).to_have_value("Ainda não terminei")


def test_a_lost_connection_is_said_and_trying_again_sends_once(
    open_as: Open, agent_of_clinic: User, thread: Conversation
) -> None:
    page = open_as(agent_of_clinic, f"/inbox/?c={thread.pk}")
    page.context.set_offline(True)
    page.locator("#reply-text").fill("Chegou?")
    page.locator("#reply-text").press("Control+Enter")
    expect(page.locator(".bubble.is-failed [data-reason]")).to_be_visible()
    page.context.set_offline(False)

    page.locator(".is-pending [data-again]").click()

    expect(page.locator(".bubble.is-pending")).to_have_count(0)
    expect(page.locator(".bubble.out.is-agent")).to_contain_text("Chegou?")
    assert len(outgoing(thread, "Chegou?")) == 1


def test_a_hint_brings_the_new_message_and_keeps_the_draft(
    open_as: Open, agent_of_clinic: User, thread: Conversation
) -> None:
    page = open_as(agent_of_clinic, f"/inbox/?c={thread.pk}")
    page.locator("#reply-text").type("Estou esc")
    with tenancy.organization_context(thread.organization_id):
        make.message(thread, "Outra coisa")

    page.evaluate(
        "id => document.dispatchEvent(new CustomEvent('pytake:message:new', {detail: {data: {conversation_id: id}}}))",
        str(thread.pk),
    )

    expect(page.locator(".bubble.in").last).to_contain_text("Outra coisa")
    expect(page.locator("#reply-text")).to_have_value("Estou esc")
    expect(page.locator("#reply-text")).to_be_focused()


def test_everything_works_without_scripts(open_as: Open, agent_of_clinic: User, thread: Conversation) -> None:
    page = open_as(agent_of_clinic, "/inbox/", scripts=False)

    page.locator(".conv").first.click()
    page.locator('[data-verb="take"]').click()
    page.locator("#reply-text").fill("Sem scripts")
    page.locator(".write-reply button[type=submit]").click()
    expect(page.locator(".bubble.is-agent")).to_contain_text("Sem scripts")
    page.locator('[data-verb="resolve"]').first.click()

    expect(page.locator(".thread-chips")).to_contain_text("Resolved")


@pytest.mark.parametrize("width", [360, 768, 1024, 1440])
def test_no_page_is_wider_than_the_window(
    open_as: Open, agent_of_clinic: User, thread: Conversation, width: int
) -> None:
    for path in ("/", "/inbox/", f"/inbox/?c={thread.pk}", "/inbox/contacts/", f"/inbox/contacts/{thread.contact_id}/"):
        page = open_as(agent_of_clinic, path, width=width)

        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path


def test_touch_targets_are_large_enough(open_as: Open, agent_of_clinic: User, thread: Conversation) -> None:
    page = open_as(agent_of_clinic, f"/inbox/?c={thread.pk}", width=390)

    small = page.evaluate(
        """[...document.querySelectorAll('a, button, summary, input, select, textarea')]
           .filter(e => e.offsetParent && !e.closest('.bubble-text, details:not(.menu) > summary, .bubble'))
           .map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect().height])
           .filter(([, height]) => height > 1 && height < 43.5)"""
    )

    assert small == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_axe_finds_nothing(open_as: Open, thread: Conversation, theme: str, width: int) -> None:
    found = []
    agent = User.objects.get(organization=thread.organization_id)
    for path in ("/", "/inbox/", f"/inbox/?c={thread.pk}", "/inbox/contacts/", f"/inbox/contacts/{thread.contact_id}/"):
        page = open_as(agent, path, width=width, theme=theme)
        page.evaluate(AXE)
        result = page.evaluate("tags => axe.run({runOnly: tags})", RULES)
        found += [
            (path, problem["id"], [node["html"][:160] for node in problem["nodes"]][:3])
            for problem in result["violations"]
        ]

    assert found == []
