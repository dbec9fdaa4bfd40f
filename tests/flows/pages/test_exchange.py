"""Import and export."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from flows import exchange
from flows.models import Flow
from pytake.accounts.models import AuditEntry, Organization, User
from pytake.infra import tenancy
from tests import make
from tests.flows.engine.play import graph, node
from tests.flows.pages.conftest import HELLO, SignIn, as_text

Fresh = Callable[[Flow], Flow]
OTHER = {**HELLO, "settings": {"session_ttl_hours": 3}}


def test_a_pasted_graph_becomes_the_draft(
    client_as: SignIn, organization: Organization, agent: User, flow: Flow, fresh: Fresh
) -> None:
    sent = {"import-text": as_text(OTHER), "import-draft_version": 1}

    answer = client_as(agent).post(f"/flows/{flow.pk}/import/", sent)

    assert (answer.status_code, fresh(flow).draft, fresh(flow).version) == (302, OTHER, 0)
    with tenancy.organization_context(organization.pk):
        assert AuditEntry.objects.filter(action="flow.imported", entity_id=str(flow.pk)).count() == 1


def test_an_exported_file_comes_back_as_a_new_flow_of_the_chatbot(
    client_as: SignIn, organization: Organization, admin: User, flow: Flow
) -> None:
    client = client_as(admin)
    file = SimpleUploadedFile("f.json", client.get(f"/flows/{flow.pk}/export/").content)

    client.post(f"/flows/{flow.pk}/import/", {"import-file": file, "import-as_new": "on", "import-draft_version": 1})

    with tenancy.organization_context(organization.pk):
        fresh = Flow.objects.exclude(pk=flow.pk).get()
        assert (fresh.name, fresh.draft, fresh.is_main, fresh.version) == ("Boas-vindas", HELLO, False, 0)
        assert fresh.chatbot_id == flow.chatbot_id


def test_agents_do_not_create_flows_by_importing(client_as: SignIn, agent: User, flow: Flow) -> None:
    sent = {"import-text": as_text(HELLO), "import-as_new": "on", "import-draft_version": 1}

    assert client_as(agent).post(f"/flows/{flow.pk}/import/", sent).status_code == 403


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Choose a file or paste its text"),
        ("<!DOCTYPE html><html></html>", "This is a web page"),
        ("{", "line 1, column 2"),
        ('{"format_version": "2.0", "flow": {}}', "has format 2.0"),
        ('{"format_version": "1.0", "flow": 7}', "names no flow"),
        (as_text({**HELLO, "schema": "pytake.flow/9"}), "pytake.flow/9"),
        ('{"typebot": true}', "not a flow"),
        ('{"nodes": "' + "x" * 1_100_000 + '"}', "larger than 1 MB"),
    ],
)
def test_what_is_no_flow_is_refused_in_a_sentence(
    client_as: SignIn, agent: User, flow: Flow, fresh: Fresh, text: str, said: str
) -> None:
    sent = {"import-text": text, "import-draft_version": 1}

    answer = client_as(agent).post(f"/flows/{flow.pk}/import/", sent)

    assert (answer.status_code, said in answer.content.decode()) == (422, True)
    assert fresh(flow).draft == HELLO


@pytest.mark.parametrize("content", [b"\xff\xfe{\x00}\x00", b"x" * 1_100_000])
def test_a_file_that_is_no_text_or_huge_is_refused(client_as: SignIn, agent: User, flow: Flow, content: bytes) -> None:
    sent: dict[str, Any] = {"import-file": SimpleUploadedFile("f.json", content), "import-draft_version": 1}

    assert client_as(agent).post(f"/flows/{flow.pk}/import/", sent).status_code == 422


def test_an_import_does_not_overwrite_what_somebody_saved_meanwhile(
    client_as: SignIn, agent: User, flow: Flow, fresh: Fresh
) -> None:
    sent = {"import-text": as_text(OTHER), "import-draft_version": 0}

    assert client_as(agent).post(f"/flows/{flow.pk}/import/", sent).status_code == 409
    assert fresh(flow).draft == HELLO


def test_secrets_are_left_out_of_a_file_and_references_are_listed(in_organization: Organization) -> None:
    row = make.flow(make.chatbot(in_organization, settings={"api_key": "k-1"}))
    raw = graph(
        [
            node(
                "a",
                "api_call",
                url="https://x.example",
                auth={"token": "t-1", "user": "ana"},
                headers=[{"key": "Authorization", "value": "Bearer t-2"}, {"key": "X-Key", "value": "{{secrets.crm}}"}],
            )
        ]
    )

    text = json.dumps(exchange.export(row, raw, now=timezone.now()))

    assert not [secret for secret in ("k-1", "t-1", "t-2") if secret in text]
    assert '"secrets": ["crm"]' in text
    assert "ana" in text


def test_jumps_lead_to_the_flow_of_the_same_name(in_organization: Organization) -> None:
    bot = make.chatbot(in_organization)
    target = make.flow(bot, name="Cobrança")
    raw = graph([node("j", "jump", target="flow", flow_id="11111111-1111-1111-1111-111111111111")])
    needed = [
        {"id": "11111111-1111-1111-1111-111111111111", "name": "Cobrança"},
        {"id": "22222222-2222-2222-2222-222222222222", "name": "Sumido"},
    ]
    file = {"format_version": "1.0", "flow": {"name": "x", "graph": raw}, "requires": {"flows": needed}}

    imported = exchange.read(json.dumps(file))

    assert imported.graph["nodes"][0]["data"]["flow_id"] == str(target.pk)
    assert imported.missing == ["Sumido"]
