"""Contact pages: filters, custom fields, blocking, imports, exports and merges as people use them."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from conversations.models import Contact, ContactImport, ContactMerge, ContactTag, CustomField, Tag
from conversations.people import importing, sheets
from pytake.accounts.models import AuditEntry, Organization, User
from pytake.infra import tenancy
from tests import make

SignIn = Callable[[User], Client]
URL = "/inbox/contacts/"


@pytest.fixture
def joana(organization: Organization) -> Contact:
    with tenancy.organization_context(organization.pk):
        return make.contact(organization, name="Joana Prado", wa_id="5511987654321")


def refresh(contact: Contact) -> None:
    with tenancy.organization_context(contact.organization_id):
        contact.refresh_from_db()


def test_tabs_and_tags_leave_those_who_fit(client_as: SignIn, agent: User, joana: Contact) -> None:
    with tenancy.organization_context(joana.organization_id):
        make.contact(joana.organization, name="Zé Barrado", is_blocked=True)
        tag = Tag.objects.create(organization=joana.organization, name="Cliente")
        ContactTag.objects.create(organization=joana.organization, contact=joana, tag=tag)
    client = client_as(agent)

    def shown(query: str) -> tuple[bool, bool]:
        page = client.get(URL + query).content.decode()
        return "Joana Prado" in page, "Zé Barrado" in page

    assert (shown(""), shown("?view=blocked"), shown(f"?tag={tag.pk}")) == ((True, True), (False, True), (True, False))
    assert shown("?view=vip") == (False, False)


def test_the_list_takes_as_many_queries_for_many_as_for_one(client_as: SignIn, agent: User, joana: Contact) -> None:
    client = client_as(agent)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(URL)
        return len(captured)

    queries()
    one = queries()
    with tenancy.organization_context(joana.organization_id):
        for _ in range(30):
            make.contact(joana.organization)

    assert queries() == one


def test_a_contact_is_created_with_custom_fields_and_tags(
    client_as: SignIn, agent: User, organization: Organization
) -> None:
    with tenancy.organization_context(organization.pk):
        CustomField.objects.create(
            organization=organization, key="plano", label="Plano", kind="choice", choices=["Ouro"]
        )
        CustomField.objects.create(organization=organization, key="valor", label="Valor", kind="number")
    data = {"name": "Rui", "phone": "(21) 3333-4444", "tags": "Cliente, Novo", "custom_plano": "Ouro"}

    answer = client_as(agent).post(URL + "new/", {**data, "custom_valor": "1.234,50"}, follow=True)

    page = answer.content.decode()
    assert (answer.status_code, "Cliente" in page, 'value="1234.5"' in page) == (200, True, True)
    with tenancy.organization_context(organization.pk):
        assert Contact.objects.get().attributes == {"plano": "Ouro", "valor": 1234.5}


def test_a_known_phone_leads_to_its_contact(client_as: SignIn, agent: User, joana: Contact) -> None:
    answer = client_as(agent).post(URL + "new/", {"name": "X", "phone": "11 8765-4321"})

    assert answer.status_code == 422
    assert f"{URL}{joana.pk}/" in answer.content.decode()


def test_the_second_save_of_two_people_does_not_silently_win(client_as: SignIn, agent: User, joana: Contact) -> None:
    client = client_as(agent)
    seen = joana.updated_at.isoformat()
    first = client.post(f"{URL}{joana.pk}/", {"name": "Uma", "seen": seen})

    second = client.post(f"{URL}{joana.pk}/", {"name": "Outra", "seen": seen})

    refresh(joana)
    assert (first.status_code, second.status_code, joana.name) == (302, 422, "Uma")


def test_buttons_block_delete_and_bring_back(client_as: SignIn, agent: User, joana: Contact) -> None:
    client = client_as(agent)

    client.post(f"{URL}{joana.pk}/do/block/", {"reason": "Ofensas"})
    refresh(joana)
    assert (joana.is_blocked, joana.blocked_reason) == (True, "Ofensas")
    gone = client.post(f"{URL}{joana.pk}/do/delete/", follow=True)
    assert "Joana Prado" in gone.content.decode()
    assert client.get(f"{URL}{joana.pk}/").status_code == 404
    client.post(f"{URL}{joana.pk}/do/restore/")
    assert client.get(f"{URL}{joana.pk}/").status_code == 200


def test_viewers_have_no_buttons_and_no_power(client_as: SignIn, viewer: User, joana: Contact) -> None:
    client = client_as(viewer)

    page = client.get(f"{URL}{joana.pk}/").content.decode()

    assert "do/block" not in page
    for address in (f"{joana.pk}/do/block/", "export/", "new/", "import/", f"{joana.pk}/merge/"):
        assert client.post(URL + address).status_code == 403


def test_a_list_is_uploaded_looked_at_imported_and_undone(client_as: SignIn, agent: User) -> None:
    client = client_as(agent)
    file = SimpleUploadedFile("lista.csv", "Nome;Fone\nRui;21 98765-4321\nX;12\n".encode("latin-1"))
    looked_at = client.post(URL + "import/", {"file": file}, follow=True)
    job_url = looked_at.request["PATH_INFO"]
    mapping = {"column_0": "name", "column_1": "phone", "existing": "fill"}

    without_basis = client.post(job_url, {**mapping, "step": "start"})
    started = client.post(job_url, {**mapping, "step": "start", "legal_basis": "consent", "evidence": "Site"})
    importing.import_waiting(until=timezone.now() + timedelta(seconds=30), clock=timezone.now)

    report = client.get(job_url).content.decode()
    refused = b"".join(client.get(job_url + "refused/").streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]  # a stream
    assert (without_basis.status_code, started.status_code) == (422, 302)
    assert ("refused/" in report, refused.splitlines()[1][:5]) == (True, "X;12;")
    client.post(job_url + "undo/")
    with tenancy.organization_context(agent.organization_id):  # type: ignore[arg-type]  # a member
        assert (ContactImport.objects.get().state, ContactImport.objects.get().rows_removed) == ("undone", 1)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_exports_are_audited_guarded_and_can_be_imported_again(
    client_as: SignIn, admin: User, organization: Organization, form: str
) -> None:
    with tenancy.organization_context(organization.pk):
        make.contact(organization, name='=HYPERLINK("http://x")', wa_id="551187654321")
        make.contact(organization, name="Mary", wa_id="14155552671")

    answer = client_as(admin).post(URL + "export/", {"format": form})

    data = b"".join(answer.streaming_content)  # type: ignore[attr-defined]  # a stream
    assert b"\n=HYPER" not in data
    assert b";=HYPER" not in data
    with tenancy.organization_context(organization.pk):
        assert AuditEntry.objects.filter(action="contacts.exported", changes__contacts=2).exists()
        job = importing.upload(io.BytesIO(data), name="volta", by=admin, request=None)
        totals = importing.preview(job)["totals"]
    sheet = sheets.read(io.BytesIO(data), name="x")
    assert {row[1] for row in sheet.rows} == {'=HYPERLINK("http://x")', "Mary"}
    assert totals == {"unchanged": 2}


def test_two_contacts_are_compared_merged_and_separated(client_as: SignIn, admin: User, joana: Contact) -> None:
    with tenancy.organization_context(joana.organization_id):
        other = make.contact(joana.organization, name="Jô", wa_id="552133334444")
    client = client_as(admin)
    url = f"{URL}{joana.pk}/merge/"

    found = client.get(url, {"q": "Jô"}).content.decode()
    compared = client.get(url, {"other": str(other.pk)}).content.decode()
    client.post(url, {"other": str(other.pk), "winner_name": "merge", "reason": "mesmo e-mail"})
    page = client.get(f"{URL}{other.pk}/", follow=True).content.decode()

    assert (str(other.pk) in found, "winner_name" in compared, "mesmo e-mail" in page) == (True, True, True)
    with tenancy.organization_context(joana.organization_id):
        row = ContactMerge.objects.get()
    client.post(f"{URL}{joana.pk}/merge/{row.pk}/undo/")
    assert client.get(f"{URL}{other.pk}/").status_code == 200


def test_tags_and_fields_are_set_up(client_as: SignIn, admin: User, organization: Organization) -> None:
    client = client_as(admin)
    client.post(URL + "setup/", {"what": "tag", "name": "Cliente", "color": "#2563EB"})
    client.post(URL + "setup/", {"what": "field", "label": "Aniversário", "kind": "date"})
    refused = client.post(URL + "setup/", {"what": "field", "label": "Plano", "kind": "choice", "choices": "Um"})

    page = client.get(URL + "setup/").content.decode()

    assert ("Cliente" in page, "Aniversário" in page, refused.status_code) == (True, True, 422)
    with tenancy.organization_context(organization.pk):
        assert CustomField.objects.get().key == "aniversario"
        tag = Tag.objects.get()
    client.post(f"{URL}setup/tags/{tag.pk}/", {"delete": "1"})
    assert "Cliente" not in client.get(URL + "setup/").content.decode().replace("Tag deleted", "")


def test_the_api_imports_exports_and_merges(
    api_as: Callable[[User], APIClient], admin: User, organization: Organization, joana: Contact
) -> None:
    client = api_as(admin)
    how = {"legal_basis": "consent", "evidence": "Site"}

    def send(**more: str) -> tuple[int, dict[str, object]]:
        file = SimpleUploadedFile("l.csv", b"nome;telefone\nRui;21987654321\nX;1\n")
        answer = client.post("/api/v1/contacts/import", {"file": file, **how, **more}, format="multipart")
        return answer.status_code, answer.json()

    dry_status, dry = send(dry_run="true")
    status, job = send()
    importing.import_waiting(until=timezone.now() + timedelta(seconds=30), clock=timezone.now)
    report = client.get(f"/api/v1/contacts/import/{job['id']}").json()
    rui = client.get("/api/v1/contacts?q=Rui").json()["items"][0]
    pair = {"keep_id": str(joana.pk), "merge_id": rui["id"]}
    merged = client.post("/api/v1/contacts/merge", pair, format="json")
    undone = client.post(f"/api/v1/contacts/merges/{merged.json()['id']}/undo")
    link = client.post("/api/v1/contacts/export", {"format": "csv"}, format="json").json()["url"]
    lines = b"".join(client.get(link).streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]  # a stream

    assert (dry_status, dry["preview"], status) == (200, {"created": 1, "refused": 1}, 202)
    assert (report["state"], report["rows_created"], report["refused"][0]["problem"]) == ("done", 1, "short")
    assert (merged.status_code, undone.status_code, len(lines)) == (201, 200, 3)
