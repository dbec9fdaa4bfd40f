"""What the provider refuses is said beforehand; templates are read, filled in and shown. Pure."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.content import ContentError
from conversations.message_templates import filling, parts, rules

Json = dict[str, Any]
GOOD = "Olá {{1}}, sua consulta é {{2}}. Até lá!"


def body(text: str = GOOD, *examples: str) -> Json:
    return {"type": "BODY", "text": text, "example": {"body_text": [list(examples or ("Ana", "hoje"))]}}


def header(**fields: Any) -> Json:
    return {"type": "HEADER", "format": "TEXT", **fields}


def buttons(*rows: Json) -> Json:
    return {"type": "BUTTONS", "buttons": list(rows)}


def reply(text: str = "Sim") -> Json:
    return {"type": "QUICK_REPLY", "text": text}


def link(url: str = "https://example.com/", **fields: Any) -> Json:
    return {"type": "URL", "text": "Abrir", "url": url, **fields}


def card(**fields: Any) -> Json:
    picture = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::x"]}}
    return {"components": [picture, {"type": "BODY", "text": "Um cartão"}, buttons(reply())], **fields}


def problems(*components: Json, **head: Any) -> list[tuple[str, str]]:
    given = {"name": "lembrete", "language": "pt_BR", "category": "UTILITY", "parameter_format": "POSITIONAL", **head}
    return [(row.field, row.code) for row in rules.check(**given, components=components)]


def test_a_good_template_has_no_problems() -> None:
    everything = [header(text="Lembrete"), body(), {"type": "FOOTER", "text": "Clínica"}, buttons(reply(), link())]

    assert problems(*everything) == []


@pytest.mark.parametrize(
    ("components", "head", "expected"),
    [
        ([body()], {"name": "Olá"}, ("name", "name_pattern")),
        ([body()], {"name": "a" * 513}, ("name", "too_long")),
        ([body()], {"language": "português"}, ("language", "language_pattern")),
        ([body()], {"category": "OTHER"}, ("category", "unknown_choice")),
        ([], {}, ("body.text", "required")),
        ([body("x" * 1025)], {}, ("body.text", "too_long")),
        ([body("{{1}} é o seu dia {{2}} de hoje")], {}, ("body.text", "variable_at_edge")),
        ([body("Oi {{1}}{{2}} tudo bem hoje")], {}, ("body.text", "adjacent_variables")),
        ([body("Oi {{1}} e {{2}} !")], {}, ("body.text", "few_words")),
        ([body("Oi {{1}}, tudo bem {{3}} com você?")], {}, ("body.text", "gap_in_numbers")),
        ([body("Oi {{nome}}, tudo bem com você?")], {}, ("body.text", "variable_positional")),
        ([body("Oi {{1}}, tudo bem?")], {"parameter_format": "NAMED"}, ("body.text", "variable_named")),
        ([body("Oi {{ nome do cliente }}, tudo bem?")], {}, ("body.text", "broken_braces")),
        ([body(GOOD, "Ana")], {}, ("body.example.2", "example_needed")),
        ([header(text="x" * 61), body()], {}, ("header.text", "too_long")),
        ([header(text="Um *título*"), body()], {}, ("header.text", "header_formatting")),
        ([header(text="{{1}} e {{2}}"), body()], {}, ("header.text", "too_many_variables")),
        ([header(format="IMAGE"), body()], {}, ("header.example", "needs_file")),
        ([header(format="SOUND"), body()], {}, ("header.format", "unknown_choice")),
        ([body(), {"type": "FOOTER", "text": "x" * 61}], {}, ("footer.text", "too_long")),
        ([body(), {"type": "FOOTER", "text": "Oi {{1}}"}], {}, ("footer.text", "too_many_variables")),
        ([body(), buttons(*(reply(str(n)) for n in range(11)))], {}, ("buttons", "too_many_buttons")),
        ([body(), buttons(link(), link(text="b"), link(text="c"))], {}, ("buttons", "too_many_of_kind")),
        ([body(), buttons(reply("a"), link(), reply("b"))], {}, ("buttons", "replies_scattered")),
        ([body(), buttons(reply("x" * 26))], {}, ("buttons.0.text", "too_long")),
        ([body(), buttons(reply("a"), reply("a"))], {}, ("buttons.1.text", "repeated_label")),
        ([body(), buttons(link("example.com"))], {}, ("buttons.0.url", "not_a_link")),
        ([body(), buttons(link("https://x.y/{{1}}/z", example=["a"]))], {}, ("buttons.0.url", "variable_not_at_end")),
        ([body(), buttons(link("https://x.y/{{1}}"))], {}, ("buttons.0.example", "example_needed")),
        (
            [body(), buttons({"type": "PHONE_NUMBER", "text": "Ligar", "phone_number": "abc"})],
            {},
            ("buttons.0.phone_number", "not_a_phone"),
        ),
        ([body(), buttons({"type": "COPY_CODE", "example": "x" * 16})], {}, ("buttons.0.example", "too_long")),
        ([body(), {"type": "CAROUSEL", "cards": [card()]}], {}, ("cards", "count_of_cards")),
        ([body(), {"type": "CAROUSEL", "cards": [card(), {"components": []}]}], {}, ("cards", "cards_differ")),
        ([body(), {"type": "SOUND"}], {}, ("components", "unknown_component")),
        ([body("texto")], {"category": "AUTHENTICATION"}, ("body.text", "preset_text")),
    ],
)
def test_every_rule_names_its_field(components: list[Json], head: Json, expected: tuple[str, str]) -> None:
    assert expected in problems(*components, **head)


def test_limits_are_said_with_what_was_found() -> None:
    (row,) = rules.check(
        name="a", language="pt_BR", category="UTILITY", parameter_format="NAMED", components=[body("x" * 1030)]
    )

    assert (row.limit, row.found) == (1024, 1030)


def test_numbers_are_sent_in_their_order_whatever_the_text_s() -> None:
    text = "No dia {{2}} esperamos você, {{1}}, na clínica."
    message = filling.content("a", "pt_BR", [body(text)], {"body.1": "Ana", "body.2": "8"})

    assert [value.text for value in message.body] == ["Ana", "8"]
    assert message.shown == "No dia 8 esperamos você, Ana, na clínica."


def test_links_and_codes_carry_their_values() -> None:
    rows = buttons(
        reply(), link("https://x.y/{{1}}", example=["https://x.y/abc"]), {"type": "COPY_CODE", "example": "A"}
    )
    components = [body("Oi tudo bem"), rows]

    message = filling.content("a", "pt_BR", components, {"buttons.1.1": "77", "buttons.2.code": "DEZ"})

    carried = [(button.kind, button.index, button.value) for button in message.buttons]
    assert carried == [("quick_reply", 0, "Sim"), ("url", 1, "77"), ("copy_code", 2, "DEZ")]
    assert parts.examples(components)["buttons.1.1"] == "abc", "the example is the end, not the whole link"


def test_what_is_missing_is_refused_by_name() -> None:
    with pytest.raises(ContentError) as caught:
        filling.content("a", "pt_BR", [body()], {"body.1": "Ana", "body.2": " "})

    assert caught.value.field == "body.2"


def test_values_lose_line_breaks_and_runs_of_spaces() -> None:
    assert parts.cleaned(" a\n\tb      c ") == "a b c"


def test_files_of_headers_are_links() -> None:
    components = [header(format="IMAGE"), body("Oi tudo bem")]

    message = filling.content("a", "pt_BR", components, {"header.image": "https://example.com/a.jpg"})

    assert message.as_dict()["header"] == {"kind": "image", "link": "https://example.com/a.jpg"}
    with pytest.raises(ContentError):
        filling.content("a", "pt_BR", components, {"header.image": "example.com/a.jpg"})


@pytest.mark.parametrize(
    ("components", "category", "expected"),
    [
        ([body()], "UTILITY", True),
        ([body()], "AUTHENTICATION", False),
        ([header(format="LOCATION"), body()], "UTILITY", False),
        ([body(), {"type": "CAROUSEL", "cards": [card(), card()]}], "MARKETING", False),
    ],
)
def test_people_fill_in_what_has_fields(components: list[Json], category: str, expected: bool) -> None:
    assert filling.can_be_filled(components, category) is expected
