"""The inbox through HTTP: panes, actions with and without scripts, who may see what."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations.models import Conversation, DepartmentMember, Message
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy
from tests import make

SignIn = Callable[[User], Client]
HTMX = {"HX-Request": "true", "HX-Target": "thread"}


@pytest.fixture
def thread(organization: Organization) -> Conversation:
    with tenancy.organization_context(organization.pk):
        contact = make.contact(organization, name="Joana Prado", wa_id="5511987654321")
        row = make.conversation(make.number(organization), contact, status="queued", is_bot_active=False)
        make.message(row, "Preciso de ajuda <b>já</b>")
        return row


def fresh(conversation: Conversation) -> Conversation:
    with tenancy.organization_context(conversation.organization_id):
        return Conversation.objects.get(pk=conversation.pk)


def test_visitors_are_sent_to_sign_in(db: None) -> None:
    assert Client().get("/inbox/").status_code == 302


def test_the_first_paint_is_whole(client_as: SignIn, agent: User, thread: Conversation) -> None:
    page = client_as(agent).get("/inbox/", {"c": str(thread.pk)}).content.decode()

    assert "Joana Prado" in page
    assert "+55 11 98765-4321" in page
    assert "Preciso de ajuda &lt;b&gt;já&lt;/b&gt;" in page
    assert 'data-verb="take"' in page
    assert "style=" not in page
    assert "<script>" not in page


def test_a_pane_is_a_fragment_of_the_same_page(client_as: SignIn, agent: User, thread: Conversation) -> None:
    client = client_as(agent)

    pane = client.get("/inbox/", {"c": str(thread.pk)}, headers=HTMX)
    rows = client.get("/inbox/", headers={"HX-Request": "true", "HX-Target": "rows"})

    assert "<html" not in pane.content.decode()
    assert 'id="thread"' in pane.content.decode()
    assert 'hx-swap-oob="true"' in pane.content.decode()
    assert 'id="rows"' in rows.content.decode()
    assert "HX-Target" in pane.headers["Vary"]


def test_what_arrived_is_not_shown_raw_to_those_who_see_phones_masked(
    client_as: SignIn, viewer: User, agent: User, thread: Conversation
) -> None:
    raw = {"type": "image", "from": "5511987654321", "image": {"id": "77"}}
    with tenancy.organization_context(thread.organization_id):
        make.message(thread, "", message_type="image", content=raw)

    assert "5511987654321" in client_as(agent).get("/inbox/", {"c": str(thread.pk)}).content.decode()
    assert "5511987654321" not in client_as(viewer).get("/inbox/", {"c": str(thread.pk)}).content.decode()


def test_viewers_see_masked_phones_and_no_actions(client_as: SignIn, viewer: User, thread: Conversation) -> None:
    page = client_as(viewer).get("/inbox/", {"c": str(thread.pk)}).content.decode()

    assert "98765-4321" not in page
    assert "4321" in page
    assert "data-verb" not in page


def test_viewers_cannot_act(client_as: SignIn, viewer: User, thread: Conversation) -> None:
    answer = client_as(viewer).post(f"/inbox/{thread.pk}/take/")

    assert answer.status_code == 403
    assert fresh(thread).status == "queued"


def test_strangers_find_nothing(client_as: SignIn, stranger: User, thread: Conversation) -> None:
    client = client_as(stranger)

    assert client.get("/inbox/", {"c": str(thread.pk)}).status_code == 404
    assert client.post(f"/inbox/{thread.pk}/take/").status_code == 404
    assert "Joana" not in client.get("/inbox/", {"view": "all"}).content.decode()


def test_agents_do_not_open_threads_of_other_departments(
    client_as: SignIn, agent: User, thread: Conversation, organization: Organization
) -> None:
    with tenancy.organization_context(organization.pk):
        Conversation.objects.filter(pk=thread.pk).update(department=make.department(organization))

    assert client_as(agent).get("/inbox/", {"c": str(thread.pk)}).status_code == 404


def test_without_scripts_taking_redirects_to_the_same_place(
    client_as: SignIn, agent: User, thread: Conversation
) -> None:
    answer = client_as(agent).post(f"/inbox/{thread.pk}/take/?view=queue&q=jo")

    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/inbox/?view=queue&q=jo&c={thread.pk}"
    assert fresh(thread).current_agent_id == agent.pk


def test_with_scripts_the_thread_comes_back(client_as: SignIn, agent: User, thread: Conversation) -> None:
    answer = client_as(agent).post(f"/inbox/{thread.pk}/take/", headers=HTMX)

    assert answer.status_code == 200
    assert 'data-verb="resolve"' in answer.content.decode()
    assert "toast" in json.loads(answer.headers["HX-Trigger"])


def test_a_stale_form_gets_the_present_state(client_as: SignIn, agent: User, admin: User, thread: Conversation) -> None:
    client_as(admin).post(f"/inbox/{thread.pk}/take/", {"version": 0})

    answer = client_as(agent).post(f"/inbox/{thread.pk}/resolve/", {"version": 0}, headers=HTMX)

    assert answer.status_code == 409
    assert "Alice Admin" in answer.content.decode()
    assert fresh(thread).status == "active"


def test_a_reply_is_stored_once_per_key(client_as: SignIn, agent: User, thread: Conversation) -> None:
    client = client_as(agent)

    for _ in range(2):
        answer = client.post(f"/inbox/{thread.pk}/reply/", {"text": "Olá, Joana", "client_key": "k"}, headers=HTMX)
        assert answer.status_code == 200
        assert 'data-client-key="k"' in answer.content.decode()

    with tenancy.organization_context(thread.organization_id):
        assert Message.objects.filter(conversation=thread, direction="outbound").count() == 1


def test_a_refused_reply_keeps_what_was_typed(client_as: SignIn, agent: User, thread: Conversation) -> None:
    typed = "x" * 4097

    answer = client_as(agent).post(f"/inbox/{thread.pk}/reply/", {"text": typed})

    assert answer.status_code == 422
    assert typed in answer.content.decode()


def test_a_closed_window_disables_the_composer(client_as: SignIn, agent: User, thread: Conversation) -> None:
    with tenancy.organization_context(thread.organization_id):
        Conversation.objects.filter(pk=thread.pk).update(window_expires_at=timezone.now() - timedelta(seconds=1))
    client = client_as(agent)

    page = client.get("/inbox/", {"c": str(thread.pk)}).content.decode()
    answer = client.post(f"/inbox/{thread.pk}/reply/", {"text": "Oi"})

    assert 'data-write="reply"' not in page
    assert 'data-write="note"' in page
    assert answer.status_code == 409


def test_a_note_is_never_sent(client_as: SignIn, agent: User, thread: Conversation) -> None:
    client_as(agent).post(f"/inbox/{thread.pk}/note/", {"text": "Ligar amanhã"})

    with tenancy.organization_context(thread.organization_id):
        note = Message.objects.get(conversation=thread, direction="outbound")
    assert (note.is_internal_note, note.dispatch_state) == (True, "none")


def test_a_failed_message_is_sent_again_once(client_as: SignIn, agent: User, thread: Conversation) -> None:
    with tenancy.organization_context(thread.organization_id):
        failed = make.message(
            thread, "Oi?", direction="outbound", sender_type="agent", status="failed", dispatch_state="failed",
            content={"kind": "text", "body": "Oi?"},
        )  # fmt: skip
    client = client_as(agent)

    for _ in range(2):
        client.post(f"/inbox/{thread.pk}/retry/", {"message": str(failed.pk)})

    with tenancy.organization_context(thread.organization_id):
        again = Message.objects.get(conversation=thread, retry_of=failed)
    assert (again.text, again.dispatch_state) == ("Oi?", "queued")


def test_reopening_gives_the_thread_to_whoever_reopened_it(
    client_as: SignIn, agent: User, thread: Conversation
) -> None:
    client = client_as(agent)
    client.post(f"/inbox/{thread.pk}/resolve/")

    client.post(f"/inbox/{thread.pk}/reopen/")

    assert (fresh(thread).status, fresh(thread).current_agent_id) == ("active", agent.pk)


def test_an_unknown_action_is_not_found(client_as: SignIn, agent: User, thread: Conversation) -> None:
    assert client_as(agent).post(f"/inbox/{thread.pk}/explode/").status_code == 404


def test_actions_need_post(client_as: SignIn, agent: User, thread: Conversation) -> None:
    assert client_as(agent).get(f"/inbox/{thread.pk}/take/").status_code == 405


@pytest.mark.slow
@pytest.mark.parametrize("view", ["people", "all"])
def test_the_page_costs_the_same_for_1_and_100_rows(
    client_as: SignIn, agent: User, thread: Conversation, view: str
) -> None:
    client, organization = client_as(agent), thread.organization
    address = f"/inbox/?view={view}&n=200&c={thread.pk}"
    client.get(address)
    with CaptureQueriesContext(connection) as one:
        client.get(address)
    with tenancy.organization_context(organization.pk):
        department = make.department(organization)
        DepartmentMember.objects.create(organization=organization, department=department, user=agent)
        for _ in range(99):
            make.conversation(thread.number, status="queued", is_bot_active=False, department=department)
            make.message(thread, "mais")

    with CaptureQueriesContext(connection) as hundred:
        page = client.get(address).content.decode()

    assert page.count('class="conv') >= 100
    assert len(hundred) == len(one)
