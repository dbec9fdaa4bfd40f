"""What a template must look like to be taken for review; refusals carry Meta's subcodes."""

from __future__ import annotations

import re
from typing import Any, Final

from conversations.simulator.config import Json
from conversations.simulator.errors import GraphError
from conversations.simulator.model import Template
from conversations.simulator.templates import variables

NAME: Final = re.compile(r"[a-z0-9_]{1,512}")
LANGUAGE: Final = re.compile(r"[a-z]{2,3}(_[A-Z]{2,4})?")
CATEGORIES: Final = ("MARKETING", "UTILITY", "AUTHENTICATION")
ANY: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
MEDIA: Final = ("IMAGE", "VIDEO", "DOCUMENT")
BUTTON_LIMITS: Final = {"URL": 2, "PHONE_NUMBER": 1, "COPY_CODE": 1}
NAME_EXISTS: Final = 2388024
NAME_COOLING: Final = 2388023
LIMIT: Final = 2388019
TOO_LONG: Final = 2388040
HEADER: Final = 2388047
BODY: Final = 2388072
FOOTER: Final = 2388073
RATIO: Final = 2388293
EDGE: Final = 2388299
EXAMPLE: Final = 2388043


def refused(subcode: int, title: str, said: str) -> GraphError:
    """Return the error of template management: code 100, the subcode says which rule."""
    return GraphError(100, message="Invalid parameter", subcode=subcode, user=(title, said))


def read(body: Json, *, waba_id: str, template_id: str) -> Template:
    """Return the template that a creation asks for; raises GraphError."""
    name, language = str(body.get("name", "")), str(body.get("language", ""))
    if not NAME.fullmatch(name):
        raise refused(2388025, "Invalid name", "Message template name has invalid characters.")
    if not LANGUAGE.fullmatch(language) or body.get("category") not in CATEGORIES:
        raise GraphError(100, message="(#100) Invalid parameter: language or category")
    template = Template(
        id=template_id,
        waba=waba_id,
        name=name,
        language=language,
        category=str(body["category"]),
        status="PENDING",
        parameter_format=str(body.get("parameter_format", "POSITIONAL")).upper(),
        components=body.get("components", []),
    )
    check(template)
    return template


def check(template: Template) -> None:
    """Raise GraphError for content that is not taken."""
    components: Any = template.components
    if not isinstance(components, list) or not all(isinstance(part, dict) for part in components):
        raise GraphError(100, message="(#100) Param components must be an array of objects.")
    if template.parameter_format not in {"POSITIONAL", "NAMED"}:
        raise GraphError(100, message="(#100) Param parameter_format must be one of {POSITIONAL, NAMED}")
    if template.category == "AUTHENTICATION":
        return
    bodies = [part for part in components if part.get("type") == "BODY"]
    if len(bodies) != 1:
        raise refused(BODY, "Body missing", "Message template needs exactly one body.")
    for part in components:
        _component(part, template.parameter_format)


def _component(part: Json, parameter_format: str) -> None:
    match part.get("type"):
        case "HEADER":
            _header(part, parameter_format)
        case "BODY":
            _body(part, parameter_format, most=1024)
        case "FOOTER":
            text = str(part.get("text", ""))
            if not text or len(text) > 60 or ANY.search(text):
                raise refused(FOOTER, "Footer", "Message template footer has 1 to 60 characters and no variables.")
        case "BUTTONS":
            _buttons(part.get("buttons"))
        case "CAROUSEL":
            _carousel(part.get("cards"), parameter_format)
        case "LIMITED_TIME_OFFER":
            return
        case kind:
            raise GraphError(100, message=f"(#100) Param components: unexpected type {kind!r}")


def _header(part: Json, parameter_format: str) -> None:
    kind, text = part.get("format"), str(part.get("text", ""))
    if kind == "TEXT":
        if not text or len(text) > 60 or len(ANY.findall(text)) > 1 or "\n" in text or "*" in text:
            raise refused(HEADER, "Header", "Header text: 1 to 60 characters, one variable, no formatting.")
        _examples(part, "header", parameter_format)
    elif kind in MEDIA:
        if not (part.get("example") or {}).get("header_handle"):
            raise refused(EXAMPLE, "Example missing", "Message template with a media header needs an example.")
    elif kind != "LOCATION":
        raise refused(HEADER, "Header", f"Unknown header format {kind}.")


def _body(part: Json, parameter_format: str, *, most: int) -> None:
    text = str(part.get("text", ""))
    if not text.strip():
        raise refused(BODY, "Body", "Message template body is empty.")
    if len(text) > most:
        raise refused(TOO_LONG, "Too long", f"Message template body cannot exceed {most} characters.")
    found = ANY.findall(text)
    bare = text.strip()
    if found and (bare.startswith("{{") or bare.endswith("}}")):
        raise refused(EDGE, "Variables", "Variables can't be at the start or end of the template.")
    words = ANY.sub(" ", text).split()
    if found and (len(words) < 2 * len(found) or re.search(r"\}\}\s*\{\{", text)):
        raise refused(RATIO, "Variables", "This template has too many variables for its length.")
    _examples(part, "body", parameter_format)


def _examples(part: Json, place: str, parameter_format: str) -> None:
    names, found = variables(str(part["text"])), ANY.findall(str(part["text"]))
    if len(set(found)) != len(names):
        raise refused(BODY if place == "body" else HEADER, "Variables", "A variable is malformed.")
    example = part.get("example") if isinstance(part.get("example"), dict) else {}
    assert isinstance(example, dict)
    if parameter_format == "NAMED":
        given = {row.get("param_name") for row in example.get(f"{place}_text_named_params", []) if row.get("example")}
        fits = all(re.fullmatch(r"[a-z_][a-z0-9_]*", name) for name in names) and given >= set(names)
    else:
        rows: Any = example.get(f"{place}_text", [])
        rows = rows[0] if rows and isinstance(rows[0], list) else rows
        fits = sorted(names) == sorted(str(number + 1) for number in range(len(names))) and len(rows) == len(names)
    if names and not fits:
        raise refused(EXAMPLE, "Examples", f"Component {place.upper()} needs examples for each of its variables.")


def _buttons(buttons: Any) -> None:
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 10:
        raise refused(LIMIT, "Buttons", "One to ten buttons.")
    kinds = [str(button.get("type")) for button in buttons]
    for kind, most in BUTTON_LIMITS.items():
        if kinds.count(kind) > most:
            raise refused(LIMIT, "Buttons", f"At most {most} of {kind}.")
    runs = [kind == "QUICK_REPLY" for kind in kinds]
    if sum(1 for at, run in enumerate(runs) if run and (at == 0 or not runs[at - 1])) > 1:
        raise refused(LIMIT, "Buttons", "Quick replies must be grouped together.")
    for button in buttons:
        _button(button)


def _button(button: Json) -> None:
    kind, text = button.get("type"), str(button.get("text", ""))
    if kind != "COPY_CODE" and not (1 <= len(text) <= 25 and not ANY.search(text)):
        raise refused(TOO_LONG, "Buttons", "Button text has 1 to 25 characters and no variables.")
    if kind == "URL":
        url = str(button.get("url", ""))
        found = ANY.findall(url)
        if not url.startswith(("http://", "https://")) or len(url) > 2000 or len(found) > 1:
            raise refused(LIMIT, "Buttons", "The link is not valid.")
        if found and (not url.endswith("}}") or not button.get("example")):
            raise refused(EXAMPLE, "Buttons", "A link's variable stands at its end and needs an example.")
    elif kind == "PHONE_NUMBER":
        if not re.fullmatch(r"\+?\d{5,19}", str(button.get("phone_number", ""))):
            raise refused(LIMIT, "Buttons", "The phone number is not valid.")
    elif kind == "COPY_CODE":
        if not button.get("example"):
            raise refused(EXAMPLE, "Buttons", "A code needs an example.")
    elif kind not in {"QUICK_REPLY", "FLOW", "OTP", "CATALOG", "MPM", "VOICE_CALL"}:
        raise GraphError(100, message=f"(#100) Param buttons: unexpected type {kind!r}")


def _carousel(cards: Any, parameter_format: str) -> None:
    if not isinstance(cards, list) or not 2 <= len(cards) <= 10:
        raise refused(LIMIT, "Carousel", "Two to ten cards.")
    shapes = set()
    for card in cards:
        parts = card.get("components", [])
        for part in parts:
            if part.get("type") == "BODY":
                _body(part, parameter_format, most=160)
            else:
                _component(part, parameter_format)
        buttons: list[Json] = next((part["buttons"] for part in parts if part.get("type") == "BUTTONS"), [])
        shapes.add((tuple(str(part.get("type")) for part in parts), tuple(str(row.get("type")) for row in buttons)))
    if len(shapes) > 1:
        raise refused(LIMIT, "Carousel", "All cards must have the same components.")
