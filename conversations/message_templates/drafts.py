"""The form of a template: from what was typed to components and back, with problems at the fields they are about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from conversations.message_templates import parts, rules
from conversations.message_templates.editing import Draft

Json = dict[str, Any]
# What this form can express; other templates are edited through the API or at WhatsApp.
HEADERS: Final = ("", "TEXT", "LOCATION")
CATEGORIES: Final = ("UTILITY", "MARKETING")
BUTTON_FIELDS: Final = ("type", "text", "url", "phone_number", "example")
_PLAIN: Final = (
    "account", "name", "language", "category", "parameter_format", "header_kind", "header_text", "body", "footer",
)  # fmt: skip
# Where a problem's field is in the form.
_PLACES: Final = {
    "header.text": "header_text",
    "body.text": "body",
    "footer.text": "footer",
    "header.format": "header_kind",
}


@dataclass(slots=True)
class Sheet:
    """What stands in the form: texts by field, and the buttons in their order."""

    values: dict[str, str] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    buttons: list[dict[str, str]] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")


@dataclass(frozen=True, slots=True)
class Asked:
    """A variable for which the form asks an example."""

    key: str
    name: str
    where: str
    value: str
    errors: list[object]


def read(posted: Mapping[str, Any]) -> Sheet:
    """Return what was posted."""
    sheet = Sheet(values={name: _clean(posted.get(name)) for name in _PLAIN})
    for key, value in posted.items():
        if key.startswith("example-"):
            sheet.examples[key.removeprefix("example-")] = _clean(value).strip()
    for index in range(rules.BUTTONS_MAX):
        row = {name: _clean(posted.get(f"button-{index}-{name}")).strip() for name in BUTTON_FIELDS}
        if row["type"]:
            sheet.buttons.append(row)
    for name in ("name", "header_text", "footer"):
        sheet.values[name] = sheet.values[name].strip()
    sheet.values["body"] = sheet.values["body"].replace("\r\n", "\n").strip()
    return sheet


def _clean(value: Any) -> str:
    return str(value or "").replace("\x00", "")[:5000]


def blank(account: str = "") -> Sheet:
    """Return an empty form."""
    values = {"account": account, "language": "pt_BR", "category": "UTILITY", "parameter_format": "NAMED"}
    return Sheet(values=values)


def of(draft: Draft, *, account: str) -> Sheet:
    """Return a template as the form shows it."""
    header = parts.component(draft.components, "HEADER")
    sheet = Sheet(
        values={
            "account": account,
            "name": draft.name,
            "language": draft.language,
            "category": draft.category,
            "parameter_format": draft.parameter_format,
            "header_kind": parts.format_of(header),
            "header_text": str(header.get("text") or ""),
            "body": str(parts.component(draft.components, "BODY").get("text") or ""),
            "footer": str(parts.component(draft.components, "FOOTER").get("text") or ""),
        }
    )
    for slot in parts.slots(draft.components):
        if slot.kind == "text":
            sheet.examples[slot.key.replace(".", "-")] = slot.example
    for button in parts.buttons_of(draft.components):
        row = {name: str(button.get(name) or "") for name in BUTTON_FIELDS}
        given = button.get("example")
        row["example"] = str(given[0] if given else "") if isinstance(given, list) else str(given or "")
        sheet.buttons.append(row)
    return sheet


def is_expressible(draft: Draft) -> bool:
    """Return whether the form can hold the template without losing anything."""
    kinds = {str(part.get("type", "")).upper() for part in draft.components}
    header = parts.format_of(parts.component(draft.components, "HEADER"))
    buttons = {str(button.get("type", "")).upper() for button in parts.buttons_of(draft.components)}
    return (
        draft.category != "AUTHENTICATION"
        and kinds <= {"HEADER", "BODY", "FOOTER", "BUTTONS"}
        and header in HEADERS
        and buttons <= set(rules.BUTTONS)
    )


def draft(sheet: Sheet) -> Draft:
    """Return the template that the form describes."""
    return Draft(
        name=sheet["name"],
        language=sheet["language"],
        category=sheet["category"],
        parameter_format=sheet["parameter_format"] or "NAMED",
        components=list(_components(sheet)),
    )


def _components(sheet: Sheet) -> Iterator[Json]:
    kind = sheet["header_kind"]
    if kind == "TEXT":
        yield _with_examples({"type": "HEADER", "format": "TEXT", "text": sheet["header_text"]}, "header", sheet)
    elif kind:
        yield {"type": "HEADER", "format": kind}
    yield _with_examples({"type": "BODY", "text": sheet["body"]}, "body", sheet)
    if sheet["footer"]:
        yield {"type": "FOOTER", "text": sheet["footer"]}
    if sheet.buttons:
        yield {"type": "BUTTONS", "buttons": [_button(row) for row in sheet.buttons]}


def _with_examples(part: Json, place: str, sheet: Sheet) -> Json:
    """Add the examples in the form that the provider wants for named or numbered variables."""
    names = parts.variables(part["text"])
    if not names:
        return part
    given = {name: sheet.examples.get(f"{place}-{name}", "") for name in names}
    if sheet["parameter_format"] != "POSITIONAL":
        rows = [{"param_name": name, "example": value} for name, value in given.items()]
        return {**part, "example": {f"{place}_text_named_params": rows}}
    numbered = sorted(names, key=lambda name: int(name) if name.isdecimal() else 0)
    values = [given[name] for name in numbered]
    return {**part, "example": {f"{place}_text": [values] if place == "body" else values}}


def _button(row: Mapping[str, str]) -> Json:
    made: Json = {"type": row["type"]}
    if row["type"] != "COPY_CODE":
        made["text"] = row["text"]
    if row["type"] == "URL":
        made["url"] = row["url"]
        if "{{" in row["url"] and row["example"]:
            made["example"] = [row["example"]]
    elif row["type"] == "PHONE_NUMBER":
        made["phone_number"] = row["phone_number"]
    elif row["type"] == "COPY_CODE":
        made["example"] = row["example"]
    return made


def errors_by_field(problems: Mapping[str, Sequence[object]]) -> dict[str, list[object]]:
    """Return problems under the names of the form's fields."""
    found: dict[str, list[object]] = {}
    for place, texts in problems.items():
        if place.startswith(("body.example.", "header.example.")):
            name = "example-" + place.replace(".example.", "-", 1)
        elif place.startswith("buttons."):
            name = place.replace("buttons.", "button-", 1).replace(".", "-", 1)
        else:
            name = _PLACES.get(place, place)
        found.setdefault(name, []).extend(texts)
    return found


def asked(sheet: Sheet, errors: Mapping[str, Sequence[object]]) -> list[Asked]:
    """Return the variables of header and body with their examples."""
    found: list[Asked] = []
    texts = (("header", sheet["header_text"] if sheet["header_kind"] == "TEXT" else ""), ("body", sheet["body"]))
    for place, text in texts:
        for name in parts.variables(text):
            key = f"{place}-{name}"
            value = sheet.examples.get(key, "")
            found.append(Asked(key, name, place, value, list(errors.get(f"example-{key}", ()))))
    return found


def shown(sheet: Sheet) -> parts.Shown:
    """Return the template as its recipient reads it, with the examples."""
    components = draft(sheet).components
    return parts.shown(components, parts.examples(components))
