"""From a template and what people filled in to the message that is sent. Pure but for the row it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from conversations.content import Attachment, ContentError, Parameter, Template, TemplateButton
from conversations.content.limits import EMPTY
from conversations.message_templates import parts
from conversations.message_templates.parts import Slot

# What the name of a variable tells of what belongs there; compared in lower case.
NAMES: Final = frozenset({"nome", "name", "first_name", "primeiro_nome", "cliente", "customer", "contato", "contact"})
_SUB_TYPES: Final = {"URL": "url", "QUICK_REPLY": "quick_reply", "COPY_CODE": "copy_code"}
Components = Sequence[Mapping[str, Any]]


def can_be_filled(components: Components, category: str) -> bool:
    """Return whether a person can fill it in by hand: no carousels, no places, no one-time codes."""
    if category == "AUTHENTICATION" or parts.cards_of(components):
        return False
    return all(slot.kind != "location" for slot in parts.slots(components))


def prefilled(components: Components, *, contact_name: str) -> dict[str, str]:
    """Return what can be known beforehand: the contact's first name where a variable asks for a name.

    Numbered variables do not say what they are; the first one of a greeting nearly always is the name.
    """
    first = contact_name.split(" ", 1)[0]
    found: dict[str, str] = {}
    for slot in parts.slots(components):
        is_first = slot.name == "1" and slot.place in {"header", "body"} and not found
        if slot.kind == "text" and first and (slot.name.lower() in NAMES or is_first):
            found[slot.key] = first
    return found


def missing(components: Components, values: Mapping[str, str]) -> list[Slot]:
    """Return the variables that have no value."""
    return [slot for slot in parts.slots(components) if not parts.cleaned(values.get(slot.key, ""))]


def content(name: str, language: str, components: Components, values: Mapping[str, str]) -> Template:
    """Return the message; raises ContentError when a value is missing or breaks a limit."""
    values = {key: parts.cleaned(value) for key, value in values.items()}
    for slot in missing(components, values):
        raise ContentError(slot.key, 1, EMPTY)
    shown = parts.shown(components, values)
    header = _header(components, values)
    body = parts.component(components, "BODY")
    return Template(
        name=name,
        language=language,
        header=header,
        body=_parameters(body, "body", values),
        buttons=_buttons(components, shown, values),
        shown="\n\n".join(text for text in (shown.header, shown.body) if text),
        footer=shown.footer,
    )


def _header(components: Components, values: Mapping[str, str]) -> tuple[Parameter, ...] | Attachment:
    part = parts.component(components, "HEADER")
    kind = parts.format_of(part).lower()
    if kind.upper() in parts.MEDIA:
        return Attachment(kind=kind, link=values[f"header.{kind}"])
    return _parameters(part, "header", values)


def _parameters(part: Mapping[str, Any], place: str, values: Mapping[str, str]) -> tuple[Parameter, ...]:
    """Return the values in the order that the provider counts: numbers ascending, names with their name."""
    names = parts.variables(str(part.get("text") or ""))
    if all(name.isdecimal() for name in names):
        return tuple(Parameter(text=values[f"{place}.{name}"]) for name in sorted(names, key=int))
    return tuple(Parameter(text=values[f"{place}.{name}"], name=name) for name in names)


def _buttons(components: Components, shown: parts.Shown, values: Mapping[str, str]) -> tuple[TemplateButton, ...]:
    """Return what buttons carry; quick replies come back with their label, which is what bots understand."""
    made = []
    for index, button in enumerate(shown.buttons):
        slot = next((s for s in parts.slots(components) if s.place == f"buttons.{index}"), None)
        value = values[slot.key] if slot else ""
        if button.kind in _SUB_TYPES and (slot or button.kind == "QUICK_REPLY"):
            value = value or button.text
            made.append(TemplateButton(kind=_SUB_TYPES[button.kind], index=index, value=value, title=button.text))
    return tuple(made)
