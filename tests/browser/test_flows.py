"""Flow pages in a browser: trying the booking, correcting JSON, no barrier for anybody."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from flows import gallery
from flows.models import Flow
from pytake.accounts.models import User
from pytake.infra import tenancy
from tests import make
from tests.browser.conftest import AXE, Open
from tests.browser.test_inbox import RULES


@pytest.fixture
def owner(transactional_db: None) -> User:
    """An administrator of a clinic."""
    return make.user(make.organization(name="Clínica Aurora"), "org_admin")


@pytest.fixture
def booking(owner: User) -> Flow:
    """The booking example, published."""
    organization = owner.organization
    assert organization is not None
    with tenancy.organization_context(organization.pk):
        bot = gallery.install(organization, "appointment_booking", by=owner, now=timezone.now())
        return Flow.objects.get(chatbot=bot)


@pytest.mark.usefixtures("booking")
def test_a_flow_is_tried_from_the_list(open_as: Open, owner: User) -> None:
    page = open_as(owner, "/flows/")
    page.get_by_role("link", name="Agendamento de consultas").click()
    page.get_by_role("link", name="Try it").first.click()

    page.get_by_label("Message of the customer").press("Enter")  # it holds a first message
    page.get_by_role("button", name="Agendar consulta").click()
    expect(page.locator(".try-chat")).to_contain_text("nome completo")
    field = page.get_by_label("Message of the customer")
    field.fill("Joana Prado")
    field.press("Enter")

    expect(page.locator(".try-chat")).to_contain_text("Prazer, Joana!")
    expect(field).to_have_value("")
    expect(field).to_be_focused()
    expect(page.locator("#box-ask_email")).to_have_class(re.compile("is-current"))
    expect(page.locator(".try-facts")).to_contain_text("Joana Prado")


def test_the_editor_leads_to_the_place_of_the_error(open_as: Open, owner: User, booking: Flow) -> None:
    page = open_as(owner, f"/flows/{booking.pk}/?tab=json")
    area = page.get_by_label("Flow as JSON")

    area.fill('{\n  "nodes": [,]\n}')
    page.get_by_role("button", name="Save draft").click()

    expect(page.locator("#graph-errors")).to_contain_text("line 2, column 13")
    selected = "area => area.value.slice(area.selectionStart, area.selectionEnd)"
    assert area.evaluate(selected) == ","
    expect(page.locator("[data-numbers]")).to_have_text("1\n2\n3")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_bars_the_way(open_as: Open, owner: User, booking: Flow, width: int, theme: str) -> None:
    page = open_as(owner, "/flows/", width=width, theme=theme)
    found = {}
    for address in (
        "",
        f"{booking.pk}/",
        f"{booking.pk}/?tab=json",
        f"{booking.pk}/?tab=versions",
        f"{booking.pk}/try/",
    ):
        page.goto(page.url.split("/flows/")[0] + f"/flows/{address}")
        if address.endswith("try/"):
            page.get_by_label("Message of the customer").press("Enter")
            expect(page.locator(".try-chat")).to_contain_text("Como posso ajudar")
        page.evaluate(AXE)
        report = page.evaluate("rules => axe.run({runOnly: rules})", RULES)
        found[address] = [f"{item['id']}: {item['nodes'][0]['html'][:120]}" for item in report["violations"]]
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    assert {address: items for address, items in found.items() if items} == {}
