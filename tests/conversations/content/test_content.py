"""The model of what can be sent: stored and restored, limits, what other channels get."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from conversations import content
from conversations.content import (
    Attachment,
    Button,
    Buttons,
    Card,
    Contacts,
    Content,
    ContentError,
    File,
    FlowForm,
    LinkButton,
    ListMenu,
    Location,
    LocationRequest,
    Parameter,
    Person,
    Reaction,
    Row,
    Section,
    Template,
    TemplateButton,
    Text,
    limits,
)
from tests.conversations.content.samples import EVERYTHING, PICTURE, SECTIONS, YES_NO

HERE: Attachment = PICTURE


@pytest.mark.parametrize("name", EVERYTHING)
def test_everything_survives_being_stored(name: str) -> None:
    made, kind, line = EVERYTHING[name]

    assert content.parse(json.loads(json.dumps(made.as_dict()))) == made
    assert made.message_type == kind == made.as_cloud_api()["type"]
    assert len(kind) <= 12
    assert made.preview() == line


@pytest.mark.parametrize(
    "raw",
    [
        {"kind": "text", "body": "Oi"},
        {"kind": "buttons", "body": "Oi", "buttons": [{"id": "a", "title": "A"}]},
        {"kind": "buttons", "body": "Oi", "header": "", "footer": "", "buttons": [{"id": "a", "title": "A"}]},
        {"kind": "list", "body": "Oi", "button": "Ver", "sections": [{"rows": [{"id": "a", "title": "A"}]}]},
    ],
)
def test_what_earlier_versions_stored_is_read(raw: dict[str, Any]) -> None:
    assert content.parse(raw).text == "Oi"


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"kind": None},
        {"kind": ["text"]},
        {"kind": "poll"},
        {"kind": "text", "body": 5},
        {"kind": "buttons", "body": "Oi", "buttons": "no"},
        {"kind": "buttons", "body": "Oi", "buttons": ["no"]},
        {"kind": "location", "latitude": "north", "longitude": 1},
        {"kind": "flow", "body": "Oi", "button": "Abrir", "flow_id": "1", "data": []},
        {"kind": "flow", "body": "Oi", "button": "Abrir", "flow_id": "1", "screen": "A", "data": ["x"]},
        {"kind": "template", "name": "a", "language": "b", "header": 5},
        {"kind": "template", "name": "a", "language": "b", "buttons": [{"kind": "url", "index": "x"}]},
    ],
)
def test_stored_content_that_cannot_be_sent_is_an_error_of_content(raw: dict[str, Any]) -> None:
    if raw.get("data") == []:
        assert content.parse(raw).text == "Oi"
        return
    with pytest.raises(ContentError):
        content.parse(raw)


def _template(**fields: Any) -> Template:
    return Template(**{"name": "aviso", "language": "pt_BR", **fields})


def _with_button(**fields: Any) -> Template:
    return _template(buttons=(TemplateButton(**{"kind": "url", "index": 0, "value": "x", **fields}),))


SAME_ID = (YES_NO[0], Button(id="yes", title="S"))
SAME_TITLE = (YES_NO[0], Button(id="s", title="Sim"))
SAME_NAME = (Parameter(text="a", name="x"), Parameter(text="b", name="x"))
SAME_PLACE = (TemplateButton(kind="url", index=0, value="a"),) * 2


def _of_rows(count: int) -> ListMenu:
    rows = tuple(Row(id=str(index), title="A") for index in range(count))
    return ListMenu(body="Oi", button="Ver", sections=(Section(rows=rows),))


def _cards(count: int, text: str = "x") -> Template:
    return _template(cards=tuple(Card(header=HERE, body=(Parameter(text=text),)) for _ in range(count)))


# What may just be, what breaks it, and the field and limit named.
LENGTHS: list[tuple[str, int, Callable[[str], Content]]] = [
    ("body", 4096, lambda text: Text(body=text)),
    ("caption", 1024, lambda text: File(kind="image", media_id="1", caption=text)),
    ("filename", 240, lambda text: File(kind="document", media_id="1", filename=text)),
    ("body", 1024, lambda text: Buttons(body=text, buttons=YES_NO)),
    ("header", 60, lambda text: Buttons(body="Oi", buttons=YES_NO, header=text)),
    ("footer", 60, lambda text: Buttons(body="Oi", buttons=YES_NO, footer=text)),
    ("buttons.0.title", 20, lambda text: Buttons(body="Oi", buttons=(Button(id="1", title=text),))),
    ("buttons.0.id", 256, lambda text: Buttons(body="Oi", buttons=(Button(id=text, title="A"),))),
    ("body", 4096, lambda text: ListMenu(body=text, button="Ver", sections=SECTIONS)),
    ("button", 20, lambda text: ListMenu(body="Oi", button=text, sections=SECTIONS)),
    (
        "sections.0.title",
        24,
        lambda text: ListMenu(body="Oi", button="Ver", sections=(Section(title=text, rows=SECTIONS[0].rows),)),
    ),
    (
        "rows.0.title",
        24,
        lambda text: ListMenu(body="Oi", button="Ver", sections=(Section(rows=(Row(id="1", title=text),)),)),
    ),
    (
        "rows.0.id",
        200,
        lambda text: ListMenu(body="Oi", button="Ver", sections=(Section(rows=(Row(id=text, title="A"),)),)),
    ),
    (
        "rows.0.description",
        72,
        lambda text: ListMenu(
            body="Oi", button="Ver", sections=(Section(rows=(Row(id="1", title="A", description=text),)),)
        ),
    ),
    ("body", 1024, lambda text: LinkButton(body=text, title="Abrir", url="https://example.org")),
    ("title", 20, lambda text: LinkButton(body="Oi", title=text, url="https://example.org")),
    ("body", 1024, lambda text: LocationRequest(body=text)),
    ("button", 20, lambda text: FlowForm(body="Oi", button=text, flow_id="1")),
    ("body", 1024, lambda text: FlowForm(body=text, button="Abrir", flow_id="1")),
    ("name", 1000, lambda text: Location(latitude=1, longitude=1, name=text)),
    ("people.0.name", 1024, lambda text: Contacts(people=(Person(name=text, first_name="Bia"),))),
    ("emoji", 16, lambda text: Reaction(message_id="wamid.1", emoji=text)),
    ("name", 512, lambda text: Template(name=text, language="pt_BR")),
    ("header.0", 60, lambda text: _template(header=(Parameter(text=text),))),
    ("body.0", 1024, lambda text: _template(body=(Parameter(text=text),))),
    ("shown", 1024, lambda text: _template(shown=text)),
    ("buttons.0.value", 2000, lambda text: _with_button(value=text)),
    ("buttons.0.value", 256, lambda text: _with_button(kind="quick_reply", value=text)),
    ("buttons.0.value", 20, lambda text: _with_button(kind="copy_code", value=text)),
    ("buttons.0.value", 15, lambda text: _with_button(kind="otp", value=text)),
    ("cards.0.body.0", 160, lambda text: _cards(2, text)),
]


@pytest.mark.parametrize(("field", "limit", "make"), LENGTHS)
def test_a_text_at_its_limit_passes_and_one_more_is_refused(
    field: str, limit: int, make: Callable[[str], Content]
) -> None:
    make("ã" * limit)
    with pytest.raises(ContentError) as caught:
        make("ã" * (limit + 1))

    assert (caught.value.field, caught.value.limit) == (field, limit)
    assert caught.value.message == limits.TOO_LONG
    assert caught.value.params == {"limit": limit, "found": limit + 1}


@pytest.mark.parametrize(
    ("field", "message", "make"),
    [
        ("body", limits.EMPTY, lambda: Text(body=" \n")),
        ("kind", limits.NOT_ALLOWED, lambda: File(kind="poll", media_id="1")),
        ("file", limits.ONE_SOURCE, lambda: File(kind="image")),
        ("file", limits.ONE_SOURCE, lambda: File(kind="image", media_id="1", link="https://example.org")),
        ("link", limits.NOT_A_LINK, lambda: File(kind="image", link="file:///etc/passwd")),
        ("link", limits.NOT_A_LINK, lambda: File(kind="image", link="https://")),
        ("caption", limits.NOT_ALLOWED, lambda: File(kind="audio", media_id="1", caption="x")),
        ("caption", limits.NOT_ALLOWED, lambda: File(kind="sticker", media_id="1", caption="x")),
        ("filename", limits.NOT_ALLOWED, lambda: File(kind="image", media_id="1", filename="x.png")),
        ("kind", limits.NOT_ALLOWED, lambda: Attachment(kind="audio", media_id="1")),
        ("latitude", limits.OUT_OF_RANGE, lambda: Location(latitude=90.1, longitude=0)),
        ("longitude", limits.OUT_OF_RANGE, lambda: Location(latitude=0, longitude=-180.5)),
        ("latitude", limits.OUT_OF_RANGE, lambda: Location(latitude=float("nan"), longitude=0)),
        ("people", limits.COUNT, lambda: Contacts(people=())),
        ("people", limits.COUNT, lambda: Contacts(people=(Person(name="B", first_name="B"),) * 258)),
        ("message_id", limits.EMPTY, lambda: Reaction(message_id="", emoji="👍")),
        ("buttons", limits.COUNT, lambda: Buttons(body="Oi", buttons=())),
        ("buttons", limits.COUNT, lambda: Buttons(body="Oi", buttons=YES_NO * 2)),
        ("buttons.id", limits.REPEATED, lambda: Buttons(body="Oi", buttons=SAME_ID)),
        ("buttons.title", limits.REPEATED, lambda: Buttons(body="Oi", buttons=SAME_TITLE)),
        ("rows", limits.COUNT, lambda: _of_rows(11)),
        ("sections.0.rows", limits.EMPTY, lambda: _of_rows(0)),
        ("sections", limits.COUNT, lambda: ListMenu(body="Oi", button="Ver", sections=SECTIONS * 6)),
        ("rows.id", limits.REPEATED, lambda: ListMenu(body="Oi", button="Ver", sections=SECTIONS * 2)),
        (
            "sections.1.title",
            limits.EMPTY,
            lambda: ListMenu(body="Oi", button="Ver", sections=(SECTIONS[0], Section(rows=SECTIONS[1].rows))),
        ),
        ("url", limits.NOT_A_LINK, lambda: LinkButton(body="Oi", title="Abrir", url="javascript:alert(1)")),
        ("flow_id", limits.EMPTY, lambda: FlowForm(body="Oi", button="Abrir")),
        ("flow_id", limits.NOT_ALLOWED, lambda: FlowForm(body="Oi", button="Abrir", flow_id="1", flow_name="a")),
        ("screen", limits.EMPTY, lambda: FlowForm(body="Oi", button="Abrir", flow_id="1", data={"k": 1})),
        ("body.0", limits.NOT_ONE_LINE, lambda: _template(body=(Parameter(text="a\nb"),))),
        ("body.0", limits.NOT_ONE_LINE, lambda: _template(body=(Parameter(text="a\tb"),))),
        ("body.0", limits.NOT_ONE_LINE, lambda: _template(body=(Parameter(text="a     b"),))),
        ("body.0", limits.EMPTY, lambda: _template(body=(Parameter(text=""),))),
        ("body", limits.ALIKE, lambda: _template(body=(Parameter(text="a", name="x"), Parameter(text="b")))),
        ("body", limits.REPEATED, lambda: _template(body=SAME_NAME)),
        ("body", limits.TOO_LONG, lambda: _template(body=(Parameter(text="a" * 600), Parameter(text="b" * 600)))),
        ("header", limits.COUNT, lambda: _template(header=(Parameter(text="a"), Parameter(text="b")))),
        ("buttons.0.kind", limits.NOT_ALLOWED, lambda: _with_button(kind="phone")),
        ("buttons.0.index", limits.NOT_ALLOWED, lambda: _with_button(index=10)),
        ("buttons.index", limits.REPEATED, lambda: _template(buttons=SAME_PLACE)),
        ("cards", limits.COUNT, lambda: _cards(1)),
        ("cards", limits.COUNT, lambda: _cards(11)),
        (
            "cards",
            limits.ALIKE,
            lambda: _template(cards=(Card(header=HERE), Card(header=Attachment(kind="video", media_id="1")))),
        ),
    ],
)  # fmt: skip
def test_what_the_provider_would_refuse_is_refused_here(field: str, message: str, make: Callable[[], Content]) -> None:
    with pytest.raises(ContentError) as caught:
        make()

    assert (caught.value.field, caught.value.message) == (field, message)
    assert message in limits.MESSAGES
    assert field in str(caught.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("buttons", "Oi\n\nPosso ajudar?\n\n1. Sim\n2. Não\n\nPolo"),
        ("list", "Quando?\n\n1. 09:00\n2. 10:00"),
        (
            "link",
            "📄 fatura.pdf https://example.org/file.pdf\n\nSua fatura\n\nAbrir: https://example.org/x?a=1\n\nPolo",
        ),
        ("template", "R$ 50,00 vence hoje.\n\n1. Já paguei"),
        ("document", "📄 boleto.pdf https://example.org/file.pdf\nVence hoje"),
        ("contacts", "Bia Souza\nPolo\n+55 11 90000-0002\nbia@example.org"),
        ("location", "Polo\nRua A\nhttps://www.google.com/maps/search/?api=1&query=-23.550000,-46.630000"),
    ],
)
def test_channels_without_menus_get_text(name: str, expected: str) -> None:
    assert EVERYTHING[name][0].as_numbered_text() == expected


def test_files_of_ours_are_replaced_wherever_they_are() -> None:
    ours = Attachment(kind="image", asset="a-1")
    cards = (Card(header=ours), Card(header=Attachment(kind="image", asset="a-2")))
    raw = _template(cards=cards).as_dict()
    with pytest.raises(ContentError):
        content.parse(raw).as_cloud_api()

    ready = content.parse(content.with_media(raw, {"a-1": "301", "a-2": "302"}))

    assert content.assets_of(raw) == {"a-1", "a-2"}
    cards_sent = ready.as_cloud_api()["template"]["components"][0]["cards"]
    assert [card["components"][0]["parameters"][0]["image"] for card in cards_sent] == [{"id": "301"}, {"id": "302"}]


def test_data_of_forms_are_not_taken_for_files() -> None:
    form = FlowForm(body="Oi", button="Abrir", flow_id="1", screen="A", data={"asset": "mine"})

    assert content.assets_of(form.as_dict()) == set()
    assert content.parse(content.with_media(form.as_dict(), {})) == form


def test_a_reaction_carries_no_context_and_templates_need_no_window() -> None:
    assert content.needs_window(EVERYTHING["text"][0].as_dict())
    assert not content.needs_window(EVERYTHING["template"][0].as_dict())
