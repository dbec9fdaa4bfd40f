"""Approved templates, with what fills them in. The only content that may leave outside of the service window."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Self, TypeAlias

from conversations.content import limits, reading
from conversations.content.files import Attachment
from conversations.content.limits import ContentError
from conversations.content.menus import numbered
from conversations.content.simple import Location

# How the value of a button is called, and how long it may be. One-time codes travel as the end of an address.
_BUTTONS: Final[dict[str, tuple[str, str, int]]] = {
    "url": ("url", "text", limits.LINK_MAX),
    "otp": ("url", "text", limits.OTP_MAX),
    "quick_reply": ("quick_reply", "payload", limits.PAYLOAD_MAX),
    "copy_code": ("copy_code", "coupon_code", limits.COUPON_MAX),
    "flow": ("flow", "action", limits.LINK_MAX),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """What stands for a variable: by name in named templates, else by its place."""

    text: str
    name: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the stored form."""
        return {"text": self.text} | reading.filled(name=self.name)

    @classmethod
    def parse(cls, raw: reading.Raw) -> Self:
        """Return what `as_dict` stored."""
        return cls(text=reading.text(raw, "text"), name=reading.text(raw, "name"))

    def as_object(self) -> dict[str, str]:
        """Return the provider's parameter."""
        return {"type": "text", "text": self.text} | reading.filled(parameter_name=self.name)


def _parameters(raw: reading.Raw, key: str) -> tuple[Parameter, ...]:
    return tuple(Parameter.parse(item) for item in reading.items(raw, key))


def _check_parameters(field_name: str, values: tuple[Parameter, ...], limit: int) -> None:
    for index, value in enumerate(values):
        limits.one_line(f"{field_name}.{index}", value.text, limit)
    names = [value.name for value in values if value.name]
    if names and len(names) != len(values):
        raise ContentError(field_name, len(values), limits.ALIKE)
    limits.unique(field_name, names, len(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateButton:
    """What a button of a template carries: the end of its address, a payload, a code, or a form's token and data.

    `title` is what people read on it; the provider knows it from the template.
    """

    kind: str
    index: int
    value: str = ""
    title: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    def check(self, field_name: str) -> None:
        """Refuse what the provider would."""
        limits.one_of(f"{field_name}.kind", self.kind, tuple(_BUTTONS))
        if not 0 <= self.index < limits.TEMPLATE_BUTTONS_MAX:
            raise ContentError(f"{field_name}.index", limits.TEMPLATE_BUTTONS_MAX - 1, limits.NOT_ALLOWED)
        limits.length(f"{field_name}.value", self.value, _BUTTONS[self.kind][2], required=self.kind != "flow")

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {"kind": self.kind, "index": self.index} | reading.filled(
            value=self.value, title=self.title, data=self.data
        )

    @classmethod
    def parse(cls, raw: reading.Raw) -> Self:
        """Return what `as_dict` stored."""
        texts = {key: reading.text(raw, key) for key in ("kind", "value", "title")}
        return cls(**texts, index=reading.integer(raw, "index"), data=reading.an_object(raw, "data"))

    def as_component(self) -> dict[str, Any]:
        """Return the provider's component."""
        sub_type, key, _ = _BUTTONS[self.kind]
        value: Any = self.value
        if self.kind == "flow":
            value = reading.filled(flow_token=self.value, flow_action_data=self.data)
        parameter = {"type": key, key: value}
        return {"type": "button", "sub_type": sub_type, "index": str(self.index), "parameters": [parameter]}


def _buttons(raw: reading.Raw) -> tuple[TemplateButton, ...]:
    return tuple(TemplateButton.parse(item) for item in reading.items(raw, "buttons"))


def _check_buttons(field_name: str, buttons: tuple[TemplateButton, ...]) -> None:
    limits.count(field_name, buttons, low=0, high=limits.TEMPLATE_BUTTONS_MAX)
    for index, button in enumerate(buttons):
        button.check(f"{field_name}.{index}")
    limits.unique(f"{field_name}.index", [str(button.index) for button in buttons], limits.TEMPLATE_BUTTONS_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card of a carousel."""

    header: Attachment
    body: tuple[Parameter, ...] = ()
    buttons: tuple[TemplateButton, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {"header": self.header.as_dict()} | reading.filled(
            body=[value.as_dict() for value in self.body], buttons=[button.as_dict() for button in self.buttons]
        )

    @classmethod
    def parse(cls, raw: reading.Raw) -> Self:
        """Return what `as_dict` stored."""
        header = Attachment.parse(reading.an_object(raw, "header"))
        return cls(header=header, body=_parameters(raw, "body"), buttons=_buttons(raw))

    def as_object(self, index: int) -> dict[str, Any]:
        """Return the provider's card."""
        return {"card_index": index, "components": _components(self.header, self.body, self.buttons)}


# A text header is filled in by parameters; others are the file or place itself.
TemplateHeader: TypeAlias = tuple[Parameter, ...] | Attachment | Location


def _components(
    header: TemplateHeader, body: tuple[Parameter, ...], buttons: tuple[TemplateButton, ...]
) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    if header:
        filling = [value.as_object() for value in header] if isinstance(header, tuple) else [header.as_parameter()]
        made.append({"type": "header", "parameters": filling})
    if body:
        made.append({"type": "body", "parameters": [value.as_object() for value in body]})
    return made + [button.as_component() for button in buttons]


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template by name and language. `shown` and `footer` are what the person reads, for our pages and for search."""

    message_type: ClassVar[str] = "template"

    name: str
    language: str
    header: TemplateHeader = ()
    body: tuple[Parameter, ...] = ()
    buttons: tuple[TemplateButton, ...] = ()
    cards: tuple[Card, ...] = ()
    shown: str = ""
    footer: str = ""

    def __post_init__(self) -> None:
        limits.length("name", self.name, limits.TEMPLATE_NAME_MAX)
        limits.length("language", self.language, limits.LANGUAGE_MAX)
        if isinstance(self.header, tuple):
            limits.count("header", self.header, low=0, high=1)
            _check_parameters("header", self.header, limits.HEADER_MAX)
        _check_parameters("body", self.body, limits.TEMPLATE_BODY_MAX)
        total = sum(len(value.text) for value in self.body)
        if total > limits.TEMPLATE_BODY_MAX:
            raise ContentError("body", limits.TEMPLATE_BODY_MAX, limits.TOO_LONG, found=total)
        limits.length("shown", self.shown, limits.TEMPLATE_BODY_MAX, required=False)
        _check_buttons("buttons", self.buttons)
        if self.cards:
            self._check_cards()

    def _check_cards(self) -> None:
        limits.count("cards", self.cards, low=limits.CARDS_MIN, high=limits.CARDS_MAX)
        for index, card in enumerate(self.cards):
            _check_parameters(f"cards.{index}.body", card.body, limits.CARD_BODY_MAX)
            _check_buttons(f"cards.{index}.buttons", card.buttons)
        if len({(card.header.kind, tuple(button.kind for button in card.buttons)) for card in self.cards}) != 1:
            raise ContentError("cards", len(self.cards), limits.ALIKE)

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        header = self.header
        stored = [one.as_dict() for one in header] if isinstance(header, tuple) else header.as_dict()
        return {"kind": "template", "name": self.name, "language": self.language} | reading.filled(
            header=stored,
            body=[value.as_dict() for value in self.body],
            buttons=[button.as_dict() for button in self.buttons],
            cards=[card.as_dict() for card in self.cards],
            shown=self.shown,
            footer=self.footer,
        )

    @classmethod
    def parse(cls, raw: reading.Raw) -> Self:
        """Return what `as_dict` stored."""
        texts = {key: reading.text(raw, key) for key in ("name", "language", "shown", "footer")}
        cards = tuple(Card.parse(item) for item in reading.items(raw, "cards"))
        return cls(**texts, header=_header(raw), body=_parameters(raw, "body"), buttons=_buttons(raw), cards=cards)

    def as_cloud_api(self) -> dict[str, Any]:
        """Return the provider's message."""
        components = _components(self.header, self.body, self.buttons)
        if self.cards:
            cards = [card.as_object(index) for index, card in enumerate(self.cards)]
            components.append({"type": "carousel", "cards": cards})
        language = {"code": self.language, "policy": "deterministic"}
        made: dict[str, Any] = {"name": self.name, "language": language} | reading.filled(components=components)
        return {"type": "template", "template": made}

    @property
    def text(self) -> str:
        """Return the words in it, for searching."""
        return self.shown or self.name

    def preview(self) -> str:
        """Return one line of it for lists."""
        return self.shown or f"[template] {self.name}"

    def as_numbered_text(self) -> str:
        """Return the form for channels without templates."""
        top = "" if isinstance(self.header, tuple) else self.header.line()
        titles = [button.title for button in self.buttons if button.kind == "quick_reply" and button.title]
        return "\n\n".join(part for part in (top, self.text, "\n".join(numbered(titles)), self.footer) if part)


def _header(raw: reading.Raw) -> TemplateHeader:
    value = raw.get("header") or ()
    if isinstance(value, list | tuple):
        return _parameters(raw, "header")
    stored = reading.an_object(raw, "header")
    return Location.parse(stored) if stored.get("kind") == "location" else Attachment.parse(stored)
