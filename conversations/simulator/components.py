"""What the components of a template message must look like, whatever the template: types, buttons, cards, lengths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from conversations.simulator import checks
from conversations.simulator.checks import wrong
from conversations.simulator.config import Json
from conversations.simulator.errors import GraphError

MEDIA: Final = ("image", "video", "document")
# The name of what a button carries; an empty one: its inside is not judged.
CARRIED: Final = {
    "url": "text", "quick_reply": "payload", "copy_code": "coupon_code", "flow": "action",
    "catalog": "", "mpm": "", "voice_call": "", "order_details": "", "otp": "text",
}  # fmt: skip
BUTTONS_MAX: Final = 10
COUPON_MAX: Final = 20
PAYLOAD_MAX: Final = 256
URL_MAX: Final = 2000
CARD_BODY_MAX: Final = 160


def check(components: Any, *, in_card: bool = False) -> None:
    """Refuse components that no template could have."""
    if not isinstance(components, list) or not all(isinstance(part, dict) for part in components):
        raise wrong("template.components must be a JSON array of objects")
    seen: list[str] = []
    for part in components:
        kind = checks.a_name(part, "type", where="template.components.").lower()
        checker = CHECKS.get(kind)
        if checker is None or (in_card and kind == "carousel"):
            raise wrong(f"template.components.type is not valid: {kind}")
        checker(part)
        seen.append(f"button {part['index']}" if kind == "button" else kind)
        if in_card and kind == "body":
            _card_body(part)
    checks.unique(seen, label="components")


def _parameters(part: Json) -> list[Json]:
    found = part.get("parameters", [])
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise wrong("template.components must be JSON objects with a list of parameters")
    for parameter in found:
        if not isinstance(parameter.get("type", "text"), str):
            raise wrong("parameters.type must be a string")
    return found


def _header(part: Json) -> None:
    found = _parameters(part)
    if len(found) > 1:
        raise GraphError(132000, "header: number of localizable_params does not match the expected number of params")
    for parameter in found:
        kind = parameter.get("type", "text")
        if kind in MEDIA:
            media = checks.an_object(parameter, kind, where="header.parameters.")
            if ("id" in media) == ("link" in media):
                raise wrong(f"header.parameters.{kind} needs exactly one of id and link")
            link = checks.optional_text(media, "link", label="Link", most=2000, least=1)
            if link and not link.startswith(("http://", "https://")):
                raise wrong("Link must be a valid URL")
        elif kind == "location":
            place = checks.an_object(parameter, "location", where="header.parameters.")
            for name in ("latitude", "longitude"):
                checks.required(place, name, where="header.parameters.location.")


def _body(part: Json) -> None:
    for parameter in _parameters(part):
        checks.optional_text(parameter, "parameter_name", label="Parameter name", most=512, least=1)


def _card_body(part: Json) -> None:
    total = sum(len(str(parameter.get("text", ""))) for parameter in _parameters(part))
    if total > CARD_BODY_MAX:
        raise wrong(f"Card body length invalid. Max length: {CARD_BODY_MAX}")


def _button(part: Json) -> None:
    kind = checks.a_name(part, "sub_type", where="button.").lower()
    if kind not in CARRIED:
        raise wrong(f"button.sub_type is not valid: {kind}")
    index = checks.required(part, "index", where="button.")
    if isinstance(index, bool) or not isinstance(index, int | str) or not str(index).isdecimal():
        raise wrong("button.index must be a number")
    if int(index) >= BUTTONS_MAX:
        raise wrong(f"button.index is not valid: {index}")
    name = CARRIED[kind]
    found = _parameters(part)
    if len(found) != 1 and name:
        raise GraphError(132000, "buttons: number of localizable_params does not match the expected number of params")
    for parameter in found if name else []:
        _carried(kind, name, parameter)


def _carried(kind: str, name: str, parameter: Json) -> None:
    if checks.a_name(parameter, "type", where="button.parameters.") != name:
        raise wrong(f"button.parameters.type must be {name} for {kind}")
    if name == "action":
        checks.an_object(parameter, "action", where="button.parameters.")
        return
    most = {"payload": PAYLOAD_MAX, "coupon_code": COUPON_MAX}.get(name, URL_MAX)
    checks.text(parameter, name, label=f"Button {name}", most=most)


def _carousel(part: Json) -> None:
    shapes: list[list[str]] = []
    places: list[str] = []
    for card in checks.a_list(part, "cards", where="carousel.", least=2, most=10):
        if not isinstance(card, dict):
            raise wrong("carousel.cards must be JSON objects")
        places.append(str(checks.required(card, "card_index", where="carousel.cards.")))
        inside = checks.required(card, "components", where="carousel.cards.")
        check(inside, in_card=True)
        shapes.append([str(item.get("sub_type")) for item in inside if str(item["type"]).lower() == "button"])
    checks.unique(places, label="card_index")
    if any(shape != shapes[0] for shape in shapes):
        raise wrong("carousel.cards must all have the same kinds of buttons")


CHECKS: Final[dict[str, Callable[[Json], object]]] = {
    "header": _header,
    "body": _body,
    "button": _button,
    "carousel": _carousel,
    "limited_time_offer": _parameters,
    "order_status": _parameters,
}
