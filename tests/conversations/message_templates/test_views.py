"""The pages of templates: finding, writing, submitting, what is affected, deleting; who may do what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations.models import WhatsAppNumber, WhatsAppTemplate
from conversations.simulator import template_life
from flows.models import FlowVersion
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy
from tests import make
from tests.conversations.message_templates.conftest import WABA, World, ours, read_all, wanted

SignIn = Callable[[User], Client]
FORM = {
    "account": WABA,
    "name": "lembrete_consulta",
    "category": "UTILITY",
    "language": "pt_BR",
    "parameter_format": "NAMED",
    "header_kind": "TEXT",
    "header_text": "Clínica Aurora",
    "body": "Olá {{nome}}, sua consulta é {{data}}. Até lá!",
    "example-body-nome": "Ana",
    "example-body-data": "amanhã às 15h",
    "footer": "Responda PARAR para não receber",
    "button-0-type": "QUICK_REPLY",
    "button-0-text": "Confirmar",
    "button-1-type": "URL",
    "button-1-text": "Remarcar",
    "button-1-url": "https://example.com/r/{{1}}",
    "button-1-example": "https://example.com/r/abc",
}


@pytest.fixture
def page(client_as: SignIn, admin: User, number: WhatsAppNumber) -> Client:
    return client_as(admin)


@pytest.fixture
def inside(number: WhatsAppNumber) -> Iterator[None]:
    with tenancy.organization_context(number.organization_id):
        yield


def text(response: Any) -> str:
    return str(response.content.decode())


def known(world: World, *rows: dict[str, Any]) -> None:
    world.add(*rows)
    read_all()


def make_template(organization: Organization, name: str = "lembrete", **fields: Any) -> WhatsAppTemplate:
    with tenancy.organization_context(organization.pk):
        values = {"account_id": WABA, "category": "UTILITY", "status": "APPROVED", "meta_template_id": "5", **fields}
        row = WhatsAppTemplate(organization=organization, name=name, **values)
        row.set_components(wanted()["components"])
        row.save()
        return row


def test_a_template_is_written_submitted_and_approved(page: Client, world: World, inside: None) -> None:
    answer = page.post("/templates/new/", {**FORM, "do": "submit"})

    row = ours("lembrete_consulta")
    assert answer.headers["Location"] == f"/templates/{row.pk}/"
    theirs = world.of("lembrete_consulta")
    assert (row.status, row.meta_template_id) == ("PENDING", theirs.id)
    assert [part["type"] for part in theirs.components] == ["HEADER", "BODY", "FOOTER", "BUTTONS"]
    world.later()
    assert ours("lembrete_consulta").status == "APPROVED"
    shown = text(page.get(f"/templates/{row.pk}/"))
    assert "Olá Ana, sua consulta é amanhã às 15h. Até lá!" in shown
    assert "Confirmar" in shown


def test_mistakes_are_named_at_their_fields_and_nothing_is_lost(page: Client, inside: None) -> None:
    wrong = {
        **FORM,
        "name": "Lembrete",
        "body": "{{nome}} {{data}}",
        "example-body-data": "",
        "button-0-text": "x" * 26,
    }

    answer = page.post("/templates/new/", {**wrong, "do": "submit"})

    assert answer.status_code == 422
    assert set(answer.context["errors"]) == {"name", "body", "example-body-data", "button-0-text"}
    assert 'value="Remarcar"' in text(answer)
    assert not WhatsAppTemplate.objects.exists()


def test_a_draft_is_kept_and_submitted_later(page: Client, world: World, inside: None) -> None:
    page.post("/templates/new/", {**FORM, "body": "ainda incompleto {{nome}}", "do": "keep"})
    row = ours("lembrete_consulta")
    assert row.status == "DRAFT"

    assert page.post(f"/templates/{row.pk}/submit/").status_code == 422
    page.post(f"/templates/{row.pk}/edit/", {**FORM, "do": "submit"})

    assert ours("lembrete_consulta").status == "PENDING"


def test_the_name_is_taken_here_or_at_the_provider(page: Client, world: World, inside: None) -> None:
    world.add(wanted("lembrete_consulta"))

    first = page.post("/templates/new/", {**FORM, "do": "submit"})
    assert first.status_code == 422
    assert "name" in first.context["errors"]
    read_all()
    second = page.post("/templates/new/", {**FORM, "do": "keep"})
    assert "name" in second.context["errors"]
    assert WhatsAppTemplate.objects.count() == 1


def test_a_provider_that_is_away_leaves_a_draft(page: Client, settings: Any, inside: None) -> None:
    settings.GRAPH_BASE_URL = "http://127.0.0.1:9"

    answer = page.post("/templates/new/", {**FORM, "do": "submit"})

    assert answer.status_code == 502
    assert (ours("lembrete_consulta").status, ours("lembrete_consulta").status_raw) == ("DRAFT", "")


def test_buttons_are_added_and_removed_without_losing_the_rest(page: Client) -> None:
    more = page.post("/templates/new/", {**FORM, "add": "PHONE_NUMBER"})
    assert 'name="button-2-phone_number"' in text(more)
    less = page.post("/templates/new/", {**FORM, "remove": "0"})
    assert 'value="Remarcar"' in text(less)
    assert 'value="Confirmar"' not in text(less)


def test_the_preview_fills_in_examples_and_asks_for_new_ones(page: Client) -> None:
    same = text(page.post("/templates/preview/", FORM, headers={"HX-Request": "true"}))
    other = text(
        page.post("/templates/preview/", {**FORM, "body": "Oi {{sobrenome}} oi"}, headers={"HX-Request": "true"})
    )

    assert "Olá Ana, sua consulta é amanhã às 15h." in same
    assert 'id="examples"' not in same
    assert 'name="example-body-sobrenome"' in other
    assert "<html" not in same


def test_an_approved_template_is_edited_and_reviewed_again(page: Client, world: World, inside: None) -> None:
    known(world, wanted())
    row = ours()
    url = f"/templates/{row.pk}/edit/"
    form = {"account": WABA, "body": "Oi {{1}}, sua consulta será {{2}}. Até!", "do": "submit"}
    form |= {"example-body-1": "Ana", "example-body-2": "hoje"}

    assert page.get(url).status_code == 200
    page.post(url, form)

    assert (ours().status, ours().name, ours().parameter_format) == ("PENDING", "lembrete", "POSITIONAL")
    assert world.of("lembrete").components[0]["text"].startswith("Oi {{1}}")
    world.later()
    again = page.post(url, form)
    assert again.status_code == 422
    assert ours().status == "APPROVED"


def test_deleting_needs_the_name_and_happens_at_the_provider(page: Client, world: World, inside: None) -> None:
    known(world, wanted(), wanted(language="en"))
    row = ours()

    assert page.post(f"/templates/{row.pk}/delete/", {"name": "outra"}).status_code == 422
    page.post(f"/templates/{row.pk}/delete/", {"name": "lembrete"})

    assert ours().status == "DELETED"
    assert ours(language="en").status == "APPROVED"
    assert world.server.sim.world.template(WABA, "lembrete", "pt_BR") is None
    assert "lembrete" in text(page.get("/templates/?status=DELETED"))


def test_a_pause_is_shown_with_what_it_affects_and_can_be_ended(
    page: Client, world: World, organization: Organization, inside: None
) -> None:
    known(world, wanted())
    node = {"id": "t", "type": "whatsapp_template", "data": {"template": {"name": "lembrete", "language": "pt_BR"}}}
    other = {"id": "t", "type": "whatsapp_template", "data": {"template": {"name": "outro", "language": "pt_BR"}}}
    bot = make.chatbot(organization, name="Recepção")
    live = make.flow(bot, name="Confirmação viva", is_main=False, draft={"nodes": [node]})
    live.published_version = FlowVersion.objects.create(
        organization=organization, flow=live, number=1, graph={"nodes": [node]}, graph_hash="x",
        schema_version="pytake.flow/1", created_at=timezone.now(), published_at=timezone.now(),
    )  # fmt: skip
    live.save()
    make.flow(bot, name="Só rascunho", is_main=False, draft={"nodes": [node]})
    make.flow(bot, name="Nada a ver", is_main=False, draft={"nodes": [other]})
    make.flow(
        bot, name="Fora da janela", is_main=False, draft={"settings": {"window_closed_template": {"name": "lembrete"}}}
    )
    world.do(template_life.happen, world.server.sim, world.of("lembrete"), "PAUSED")
    world.deliver()

    answer = page.get(f"/templates/{ours().pk}/")

    assert [use.label for use in answer.context["affected"]] == ["Confirmação viva"]
    assert [use.label for use in answer.context["uses"]] == ["Confirmação viva", "Fora da janela", "Só rascunho"]
    page.post(f"/templates/{ours().pk}/release/")
    assert (ours().status, world.of("lembrete").status) == ("APPROVED", "APPROVED")


def test_switching_off_keeps_it_from_use_here_only(page: Client, world: World, inside: None) -> None:
    known(world, wanted())

    page.post(f"/templates/{ours().pk}/use/", {})
    assert not ours().is_usable
    page.post(f"/templates/{ours().pk}/use/", {"on": "1"})
    assert ours().is_usable


def test_the_list_is_searched_and_filtered(page: Client, organization: Organization) -> None:
    make_template(organization, "lembrete")
    make_template(organization, "oferta", category="MARKETING", quality_score="RED", meta_template_id="6")
    make_template(organization, "antigo", status="REJECTED", meta_template_id="7", language="en")

    def names(query: str) -> list[str]:
        return [row["template"].name for row in page.get(f"/templates/?{query}").context["rows"]]

    assert names("") == ["antigo", "lembrete", "oferta"]
    assert names("q=ofer") == ["oferta"]
    assert names("q=sua consulta&category=UTILITY&language=pt_BR") == ["lembrete"]
    assert names("status=attention") == ["antigo", "oferta"]
    assert names("quality=RED") == ["oferta"]
    assert names("status=PAUSED") == []


def test_long_lists_come_in_pages_with_the_same_number_of_queries(page: Client, organization: Organization) -> None:
    make_template(organization, "modelo_000")
    page.get("/templates/")
    with CaptureQueriesContext(connection) as few:
        page.get("/templates/")
    for index in range(1, 61):
        make_template(organization, f"modelo_{index:03}", meta_template_id=str(100 + index))

    with CaptureQueriesContext(connection) as many:
        first = page.get("/templates/")
    assert len(many) == len(few)
    rest = text(page.get(f"/templates/{first.context['next_page']}", headers={"HX-Request": "true"}))
    assert [f">modelo_{index:03}<" in rest for index in (49, 50, 60)] == [False, True, True]
    assert "<html" not in rest


def test_reading_again_is_asked_for_and_its_result_shown(page: Client, world: World, inside: None) -> None:
    world.add(wanted())
    waits = page.post("/templates/sync/", headers={"HX-Request": "true"})
    assert "hx-trigger" in text(waits)

    read_all()
    done = page.get("/templates/sync/", headers={"HX-Request": "true"})

    assert "hx-trigger" not in text(done)
    assert done.headers["HX-Trigger"] == "templates:read"


def test_without_an_official_number_the_page_says_what_is_needed(client_as: SignIn, admin: User) -> None:
    assert 'href="/templates/new/"' not in text(client_as(admin).get("/templates/"))
    assert client_as(admin).get("/templates/new/").status_code == 200


def test_agents_look_and_only_administrators_manage(
    client_as: SignIn, agent: User, stranger: User, organization: Organization, number: WhatsAppNumber
) -> None:
    row = make_template(organization)
    client = client_as(agent)

    assert "lembrete" in text(client.get("/templates/"))
    assert client.get(f"/templates/{row.pk}/").status_code == 200
    for path in ("new/", f"{row.pk}/edit/", f"{row.pk}/submit/", f"{row.pk}/use/", f"{row.pk}/delete/", "sync/"):
        assert client.post(f"/templates/{path}").status_code == 403, path
    assert client_as(stranger).get(f"/templates/{row.pk}/").status_code == 404


def test_the_form_shows_what_it_holds(page: Client, organization: Organization) -> None:
    fresh = text(page.get("/templates/new/"))
    assert 'value="UTILITY" checked' in fresh
    assert 'value="NAMED" selected' in fresh

    again = text(page.post("/templates/new/", {**FORM, "add": "QUICK_REPLY"}))

    for shown in ('value="lembrete_consulta"', "Olá {{nome}}, sua consulta", 'value="Clínica Aurora"', "PARAR"):
        assert shown in again
    row = make_template(organization)
    assert ">Olá {{1}}, sua consulta" in text(page.get(f"/templates/{row.pk}/edit/"))
