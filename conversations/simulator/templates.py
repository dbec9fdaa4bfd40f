"""Templates at send time: do they exist, do the parameters fit, what does the person read."""

from __future__ import annotations

import re
from typing import Final

from conversations.simulator.config import Json
from conversations.simulator.errors import GraphError
from conversations.simulator.model import Template

VARIABLE: Final = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_FORBIDDEN: Final = re.compile(r"[\n\t]| {5,}")
BODY_MAX: Final = 1024
CODE_MAX: Final = 15
# One-time codes are sent as the end of an address.
KINDS_OF_BUTTONS: Final = {"otp": "url"}


def variables(text: str) -> list[str]:
    """Return the names (or numbers) of a text's variables, each once, in order of appearance."""
    return list(dict.fromkeys(VARIABLE.findall(text)))


def filled(template: Template | None, message: Json) -> str:
    """Return the text of a template message; raises GraphError when it does not exist or does not fit."""
    if template is None or template.status not in {"APPROVED", "PAUSED", "DISABLED"}:
        name, code = message.get("name"), message["language"]["code"]
        raise GraphError(132001, f"template name ({name}) does not exist in {code}")
    if template.status == "PAUSED":
        raise GraphError(132015, "Template is paused due to low quality")
    if template.status == "DISABLED":
        raise GraphError(132016, "Template is disabled due to low quality")
    for part in template.components:
        if part.get("type") == "BUTTONS":
            _check_buttons(part, message.get("components", []))
        elif part.get("type") == "CAROUSEL":
            _check_cards(part, message)
    if template.category == "AUTHENTICATION":
        _check_code(message)
    texts = [_component(part, message) for part in template.components if part.get("type") in {"HEADER", "BODY"}]
    text = "\n".join(text for text in texts if text)
    if len(text) > BODY_MAX + 60:
        raise GraphError(132005, "Translated text too long")
    return text


def _component(part: Json, message: Json) -> str:
    kind = str(part["type"])
    given = _parameters(message, kind.lower())
    wanted = str(part.get("format", "TEXT")).lower()
    if wanted != "text":
        received = [str(parameter.get("type", "text")) for parameter in given]
        if received != [wanted]:
            raise GraphError(132012, f"header: Format mismatch, expected {wanted.upper()}, received {received}")
        return ""
    text = str(part.get("text", ""))
    names = variables(text)
    if len(given) != len(names):
        details = f"{kind.lower()}: number of localizable_params ({len(given)}) does not match the expected number of"
        raise GraphError(132000, f"{details} params ({len(names)})")
    values = dict(_named(parameter, names, index) for index, parameter in enumerate(given))
    return VARIABLE.sub(lambda found: values.get(found.group(1), found.group(0)), text)


def _check_buttons(part: Json, given: list[Json]) -> None:
    """Compare the buttons of a message with those of its template: places, kinds, and values that must be there."""
    buttons = part.get("buttons", [])
    filled_in = {int(item["index"]) for item in given if str(item.get("type", "")).lower() == "button"}
    for item in given:
        if str(item.get("type", "")).lower() != "button":
            continue
        index, kind = int(item["index"]), str(item["sub_type"]).lower()
        if index >= len(buttons):
            raise GraphError(132012, f"buttons: Button at index {index} does not exist")
        expected = str(buttons[index].get("type", "")).lower()
        if KINDS_OF_BUTTONS.get(expected, expected) != kind:
            raise GraphError(132012, f"buttons: Button at index {index} is of type {expected}, not {kind}")
    for index, button in enumerate(buttons):
        needs = variables(str(button.get("url", ""))) or button.get("type") in {"COPY_CODE", "OTP"}
        if needs and index not in filled_in:
            raise GraphError(131008, f"buttons: Button at index {index} requires a parameter")


def _check_cards(part: Json, message: Json) -> None:
    cards: list[Json] = next((item["cards"] for item in message.get("components", []) if _is(item, "carousel")), [])
    wanted = part.get("cards", [])
    if len(cards) != len(wanted):
        raise GraphError(132012, f"carousel: {len(wanted)} cards are expected, not {len(cards)}")
    for card, model in zip(cards, wanted, strict=True):
        for inside in model.get("components", []):
            if inside.get("type") in {"HEADER", "BODY"}:
                _component(inside, card)
            elif inside.get("type") == "BUTTONS":
                _check_buttons(inside, card.get("components", []))


def _check_code(message: Json) -> None:
    """Authentication: the code in the body and the same one in the button."""
    code = str(next(iter(_parameters(message, "body")), {}).get("text", ""))
    if not 1 <= len(code) <= CODE_MAX:
        raise GraphError(132012, f"The code must have 1 to {CODE_MAX} characters")
    if str(next(iter(_parameters(message, "button")), {}).get("text", "")) != code:
        raise GraphError(131008, "buttons: Button at index 0 of type Url requires the code as its parameter")


def _is(component: Json, kind: str) -> bool:
    return str(component.get("type", "")).lower() == kind


def _parameters(message: Json, kind: str) -> list[Json]:
    for component in message.get("components", []):
        if str(component.get("type", "")).lower() == kind:
            found: list[Json] = component.get("parameters", [])
            return found
    return []


def _named(parameter: Json, names: list[str], index: int) -> tuple[str, str]:
    name = names[index]
    if not name.isdecimal():
        name = str(parameter.get("parameter_name", ""))
        if name not in names:
            raise GraphError(132012, f"Parameter name is missing or empty, or unknown: {name!r}")
    match parameter.get("type", "text"):
        case "text":
            value = parameter.get("text")
        case "currency" | "date_time" as kind:
            inside = parameter.get(kind)
            value = inside.get("fallback_value") if isinstance(inside, dict) else None
        case kind:
            raise GraphError(132012, f"Parameter type does not fit: {kind}")
    if not isinstance(value, str) or not value:
        raise GraphError(131008, "Parameter of type text is missing text value")
    if _FORBIDDEN.search(value):
        raise GraphError(132012, "Param text cannot have new-line/tab characters or more than 4 consecutive spaces")
    return name, value
