"""The page of a flow: drawing, editor, versions, file."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.utils import timezone

from flows import publishing
from flows.models import Flow, FlowVersion
from pytake.accounts.models import AuditEntry, Organization, User
from pytake.infra import tenancy
from tests import make
from tests.flows.engine.play import graph, node
from tests.flows.pages.conftest import BROKEN, HELLO, SignIn, as_text

Fresh = Callable[[Flow], Flow]


def test_the_flow_is_drawn_with_every_node_and_told_in_words(client_as: SignIn, viewer: User, booking: Flow) -> None:
    page = client_as(viewer).get(f"/flows/{booking.pk}/").content.decode()

    for item in booking.draft["nodes"]:
        assert f'id="box-{item["id"]}"' in page
        assert f'id="node-{item["id"]}"' in page
    assert page.count('class="flow-line') == len(booking.draft["edges"])
    assert "Agendar consulta" in page


def test_a_draft_that_cannot_be_read_still_has_a_page(
    client_as: SignIn, organization: Organization, admin: User, flow: Flow
) -> None:
    odd = {"schema": "x", "nodes": [{"id": "a", "type": "teleport"}, 7, {"id": "<b>", "type": "start"}], "edges": 3}
    with tenancy.organization_context(organization.pk):
        publishing.save_draft(flow, odd, by=admin, now=timezone.now())

    for tab in ("", "json", "versions", "nonsense"):
        assert client_as(admin).get(f"/flows/{flow.pk}/", {"tab": tab}).status_code == 200


def test_texts_of_the_flow_cannot_break_out_of_the_page(
    client_as: SignIn, organization: Organization, admin: User, flow: Flow
) -> None:
    evil = graph([node("s", "start", greeting="</textarea></svg><script>alert(1)</script>")])
    with tenancy.organization_context(organization.pk):
        publishing.save_draft(flow, evil, by=admin, now=timezone.now())

    for tab in ("drawing", "json"):
        assert "<script>alert" not in client_as(admin).get(f"/flows/{flow.pk}/", {"tab": tab}).content.decode()


def test_a_draft_is_saved(client_as: SignIn, agent: User, flow: Flow, fresh: Fresh) -> None:
    answer = client_as(agent).post(f"/flows/{flow.pk}/save/", {"graph": as_text(BROKEN), "draft_version": 1})

    after = fresh(flow)
    assert (answer.status_code, after.draft, after.draft_version) == (302, BROKEN, 2)
    assert after.draft_updated_by == agent


def test_the_second_save_does_not_win_silently(
    client_as: SignIn, organization: Organization, admin: User, agent: User, flow: Flow, fresh: Fresh
) -> None:
    with tenancy.organization_context(organization.pk):
        publishing.save_draft(flow, HELLO, by=admin, now=timezone.now(), version=1)
    mine = as_text({**HELLO, "name": "O meu"})

    refused = client_as(agent).post(f"/flows/{flow.pk}/save/", {"graph": mine, "draft_version": 1})

    page = refused.content.decode()
    assert refused.status_code == 409
    assert "Alice Admin saved this flow meanwhile" in page
    assert "O meu" in page  # what was typed is not lost
    assert fresh(flow).draft == HELLO

    over = client_as(agent).post(f"/flows/{flow.pk}/save/", {"graph": mine, "draft_version": 1, "over": 2})
    assert (over.status_code, fresh(flow).draft["name"]) == (302, "O meu")


def test_bad_json_is_refused_with_line_and_column_and_kept(
    client_as: SignIn, agent: User, flow: Flow, fresh: Fresh
) -> None:
    text = '{\n  "schema": "pytake.flow/1",\n  "nodes": [,]\n}'

    answer = client_as(agent).post(f"/flows/{flow.pk}/save/", {"graph": text, "draft_version": 1})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "line 3, column 13" in page
    assert "&quot;nodes&quot;: [,]" in page
    assert fresh(flow).draft_version == 1


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "NaN",
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": "\\ud800"}',
        '{"a": "\\u0000"}',
        "[" * 100_000,
        '{"a":' * 80 + "1" + "}" * 80,
    ],
)
def test_json_that_cannot_be_stored_is_refused(client_as: SignIn, agent: User, flow: Flow, text: str) -> None:
    answer = client_as(agent).post(f"/flows/{flow.pk}/save/", {"graph": text, "draft_version": 1})

    assert answer.status_code == 422


def test_checking_saves_nothing(client_as: SignIn, agent: User, flow: Flow, fresh: Fresh) -> None:
    sent = {"graph": as_text(BROKEN), "draft_version": 1}
    client = client_as(agent)

    fragment = client.post(f"/flows/{flow.pk}/check/", sent, headers={"hx-request": "true"})
    page = client.post(f"/flows/{flow.pk}/check/", sent)

    assert "Nothing leads to this node" in fragment.content.decode()
    assert "Nothing leads to this node" in page.content.decode()
    assert fresh(flow).draft == HELLO


def test_a_flow_with_errors_is_not_published_and_the_node_is_named(
    client_as: SignIn, organization: Organization, admin: User, flow: Flow
) -> None:
    with tenancy.organization_context(organization.pk):
        publishing.save_draft(flow, BROKEN, by=admin, now=timezone.now())

    answer = client_as(admin).post(f"/flows/{flow.pk}/publish/", {"draft_version": 2})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Not published: the draft has errors." in page
    assert '<a href="#box-z">z</a>' in page
    assert "Nothing leads to this node." in page
    with tenancy.organization_context(organization.pk):
        assert not FlowVersion.objects.exists()


def test_a_version_is_published_with_its_note_and_restored_as_draft(
    client_as: SignIn, organization: Organization, admin: User, flow: Flow, fresh: Fresh
) -> None:
    client = client_as(admin)
    client.post(f"/flows/{flow.pk}/publish/", {"draft_version": 1, "note": "Primeira"})
    client.post(f"/flows/{flow.pk}/save/", {"graph": as_text(BROKEN), "draft_version": 1})

    page = client.get(f"/flows/{flow.pk}/", {"tab": "versions"}).content.decode()
    restored = client.post(f"/flows/{flow.pk}/restore/", {"number": 1, "draft_version": 2})

    assert "Primeira" in page
    assert (restored.status_code, fresh(flow).draft, fresh(flow).draft_version) == (302, HELLO, 3)
    with tenancy.organization_context(organization.pk):
        actions = AuditEntry.objects.filter(entity_id=str(flow.pk)).order_by("sequence")
        assert list(actions.values_list("action", flat=True)) == ["flow.published", "flow.restored"]


def test_what_was_not_looked_at_is_neither_published_nor_replaced(
    client_as: SignIn, admin: User, flow: Flow, fresh: Fresh
) -> None:
    client = client_as(admin)
    client.post(f"/flows/{flow.pk}/publish/", {"draft_version": 1})

    assert client.post(f"/flows/{flow.pk}/publish/", {"draft_version": 0}).status_code == 409
    assert client.post(f"/flows/{flow.pk}/restore/", {"number": 1, "draft_version": 0}).status_code == 409
    assert client.post(f"/flows/{flow.pk}/restore/", {"number": 9, "draft_version": 1}).status_code == 404
    assert (fresh(flow).version, fresh(flow).draft_version) == (1, 1)


def test_a_version_is_shown_and_exported(client_as: SignIn, admin: User, viewer: User, flow: Flow) -> None:
    client_as(admin).post(f"/flows/{flow.pk}/publish/", {"draft_version": 1})
    client = client_as(viewer)

    assert client.get(f"/flows/{flow.pk}/", {"version": "1"}).status_code == 200
    file = client.get(f"/flows/{flow.pk}/export/", {"version": "1"})
    assert json.loads(file.content)["flow"]["graph"] == HELLO
    assert file["Content-Disposition"] == 'attachment; filename="boas-vindas-v1.json"'
    for number in ("2", "x", "-1", "9" * 30):
        assert client.get(f"/flows/{flow.pk}/", {"version": number}).status_code == 404


def test_roles_do_only_what_they_may(client_as: SignIn, viewer: User, agent: User, flow: Flow) -> None:
    looking, working = client_as(viewer), client_as(agent)

    for action in ("save", "check", "import", "publish", "restore", "try"):
        assert looking.post(f"/flows/{flow.pk}/{action}/").status_code == 403, action
    assert working.post(f"/flows/{flow.pk}/publish/", {"draft_version": 1}).status_code == 403
    assert "Publish…" not in working.get(f"/flows/{flow.pk}/").content.decode()


def test_another_organization_finds_nothing(client_as: SignIn, stranger: User, flow: Flow) -> None:
    client = client_as(stranger)

    for page in ("", "export/", "try/"):
        assert client.get(f"/flows/{flow.pk}/{page}").status_code == 404
    for action in ("save", "check", "import", "publish", "restore", "try"):
        assert client.post(f"/flows/{flow.pk}/{action}/", {"draft_version": 1}).status_code == 404


def test_a_deleted_chatbot_takes_its_flows_along(
    client_as: SignIn, organization: Organization, admin: User, flow: Flow
) -> None:
    with tenancy.organization_context(organization.pk):
        flow.chatbot.deleted_at = timezone.now()
        flow.chatbot.save()
        make.chatbot(organization)

    assert client_as(admin).get(f"/flows/{flow.pk}/").status_code == 404
