"""What a message template consists of: its variables, what each is filled with, how it reads. Pure.

Components are kept in the provider's words (`[{"type": "BODY", "text": …}, …]`). A slot is one variable in one place;
its key names both: `header.1`, `body.nome`, `buttons.0.1` (the end of a link), `buttons.1.code`, `cards.0.body.1`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Json = dict[str, Any]

VARIABLE: Final = re.compile(r"\{\{\s*([^{}\s]*)\s*\}\}")
MEDIA: Final = frozenset({"IMAGE", "VIDEO", "DOCUMENT"})
_RUNS: Final = re.compile(r" *[\n\r\t]\s*| {4,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A variable in its place. `kind` is text, link, code, or the kind of a header's file; `example` may be empty."""

    key: str
    place: str
    name: str
    kind: str = "text"
    example: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownButton:
    """A button as it is read."""

    kind: str
    text: str
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A template as the recipient reads it."""

    header_kind: str = ""
    header: str = ""
    body: str = ""
    footer: str = ""
    buttons: tuple[ShownButton, ...] = ()
    cards: tuple[Shown, ...] = field(default=())


def variables(text: str) -> list[str]:
    """Return the names (or numbers) of a text's variables, each once, in order of appearance."""
    return list(dict.fromkeys(VARIABLE.findall(text)))


def component(components: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    """Return the component of a type, empty if there is none."""
    return next((part for part in components if str(part.get("type", "")).upper() == kind), {})


def buttons_of(components: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the buttons, none if the list is malformed."""
    found = component(components, "BUTTONS").get("buttons")
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def cards_of(components: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Return the components of each card of a carousel."""
    found = component(components, "CAROUSEL").get("cards")
    cards = [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []
    return [[part for part in card.get("components", []) if isinstance(part, Mapping)] for card in cards]


def slots(components: Sequence[Mapping[str, Any]]) -> list[Slot]:
    """Return everything that must be given to send the template, in the order in which it is read."""
    found = list(_slots(components, ""))
    for index, card in enumerate(cards_of(components)):
        found += _slots(card, f"cards.{index}.")
    return found


def _slots(components: Sequence[Mapping[str, Any]], prefix: str) -> Iterator[Slot]:
    header = component(components, "HEADER")
    kind = format_of(header)
    if kind == "TEXT":
        yield from _of_text(header, "header", prefix)
    elif kind:
        yield Slot(key=f"{prefix}header.{kind.lower()}", place=f"{prefix}header", name=kind.lower(), kind=kind.lower())
    yield from _of_text(component(components, "BODY"), "body", prefix)
    for index, button in enumerate(buttons_of(components)):
        place = f"{prefix}buttons.{index}"
        example = _first(button.get("example"))
        match str(button.get("type", "")).upper():
            case "URL" if names := variables(url := str(button.get("url", ""))):
                example = example.removeprefix(url.partition("{{")[0])  # the example is the whole link
                yield Slot(key=f"{place}.{names[0]}", place=place, name=names[0], kind="link", example=example)
            case "COPY_CODE":
                yield Slot(key=f"{place}.code", place=place, name="code", kind="code", example=example)


def _of_text(part: Mapping[str, Any], place: str, prefix: str) -> Iterator[Slot]:
    examples = examples_of(part)
    for name in variables(str(part.get("text", ""))):
        key = f"{prefix}{place}.{name}"
        yield Slot(key=key, place=f"{prefix}{place}", name=name, example=examples.get(name, ""))


def format_of(header: Mapping[str, Any]) -> str:
    """Return the kind of a header in capitals, empty without one."""
    return str(header.get("format") or "TEXT").upper() if header else ""


def examples_of(part: Mapping[str, Any]) -> dict[str, str]:
    """Return the examples of a header's or body's variables by name, whatever form they are in."""
    given = part.get("example")
    given = given if isinstance(given, Mapping) else {}
    for key in ("body_text_named_params", "header_text_named_params"):
        if isinstance(given.get(key), list):
            rows = [row for row in given[key] if isinstance(row, Mapping)]
            return {str(row.get("param_name", "")): str(row.get("example", "")) for row in rows}
    values = given.get("body_text") or given.get("header_text")
    if isinstance(values, list) and values and isinstance(values[0], list):
        values = values[0]
    names = variables(str(part.get("text", "")))
    numbered = sorted(names, key=lambda name: int(name) if name.isdecimal() else 0)
    return {name: str(value) for name, value in zip(numbered, values, strict=False)} if isinstance(values, list) else {}


def _first(value: Any) -> str:
    return str(value[0]) if isinstance(value, list) and value else value if isinstance(value, str) else ""


def examples(components: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the examples by key of slot, for those that have one."""
    return {slot.key: slot.example for slot in slots(components) if slot.example}


def cleaned(value: str) -> str:
    """Return a value as the provider takes it: no line breaks or tabs, no long runs of spaces."""
    return _RUNS.sub(" ", value).strip()


def shown(components: Sequence[Mapping[str, Any]], values: Mapping[str, str]) -> Shown:
    """Return how the template reads with values by key of slot; what has none stays as `{{name}}`."""
    cards = tuple(_shown(card, values, f"cards.{index}.") for index, card in enumerate(cards_of(components)))
    return _shown(components, values, "", cards)


def _shown(
    components: Sequence[Mapping[str, Any]], values: Mapping[str, str], prefix: str, cards: tuple[Shown, ...] = ()
) -> Shown:
    header = component(components, "HEADER")
    kind = format_of(header)
    return Shown(
        header_kind=kind,
        header=_filled(str(header.get("text") or ""), f"{prefix}header", values) if kind == "TEXT" else "",
        body=_body(component(components, "BODY"), f"{prefix}body", values),
        footer=_footer(component(components, "FOOTER")),
        buttons=tuple(_button(row, f"{prefix}buttons.{at}", values) for at, row in enumerate(buttons_of(components))),
        cards=cards,
    )


def _body(part: Mapping[str, Any], place: str, values: Mapping[str, str]) -> str:
    return _filled(str(part.get("text") or ""), place, values)


def _footer(part: Mapping[str, Any]) -> str:
    return str(part.get("text") or "")


def _button(row: Mapping[str, Any], place: str, values: Mapping[str, str]) -> ShownButton:
    kind = str(row.get("type", "")).upper()
    target = {"URL": row.get("url"), "PHONE_NUMBER": row.get("phone_number")}.get(kind) or ""
    if kind == "COPY_CODE":
        target = values.get(f"{place}.code", "")
    return ShownButton(kind=kind, text=str(row.get("text") or ""), target=_filled(str(target), place, values))


def _filled(text: str, place: str, values: Mapping[str, str]) -> str:
    return VARIABLE.sub(lambda found: values.get(f"{place}.{found.group(1)}") or found.group(0), text)
