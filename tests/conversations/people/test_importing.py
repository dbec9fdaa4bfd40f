"""Imports: every kind of file, what rows do, restarts, undo."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations.models import ConsentEvent, Contact, ContactIdentity, ContactImport, CustomField
from conversations.people import importing, sheets
from pytake.accounts.models import Organization, User
from pytake.core.errors import ConflictError, DomainError
from tests import make

pytestmark = pytest.mark.usefixtures("in_organization")


def uploaded(text: str | bytes, by: User) -> ContactImport:
    data = text if isinstance(text, bytes) else text.encode()
    return importing.upload(io.BytesIO(data), name="lista.csv", by=by, request=None)


def run(job: ContactImport, by: User, **options: str) -> ContactImport:
    basis = {"legal_basis": "consent", "evidence": "Formulário do site", **options}
    importing.map_columns(job, mapping=job.mapping, options=basis)
    importing.start(job, by=by, request=None, now=timezone.now())
    work()
    job.refresh_from_db()
    return job


def work() -> int:
    return importing.import_waiting(until=timezone.now() + timedelta(seconds=60), clock=timezone.now)


def names() -> set[str]:
    return set(Contact.objects.filter(deleted_at=None).values_list("name", flat=True))


def test_a_latin_1_file_with_semicolons_is_read_as_people_wrote_it(agent: User) -> None:
    job = uploaded("Nome;Celular;Observações\nJoão, o só;(11) 98765-4321;às 9h\n".encode("latin-1"), agent)

    run(job, agent)

    contact = Contact.objects.get()
    assert (job.mapping, job.reading["delimiter"]) == ({"0": "name", "1": "phone", "2": "notes"}, ";")
    assert (contact.name, contact.notes, contact.source) == ("João, o só", "às 9h", "import")


@pytest.mark.parametrize(
    "data",
    [
        "nome,telefone\nRui,11987654321\n".encode("utf-8-sig"),
        "nome\ttelefone\nRui\t11987654321\n".encode("utf-16"),
        b"sep=|\nnome|telefone\nRui|11987654321\n",
        b"Rui;11987654321\n",
        b'nome;telefone\r\n"Rui";"11987654321"\r\n;\r\n\r\n',
    ],
)
def test_every_usual_spelling_of_a_csv_file_is_read(agent: User, data: bytes) -> None:
    job = uploaded(data, agent)
    job.mapping |= {"0": "name"}

    run(job, agent)

    identity = ContactIdentity.objects.select_related("contact").get()
    assert (identity.contact.name, identity.value, identity.kind) == ("Rui", "5511987654321", "phone")


@pytest.mark.parametrize(
    ("phone", "key"),
    [
        ("(11) 98765-4321", "tel:551187654321"),
        ("11 8765-4321", "tel:551187654321"),
        ("+55 (11) 9 8765-4321", "tel:551187654321"),
        ("5511987654321", "tel:551187654321"),
        ("0 11 98765-4321", "tel:551187654321"),
        ("0 15 11 98765-4321", "tel:551187654321"),
        ("0055 11 98765 4321", "tel:551187654321"),
        ("11.98765.4321", "tel:551187654321"),
        ("(21) 3333-4444", "tel:552133334444"),
        ("+1 415 555 2671", "tel:14155552671"),
    ],
)
def test_phones_are_understood_in_every_spelling(agent: User, phone: str, key: str) -> None:
    run(uploaded(f"telefone;nome\n{phone};Rui\n", agent), agent)

    assert ContactIdentity.objects.get().canonical_key == key


def test_refused_rows_are_reported_with_the_reason(agent: User) -> None:
    CustomField.objects.create(
        organization=agent.organization,
        key="nascimento",
        label="Nascimento",
        kind="date",  # type: ignore[misc]  # a member's
    )
    lines = ["nome;telefone;email;nascimento", "Sem;;;", "Curto;1234;;", "Texto;não tem;;", "Excel;5,51199E+12;;"]
    lines += ["Dois;11 98765-4321 / 11 3333-4444;;", "Boa;11 98765-4321;a@b.com;31/12/1990", "De novo;5511987654321;;"]
    lines += ["Errado;21 98765-4321;sem arroba;", "Data;21 98765-4322;;amanhã", "=cmd();31 98765-4321;;"]

    job = run(uploaded("\n".join(lines), agent), agent)

    reasons = [(values[0], problem) for _number, problem, values in importing.refused(job)]
    assert reasons == [
        ("Sem", "empty"), ("Curto", "short"), ("Texto", "letters"), ("Excel", "rounded"), ("Dois", "short"),
        ("De novo", "repeated"), ("Errado", "email"), ("Data", "value"),
    ]  # fmt: skip
    assert (job.rows_created, job.rows_refused, job.state) == (2, 8, "done")
    assert Contact.objects.get(name="Boa").attributes == {"nascimento": "1990-12-31"}
    assert "=cmd()" in names()


def test_known_contacts_are_filled_overwritten_or_left(agent: User, in_organization: Organization) -> None:
    make.contact(in_organization, name="Joana", wa_id="551187654321")
    text = "nome;telefone;empresa\nOutro nome;11 98765-4321;Padaria\n"

    def after(mode: str) -> tuple[str, str]:
        run(uploaded(text, agent), agent, existing=mode)
        contact = Contact.objects.get()
        return contact.name, contact.company

    assert after("skip") == ("Joana", "")
    assert after("fill") == ("Joana", "Padaria")
    assert after("overwrite") == ("Outro nome", "Padaria")


def test_an_import_never_brings_back_who_opted_out(agent: User, in_organization: Organization) -> None:
    make.contact(in_organization, name="Joana", wa_id="5511987654321", opt_in=False)

    run(uploaded("nome;telefone\nJoana;11 98765-4321\nRui;21 98765-4321\n", agent), agent)

    assert dict(Contact.objects.values_list("name", "opt_in")) == {"Joana": False, "Rui": True}
    event = ConsentEvent.objects.get()
    assert (event.source, event.legal_basis, event.evidence["reason"]) == ("import", "consent", "Formulário do site")


def test_without_consent_the_new_get_no_promotions(agent: User) -> None:
    run(uploaded("nome;telefone\nRui;21 98765-4321\n", agent), agent, legal_basis="contract")

    contact = Contact.objects.get()
    assert (contact.opt_in, contact.accepts_bot) == (False, True)


def test_nothing_starts_without_basis_or_phone_column(agent: User) -> None:
    job = uploaded("nome;telefone\nRui;21 98765-4321\n", agent)

    with pytest.raises(DomainError) as missing:
        importing.start(job, by=agent, request=None, now=timezone.now())
    with pytest.raises(DomainError):
        importing.map_columns(job, mapping={"0": "name"}, options={})

    assert set(missing.value.fields) == {"legal_basis", "evidence"}


def test_a_worker_that_dies_loses_and_doubles_nothing(agent: User, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"P{n};11 9{80000000 + n}" for n in range(25)]
    job = uploaded("nome;telefone\n" + "\n".join(lines), agent)
    monkeypatch.setattr(importing, "SLICE", 10)
    importing.map_columns(job, mapping=job.mapping, options={"legal_basis": "consent", "evidence": "x"})
    importing.start(job, by=agent, request=None, now=timezone.now())
    begun = timezone.now()
    ticks = iter([begun, begun, begun + timedelta(hours=1)])

    def stops_after_a_slice() -> datetime:
        return next(ticks)

    importing.import_waiting(until=begun + timedelta(minutes=1), clock=stops_after_a_slice)
    job.refresh_from_db()
    assert (job.state, job.rows_done, Contact.objects.count()) == ("running", 10, 10)

    work()
    job.refresh_from_db()
    assert (job.state, job.rows_created, Contact.objects.count(), work()) == ("done", 25, 25, 0)


def test_the_preview_says_what_the_import_then_does(agent: User, in_organization: Organization) -> None:
    make.contact(in_organization, wa_id="5511987654321", name="Joana")
    job = uploaded("nome;telefone\nJoana;11987654321\nRui;21987654321\nX;1\n", agent)

    totals = importing.preview(job)["totals"]
    run(job, agent)

    assert totals == {"created": 1, "unchanged": 1, "refused": 1}
    assert (job.rows_created, job.rows_unchanged, job.rows_refused) == (1, 1, 1)


def test_undo_takes_away_what_nobody_used(agent: User, in_organization: Organization) -> None:
    job = run(uploaded("nome;telefone\nRui;21987654321\nAna;21987654322\n", agent), agent)
    make.conversation(make.number(in_organization), Contact.objects.get(name="Ana"))

    removed = importing.undo(job, by=agent, request=None, now=timezone.now())

    assert (removed, names()) == (1, {"Ana"})
    with pytest.raises(ConflictError):
        importing.undo(job, by=agent, request=None, now=timezone.now())
    run(uploaded("nome;telefone\nRui Costa;21987654321\n", agent), agent)
    assert names() == {"Ana", "Rui Costa"}


def test_statements_do_not_grow_with_the_rows(agent: User) -> None:
    def statements(rows: int) -> int:
        lines = [f"P{n};11 9{70000000 + rows * 1000 + n};Cliente" for n in range(rows)]
        job = uploaded("nome;telefone;tags\n" + "\n".join(lines), agent)
        with CaptureQueriesContext(connection) as captured:
            run(job, agent)
        return len(captured)

    statements(2)
    assert statements(3) == statements(300)


def workbook(sheet_xml: str) -> bytes:
    parts = sheets._PARTS | {  # the smallest workbook there is
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{sheets._MAIN}"><sheetData>{sheet_xml}</sheetData></worksheet>'
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return target.getvalue()


def test_formulas_count_for_the_result_they_had_and_are_never_run(agent: User) -> None:
    head = '<row><c t="inlineStr"><is><t>Nome</t></is></c><c t="inlineStr"><is><t>Telefone</t></is></c></row>'
    with_result = '<row><c t="str"><f>"R"&amp;"ui"</f><v>Rui</v></c><c><f>11*1000000000</f><v>11987654321</v></c></row>'
    without = '<row><c t="inlineStr"><is><t>Ana</t></is></c><c><f>WEBSERVICE("http://x")</f></c></row>'

    job = run(uploaded(workbook(head + with_result + without), agent), agent)

    assert (names(), ContactIdentity.objects.get().value) == ({"Rui"}, "5511987654321")
    assert [(values[0], problem) for _n, problem, values in importing.refused(job)] == [("Ana", "empty")]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"nome;telefone\n",
        b"\x89PNG\r\n\x1a\n\x00",
        b"PK\x03\x04broken",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    ],
)
def test_what_is_no_list_is_refused_in_words(agent: User, data: bytes) -> None:
    with pytest.raises(sheets.SheetError) as refused:
        uploaded(data, agent)

    assert str(refused.value)


def test_a_bomb_is_not_unpacked(agent: User) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/x", "w") as inner:
        for _ in range(301):
            inner.write(bytes(1024 * 1024))

    with pytest.raises(sheets.SheetError):
        uploaded(target.getvalue(), agent)


def test_no_file_is_kept(agent: User, settings: object, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path  # type: ignore[attr-defined]  # pytest-django's
    run(uploaded("nome;telefone\nRui;21987654321\n", agent), agent)

    assert list(tmp_path.rglob("*")) == []
