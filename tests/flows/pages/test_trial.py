"""Trying a flow: the whole booking dialogue, timers, versions, and that nothing is left behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone

from flows import publishing, trial_store
from flows.models import Flow
from pytake.accounts.models import Organization, User
from pytake.infra import redis_client, tenancy
from tests.flows.engine.play import graph, node
from tests.flows.pages.conftest import HELLO, SignIn

SLEEPY = graph(
    [
        node("s", "start", greeting="Um momento."),
        node("d", "delay", mode="duration", amount=2, unit="hours"),
        node("q", "question", text="Ainda aí?", variable="there", timeout_seconds=60, on_timeout={"do": "end"}),
        node("z", "end"),
    ],
    ("s", "next", "d"),
    ("d", "next", "q"),
    ("q", "next", "z"),
)


@pytest.fixture(autouse=True)
def forget_trials() -> Iterator[None]:
    """Leave no trial in Redis."""
    yield
    for key in redis_client.client().scan_iter(redis_client.key("trial", "*")):
        redis_client.client().delete(key)


class Chat:
    """The test chat of a flow, as a browser without scripts uses it."""

    def __init__(self, client: Client, flow: Flow, source: str = "draft") -> None:
        self.client = client
        self.address = f"/flows/{flow.pk}/try/"
        self.source = source
        self.page = ""

    def look(self) -> str:
        return self.client.get(self.address, {"source": self.source}).content.decode()

    def post(self, **sent: str) -> str:
        """Play a turn; return the chat (the drawing beside it contains the texts, too)."""
        answer = self.client.post(self.address, {"source": self.source, **sent}, follow=True)
        assert answer.status_code == 200
        self.page = answer.content.decode()
        return self.page.split('class="try-facts"')[0]

    def say(self, text: str) -> str:
        return self.post(do="say", text=text)

    def tap(self, title: str) -> str:
        """Tap the last option with this title, with the very fields of its form."""
        forms = re.findall(r"<form(?:(?!</form>).)*value=\"tap\".*?</form>", self.look(), re.DOTALL)
        form = next(form for form in reversed(forms) if f'value="{title}"' in form)
        fields = dict(re.findall(r'name="(kind|reply_id|text)" value="([^"]*)"', form))
        return self.post(do="tap", **fields)


def rows() -> dict[str, Any]:
    """Count the rows of everything that a real conversation would leave."""
    with tenancy.platform_scope("test"):
        return {
            model._meta.label: model._default_manager.count()
            for label in ("conversations", "flows")
            for model in apps.get_app_config(label).get_models()
        }


def test_the_booking_is_played_to_its_end_and_leaves_nothing(client_as: SignIn, agent: User, booking: Flow) -> None:
    before = rows()
    chat = Chat(client_as(agent), booking)

    assert "Como posso ajudar hoje?" in chat.say("oi")
    chat.tap("Agendar consulta")
    assert "só com letras" in chat.say("1")
    assert "Prazer, Joana!" in chat.say("Joana Prado")
    chat.say("joana@example.com")
    page = chat.tap("Cardiologia")
    first_slot = re.findall(r">(\d\d/\d\d às \d\d:\d\d)", page)[0]
    assert "Posso confirmar?" in chat.tap(first_slot)
    page = chat.tap("Confirmar")
    assert "Protocolo: *CA-" in page
    assert re.search(r"<dd>\s*joana@example.com\s*</dd>", chat.page)
    assert "The session ended: completed (converted)" in chat.tap("Não, obrigado")
    assert re.search(r'id="box-end_ok"\s+class="[^"]*is-current', chat.page)
    assert rows() == before


def test_the_node_that_waits_is_marked(client_as: SignIn, agent: User, flow: Flow) -> None:
    chat = Chat(client_as(agent), flow)
    chat.say("oi")

    assert re.search(r'id="box-q"\s+class="[^"]*is-current', chat.page)
    assert re.search(r'id="box-s"\s+class="[^"]*is-passed', chat.page)


def test_a_delay_is_skipped_and_an_answer_may_come_too_late(
    client_as: SignIn, organization: Organization, admin: User, flow: Flow
) -> None:
    with tenancy.organization_context(organization.pk):
        publishing.save_draft(flow, SLEEPY, by=admin, now=timezone.now())
    chat = Chat(client_as(admin), flow)

    asleep = chat.say("oi")
    awake = chat.post(do="skip")
    late = chat.post(do="skip")

    assert "Skip the delay" in asleep
    assert "Ainda aí?" not in asleep
    assert "The clock was put forward by 2 h" in awake
    assert "Ainda aí?" in awake
    assert "Let the time run out" in awake
    assert "The session ended: expired" in late


def test_a_trial_is_restarted(client_as: SignIn, agent: User, flow: Flow) -> None:
    chat = Chat(client_as(agent), flow)
    chat.say("oi")

    page = chat.post(do="restart")

    assert "Qual é o seu nome?" not in page
    assert "Write the first message" in page


def test_a_version_is_tried_although_the_draft_is_broken(
    client_as: SignIn, organization: Organization, admin: User, flow: Flow
) -> None:
    with tenancy.organization_context(organization.pk):
        publishing.publish(flow, by=admin, now=timezone.now())
        publishing.save_draft(flow, {"schema": "pytake.flow/1", "nodes": []}, by=admin, now=timezone.now())
    client = client_as(admin)

    assert "Qual é o seu nome?" in Chat(client, flow, source="1").say("oi")
    assert "The flow has errors that keep it from running." in Chat(client, flow).say("oi")
    assert client.get(f"/flows/{flow.pk}/try/", {"source": "2"}).status_code == 404


def test_people_have_trials_of_their_own(client_as: SignIn, admin: User, agent: User, flow: Flow) -> None:
    Chat(client_as(admin), flow).say("Segredo do admin")

    assert "Segredo do admin" not in Chat(client_as(agent), flow).look()


def test_a_draft_saved_during_a_trial_is_announced(
    client_as: SignIn, organization: Organization, admin: User, flow: Flow
) -> None:
    chat = Chat(client_as(admin), flow)
    chat.say("oi")
    with tenancy.organization_context(organization.pk):
        publishing.save_draft(flow, HELLO, by=admin, now=timezone.now())

    assert "The draft was saved after this test began" in chat.look()


def test_the_chat_stays_bounded(client_as: SignIn, admin: User, flow: Flow, organization: Organization) -> None:
    loop = graph(
        [node("s", "start"), node("q", "question", text="E agora?", variable="x")],
        ("s", "next", "q"),
        ("q", "next", "q"),
    )
    with tenancy.organization_context(organization.pk):
        publishing.save_draft(flow, loop, by=admin, now=timezone.now())
    client = client_as(admin)
    for _ in range(110):
        client.post(f"/flows/{flow.pk}/try/", {"do": "say", "text": "y" * 9000})

    kept = trial_store.read(admin, flow.pk)
    assert kept is not None
    assert (len(kept.lines), max(len(line.get("text", "")) for line in kept.lines)) == (200, 4096)
    assert 0 < int(redis_client.client().ttl(redis_client.key("trial", organization.pk, admin.pk, flow.pk))) <= 7200


def test_a_turn_answers_with_the_stage_alone_where_scripts_run(client_as: SignIn, agent: User, flow: Flow) -> None:
    answer = client_as(agent).post(f"/flows/{flow.pk}/try/", {"text": "oi"}, headers={"hx-request": "true"})

    page = answer.content.decode()
    assert (answer.status_code, "<html" in page, page.lstrip().startswith('<div class="try"')) == (200, False, True)
