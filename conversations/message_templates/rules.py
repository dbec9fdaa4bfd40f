"""What the provider refuses in a template, said before it is submitted: which field, which limit. Pure.

Source: Meta, "Message templates" and "Template components", read 2026-11-01. Lengths count Unicode code points.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from conversations.message_templates import parts

CATEGORIES: Final = ("MARKETING", "UTILITY", "AUTHENTICATION")
FORMATS: Final = ("POSITIONAL", "NAMED")
HEADERS: Final = ("TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION")
BUTTONS: Final = ("QUICK_REPLY", "URL", "PHONE_NUMBER", "COPY_CODE")
NAME_MAX: Final = 512
BODY_MAX: Final = 1024
OFFER_BODY_MAX: Final = 600
CARD_BODY_MAX: Final = 160
HEADER_MAX: Final = 60
FOOTER_MAX: Final = 60
BUTTONS_MAX: Final = 10
LABEL_MAX: Final = 25
URL_MAX: Final = 2000
PHONE_MAX: Final = 20
CODE_MAX: Final = 15
CARDS: Final = (2, 10)
CARD_BUTTONS: Final = (1, 2)
EXPIRY_MINUTES: Final = (1, 90)
OF_A_KIND_MAX: Final = {"URL": 2, "PHONE_NUMBER": 1, "COPY_CODE": 1}
WORDS_A_VARIABLE: Final = 2

_NAME: Final = re.compile(r"[a-z0-9_]+")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(_[A-Z]{2,4})?")
_NUMBERED: Final = re.compile(r"[1-9][0-9]{0,2}")
_NAMED: Final = re.compile(r"[a-z_][a-z0-9_]*")
_BRACES: Final = re.compile(r"\{\{|\}\}")
_ADJACENT: Final = re.compile(r"\}\}\s*\{\{")
_MANY_BREAKS: Final = re.compile(r"\n{3,}| {5,}")
_FORMATTING: Final = re.compile(r"[*_~`\n]")
_PHONE: Final = re.compile(r"\+?[0-9]{6,19}")
_TEXTUAL: Final = frozenset({"HEADER", "BODY", "FOOTER", "BUTTONS", "CAROUSEL", "LIMITED_TIME_OFFER"})
Components = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A rule that a field breaks. `limit` is the number broken, `about` the variable or kind concerned."""

    field: str
    code: str
    limit: int = 0
    found: int = 0
    about: str = ""


def check(*, name: str, language: str, category: str, parameter_format: str, components: Components) -> list[Problem]:
    """Return everything that is wrong with a template, in the order in which people read it."""
    found = list(_head(name, language, category, parameter_format))
    if category == "AUTHENTICATION":
        return found + list(_authentication(components))
    strange = {str(part.get("type", "")).upper() for part in components} - _TEXTUAL
    found += [Problem(field="components", code="unknown_component", about=kind) for kind in sorted(strange)]
    cards = parts.cards_of(components)
    body_max = OFFER_BODY_MAX if parts.component(components, "LIMITED_TIME_OFFER") else BODY_MAX
    found += _header(parts.component(components, "HEADER"), "", parameter_format)
    found += _body(parts.component(components, "BODY"), "", parameter_format, body_max, required=True)
    found += _footer(parts.component(components, "FOOTER"))
    found += _buttons(parts.buttons_of(components), "")
    if parts.component(components, "CAROUSEL"):
        found += _carousel(cards, parameter_format)
    return found


def _head(name: str, language: str, category: str, parameter_format: str) -> Iterator[Problem]:
    if not name:
        yield Problem(field="name", code="required")
    elif len(name) > NAME_MAX:
        yield Problem(field="name", code="too_long", limit=NAME_MAX, found=len(name))
    elif not _NAME.fullmatch(name):
        yield Problem(field="name", code="name_pattern")
    if not _LANGUAGE.fullmatch(language):
        yield Problem(field="language", code="language_pattern")
    if category not in CATEGORIES:
        yield Problem(field="category", code="unknown_choice")
    if parameter_format not in FORMATS:
        yield Problem(field="parameter_format", code="unknown_choice")


def _header(header: Mapping[str, Any], prefix: str, parameter_format: str) -> Iterator[Problem]:
    kind = parts.format_of(header)
    field = f"{prefix}header.text"
    if not kind:
        return
    if kind not in HEADERS:
        yield Problem(field=f"{prefix}header.format", code="unknown_choice")
    elif kind in parts.MEDIA:
        example = header.get("example")
        if not (isinstance(example, Mapping) and example.get("header_handle")):
            yield Problem(field=f"{prefix}header.example", code="needs_file")
    elif kind == "TEXT":
        text = str(header.get("text") or "")
        yield from _length(field, text, HEADER_MAX)
        if _FORMATTING.search(parts.VARIABLE.sub("", text)):
            yield Problem(field=field, code="header_formatting")
        if len(parts.VARIABLE.findall(text)) > 1:
            yield Problem(field=field, code="too_many_variables", limit=1)
        yield from _variables(header, f"{prefix}header", parameter_format)


def _body(
    body: Mapping[str, Any], prefix: str, parameter_format: str, limit: int, *, required: bool
) -> Iterator[Problem]:
    text, field = str(body.get("text") or ""), f"{prefix}body.text"
    if not text.strip():
        if required:
            yield Problem(field=field, code="required")
        return
    yield from _length(field, text, limit)
    if _MANY_BREAKS.search(text):
        yield Problem(field=field, code="many_breaks")
    yield from _variables(body, f"{prefix}body", parameter_format)
    bare = text.strip()
    if bare.startswith("{{") or bare.endswith("}}"):
        yield Problem(field=field, code="variable_at_edge")
    if _ADJACENT.search(text):
        yield Problem(field=field, code="adjacent_variables")
    count = len(parts.VARIABLE.findall(text))
    words = len(re.findall(r"\w+", parts.VARIABLE.sub(" ", text)))
    if count and words < count * WORDS_A_VARIABLE:
        yield Problem(field=field, code="few_words", limit=count * WORDS_A_VARIABLE, found=words)


def _variables(part: Mapping[str, Any], place: str, parameter_format: str) -> Iterator[Problem]:
    """Check names or numbers of variables, and that each has an example."""
    text, field = str(part.get("text") or ""), f"{place}.text"
    if _BRACES.search(parts.VARIABLE.sub("", text)):
        yield Problem(field=field, code="broken_braces")
    names = parts.variables(text)
    pattern = _NAMED if parameter_format == "NAMED" else _NUMBERED
    wrong = [name for name in names if not pattern.fullmatch(name)]
    for name in wrong:
        yield Problem(field=field, code=f"variable_{parameter_format.lower()}", about=name)
    if parameter_format == "POSITIONAL" and not wrong:
        expected = [str(number) for number in range(1, len(names) + 1)]
        if sorted(names, key=int) != expected:
            yield Problem(field=field, code="gap_in_numbers", about=", ".join(f"{{{{{n}}}}}" for n in expected))
    examples = parts.examples_of(part)
    for name in names:
        if not examples.get(name, "").strip():
            yield Problem(field=f"{place}.example.{name}", code="example_needed", about=name)


def _length(field: str, text: str, limit: int) -> Iterator[Problem]:
    if not text.strip():
        yield Problem(field=field, code="required")
    elif len(text) > limit:
        yield Problem(field=field, code="too_long", limit=limit, found=len(text))


def _footer(footer: Mapping[str, Any]) -> Iterator[Problem]:
    if not footer:
        return
    text = str(footer.get("text") or "")
    yield from _length("footer.text", text, FOOTER_MAX)
    if parts.VARIABLE.search(text):
        yield Problem(field="footer.text", code="too_many_variables", limit=0)


def _buttons(buttons: Sequence[Mapping[str, Any]], prefix: str) -> Iterator[Problem]:
    field = f"{prefix}buttons"
    kinds = [str(button.get("type", "")).upper() for button in buttons]
    if len(buttons) > BUTTONS_MAX:
        yield Problem(field=field, code="too_many_buttons", limit=BUTTONS_MAX, found=len(buttons))
    for kind, most in OF_A_KIND_MAX.items():
        if kinds.count(kind) > most:
            yield Problem(field=field, code="too_many_of_kind", limit=most, found=kinds.count(kind), about=kind)
    if [is_reply for is_reply, _ in groupby(kinds, key=lambda kind: kind == "QUICK_REPLY")].count(True) > 1:
        yield Problem(field=field, code="replies_scattered")
    labels = [str(button.get("text") or "").strip() for button in buttons]
    for index, (kind, button) in enumerate(zip(kinds, buttons, strict=True)):
        where = f"{field}.{index}"
        if kind not in BUTTONS:
            yield Problem(field=f"{where}.type", code="unknown_choice")
            continue
        if kind != "COPY_CODE":
            yield from _label(f"{where}.text", labels, index)
        yield from _TARGETS[kind](where, button)


def _label(field: str, labels: Sequence[str], index: int) -> Iterator[Problem]:
    yield from _length(field, labels[index], LABEL_MAX)
    if parts.VARIABLE.search(labels[index]):
        yield Problem(field=field, code="too_many_variables", limit=0)
    if labels[index] and labels[index] in labels[:index]:
        yield Problem(field=field, code="repeated_label")


def _no_target(where: str, button: Mapping[str, Any]) -> Iterator[Problem]:
    yield from ()


def _link(where: str, button: Mapping[str, Any]) -> Iterator[Problem]:
    url, field = str(button.get("url") or ""), f"{where}.url"
    yield from _length(field, url, URL_MAX)
    if url and not re.match(r"https?://[^\s/{}]+", url):
        yield Problem(field=field, code="not_a_link")
    found = parts.VARIABLE.findall(url)
    if len(found) > 1 or (found and not url.rstrip().endswith("}}")):
        yield Problem(field=field, code="variable_not_at_end", limit=1)
    elif found and found[0] != "1":
        yield Problem(field=field, code="link_variable_is_one")
    if found and not _sample(button):
        yield Problem(field=f"{where}.example", code="example_needed", about=found[0])


def _phone(where: str, button: Mapping[str, Any]) -> Iterator[Problem]:
    phone, field = str(button.get("phone_number") or ""), f"{where}.phone_number"
    if not phone:
        yield Problem(field=field, code="required")
    elif len(phone) > PHONE_MAX:
        yield Problem(field=field, code="too_long", limit=PHONE_MAX, found=len(phone))
    elif not _PHONE.fullmatch(phone):
        yield Problem(field=field, code="not_a_phone")


def _code(where: str, button: Mapping[str, Any]) -> Iterator[Problem]:
    sample = _sample(button)
    if not sample:
        yield Problem(field=f"{where}.example", code="example_needed", about="code")
    elif len(sample) > CODE_MAX:
        yield Problem(field=f"{where}.example", code="too_long", limit=CODE_MAX, found=len(sample))


_TARGETS: Final[dict[str, Callable[[str, Mapping[str, Any]], Iterator[Problem]]]] = {
    "QUICK_REPLY": _no_target,
    "URL": _link,
    "PHONE_NUMBER": _phone,
    "COPY_CODE": _code,
}


def _sample(button: Mapping[str, Any]) -> str:
    given = button.get("example")
    return str(given[0] if given else "") if isinstance(given, list) else str(given or "")


def _carousel(cards: Sequence[Components], parameter_format: str) -> Iterator[Problem]:
    least, most = CARDS
    if not least <= len(cards) <= most:
        yield Problem(field="cards", code="count_of_cards", limit=most, found=len(cards))
    structures = set()
    for index, card in enumerate(cards):
        where = f"cards.{index}."
        header, buttons = parts.component(card, "HEADER"), parts.buttons_of(card)
        if parts.format_of(header) not in {"IMAGE", "VIDEO"}:
            yield Problem(field=f"{where}header.format", code="card_header")
        yield from _header(header, where, parameter_format)
        body = parts.component(card, "BODY")
        yield from _body(body, where, parameter_format, CARD_BODY_MAX, required=False)
        if not CARD_BUTTONS[0] <= len(buttons) <= CARD_BUTTONS[1]:
            yield Problem(field=f"{where}buttons", code="count_of_card_buttons", limit=CARD_BUTTONS[1])
        yield from _buttons(buttons, where)
        kinds = tuple(str(button.get("type", "")).upper() for button in buttons)
        structures.add((parts.format_of(header), bool(body), kinds))
    if len(structures) > 1:
        yield Problem(field="cards", code="cards_differ")


def _authentication(components: Components) -> Iterator[Problem]:
    """Check a one-time password template: WhatsApp writes the text, the business only chooses."""
    if parts.component(components, "BODY").get("text"):
        yield Problem(field="body.text", code="preset_text")
    if parts.component(components, "HEADER"):
        yield Problem(field="header.text", code="preset_text")
    minutes = parts.component(components, "FOOTER").get("code_expiration_minutes")
    least, most = EXPIRY_MINUTES
    if minutes is not None and not (isinstance(minutes, int) and least <= minutes <= most):
        yield Problem(field="footer.code_expiration_minutes", code="out_of_range", limit=most)
    buttons = parts.buttons_of(components)
    if len(buttons) != 1 or str(buttons[0].get("type", "")).upper() != "OTP":
        yield Problem(field="buttons", code="otp_button")
