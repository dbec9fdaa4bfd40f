"""Messages that ask for something: reply buttons, a list, a link, a place, a form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, TypeAlias

from conversations.content import limits, reading
from conversations.content.files import Attachment
from conversations.content.limits import ContentError

Header: TypeAlias = str | Attachment


def header_of(raw: reading.Raw) -> Header:
    """Return the stored header: a text, or a file."""
    value = raw.get("header") or ""
    return value if isinstance(value, str) else Attachment.parse(reading.an_object(raw, "header"))


def _stored(header: Header) -> Any:
    return header if isinstance(header, str) else header.as_dict()


def _frame(kind: str, message: Buttons | ListMenu | LinkButton | FlowForm, action: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"type": kind, "body": {"text": message.body}, "action": action}
    header = message.header
    if header:
        made["header"] = {"type": "text", "text": header} if isinstance(header, str) else header.as_parameter()
    if message.footer:
        made["footer"] = {"text": message.footer}
    return {"type": "interactive", "interactive": made}


def _check_frame(message: Buttons | LinkButton | FlowForm, body_max: int) -> None:
    limits.length("body", message.body, body_max)
    if isinstance(message.header, str):
        limits.length("header", message.header, limits.HEADER_MAX, required=False)
    limits.length("footer", message.footer, limits.FOOTER_MAX, required=False)


def _plain(header: Header, body: str, options: Sequence[str], footer: str) -> str:
    top = header if isinstance(header, str) else header.line()
    return "\n\n".join(part for part in (top, body, "\n".join(options), footer) if part)


def numbered(titles: Sequence[str]) -> list[str]:
    """Return titles with the numbers that people answer with."""
    return [f"{number}. {title}" for number, title in enumerate(titles, start=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A reply button."""

    id: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Buttons:
    """A text with one to three reply buttons."""

    message_type: ClassVar[str] = "interactive"

    body: str
    buttons: tuple[Button, ...]
    header: Header = ""
    footer: str = ""

    def __post_init__(self) -> None:
        _check_frame(self, limits.BUTTON_BODY_MAX)
        limits.count("buttons", self.buttons, low=1, high=limits.BUTTONS_MAX)
        for index, button in enumerate(self.buttons):
            if limits.fits(button.id, limits.BUTTON_ID_MAX) and limits.fits(button.title, limits.BUTTON_TITLE_MAX):
                continue
            limits.length(f"buttons.{index}.id", button.id, limits.BUTTON_ID_MAX)
            limits.length(f"buttons.{index}.title", button.title, limits.BUTTON_TITLE_MAX)
        limits.unique("buttons.id", [button.id for button in self.buttons], limits.BUTTONS_MAX)
        limits.unique("buttons.title", [button.title for button in self.buttons], limits.BUTTONS_MAX)

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "kind": "buttons",
            "body": self.body,
            "header": _stored(self.header),
            "footer": self.footer,
            "buttons": [{"id": button.id, "title": button.title} for button in self.buttons],
        }

    @classmethod
    def parse(cls, raw: reading.Raw) -> Self:
        """Return what `as_dict` stored."""
        return cls(
            body=reading.text(raw, "body"),
            buttons=tuple(
                Button(id=reading.text(item, "id"), title=reading.text(item, "title"))
                for item in reading.items(raw, "buttons")
            ),
            header=header_of(raw),
            footer=reading.text(raw, "footer"),
        )

    def as_cloud_api(self) -> dict[str, Any]:
        """Return the provider's message."""
        buttons = [{"type": "reply", "reply": {"id": one.id, "title": one.title}} for one in self.buttons]
        return _frame("button", self, {"buttons": buttons})

    @property
    def text(self) -> str:
        """Return the words in it, for searching."""
        return self.body

    def preview(self) -> str:
        """Return one line of it for lists."""
        return self.body

    def as_numbered_text(self) -> str:
        """Return the form for channels without buttons."""
        return _plain(self.header, self.body, numbered([button.title for button in self.buttons]), self.footer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a list."""

    id: str
    title: str
    description: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {"id": self.id, "title": self.title, "description": self.description}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A group of rows."""

    title: str = ""
    rows: tuple[Row, ...]

    def as_object(self) -> dict[str, Any]:
        """Return the provider's section."""
        rows = [{"id": row.id, "title": row.title} | reading.filled(description=row.description) for row in self.rows]
        return {"rows": rows} | reading.filled(title=self.title)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMenu:
    """A text with a button that opens up to ten rows."""

    message_type: ClassVar[str] = "interactive"

    body: str
    button: str
    sections: tuple[Section, ...]
    header: str = ""
    footer: str = ""

    def __post_init__(self) -> None:
        limits.length("body", self.body, limits.LIST_BODY_MAX)
        limits.length("button", self.button, limits.LIST_BUTTON_MAX)
        limits.length("header", self.header, limits.HEADER_MAX, required=False)
        limits.length("footer", self.footer, limits.FOOTER_MAX, required=False)
        limits.count("sections", self.sections, low=1, high=limits.SECTIONS_MAX)
        many = len(self.sections) > 1
        for index, section in enumerate(self.sections):
            limits.length(f"sections.{index}.title", section.title, limits.SECTION_TITLE_MAX, required=many)
            if not section.rows:
                raise ContentError(f"sections.{index}.rows", limits.ROWS_MAX, limits.EMPTY)
        self._check_rows()

    def _check_rows(self) -> None:
        rows = self.rows
        limits.count("rows", rows, low=1, high=limits.ROWS_MAX)
        for index, row in enumerate(rows):
            short = len(row.description) <= limits.ROW_DESCRIPTION_MAX
            if short and limits.fits(row.id, limits.ROW_ID_MAX) and limits.fits(row.title, limits.ROW_TITLE_MAX):
                continue
            limits.length(f"rows.{index}.id", row.id, limits.ROW_ID_MAX)
            limits.length(f"rows.{index}.title", row.title, limits.ROW_TITLE_MAX)
            limits.length(f"rows.{index}.description", row.description, limits.ROW_DESCRIPTION_MAX, required=False)
        limits.unique("rows.id", [row.id for row in rows], limits.ROWS_MAX)

    @property
    def rows(self) -> tuple[Row, ...]:
        """Return the rows of all sections, in order."""
        return tuple(row for section in self.sections for row in section.rows)

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "kind": "list",
            "body": self.body,
            "button": self.button,
            "header": self.header,
            "footer": self.footer,
            "sections": [
                {"title": section.title, "rows": [row.as_dict() for row in section.rows]} for section in self.sections
            ],
        }

    @classmethod
    def parse(cls, raw: reading.Raw) -> Self:
        """Return what `as_dict` stored."""
        return cls(
            body=reading.text(raw, "body"),
            button=reading.text(raw, "button"),
            sections=tuple(_section(item) for item in reading.items(raw, "sections")),
            header=reading.text(raw, "header"),
            footer=reading.text(raw, "footer"),
        )

    def as_cloud_api(self) -> dict[str, Any]:
        """Return the provider's message."""
        sections = [section.as_object() for section in self.sections]
        return _frame("list", self, {"button": self.button, "sections": sections})

    @property
    def text(self) -> str:
        """Return the words in it, for searching."""
        return self.body

    def preview(self) -> str:
        """Return one line of it for lists."""
        return self.body

    def as_numbered_text(self) -> str:
        """Return the form for channels without lists."""
        return _plain(self.header, self.body, numbered([row.title for row in self.rows]), self.footer)


def _section(raw: reading.Raw) -> Section:
    rows = tuple(Row(**{key: reading.text(row, key) for key in Row.__slots__}) for row in reading.items(raw, "rows"))
    return Section(title=reading.text(raw, "title"), rows=rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkButton:
    """A text with a button that opens a web page."""

    message_type: ClassVar[str] = "interactive"

    body: str
    title: str
    url: str
    header: Header = ""
    footer: str = ""

    def __post_init__(self) -> None:
        _check_frame(self, limits.BUTTON_BODY_MAX)
        limits.length("title", self.title, limits.LINK_TITLE_MAX)
        limits.link("url", self.url)

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {"kind": "link", "body": self.body, "title": self.title, "url": self.url} | reading.filled(
            header=_stored(self.header), footer=self.footer
        )

    @classmethod
    def parse(cls, raw: reading.Raw) -> Self:
        """Return what `as_dict` stored."""
        texts = {key: reading.text(raw, key) for key in ("body", "title", "url", "footer")}
        return cls(**texts, header=header_of(raw))

    def as_cloud_api(self) -> dict[str, Any]:
        """Return the provider's message."""
        parameters = {"display_text": self.title, "url": self.url}
        return _frame("cta_url", self, {"name": "cta_url", "parameters": parameters})

    @property
    def text(self) -> str:
        """Return the words in it, for searching."""
        return self.body

    def preview(self) -> str:
        """Return one line of it for lists."""
        return self.body

    def as_numbered_text(self) -> str:
        """Return the form for channels without buttons."""
        return _plain(self.header, self.body, [f"{self.title}: {self.url}"], self.footer)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationRequest:
    """A text with a button by which people send where they are."""

    message_type: ClassVar[str] = "interactive"

    body: str

    def __post_init__(self) -> None:
        limits.length("body", self.body, limits.BUTTON_BODY_MAX)

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {"kind": "location_request", "body": self.body}

    @classmethod
    def parse(cls, raw: reading.Raw) -> Self:
        """Return what `as_dict` stored."""
        return cls(body=reading.text(raw, "body"))

    def as_cloud_api(self) -> dict[str, Any]:
        """Return the provider's message."""
        inside = {"type": "location_request_message", "body": {"text": self.body}, "action": {"name": "send_location"}}
        return {"type": "interactive", "interactive": inside}

    @property
    def text(self) -> str:
        """Return the words in it, for searching."""
        return self.body

    def preview(self) -> str:
        """Return one line of it for lists."""
        return self.body

    def as_numbered_text(self) -> str:
        """Return the form for channels without buttons."""
        return self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowForm:
    """A text with a button that opens a form of the provider (a "flow"), named by id or by name."""

    message_type: ClassVar[str] = "interactive"

    body: str
    button: str
    flow_id: str = ""
    flow_name: str = ""
    token: str = ""
    screen: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    is_draft: bool = False
    header: Header = ""
    footer: str = ""

    def __post_init__(self) -> None:
        _check_frame(self, limits.BUTTON_BODY_MAX)
        limits.length("button", self.button, limits.FLOW_BUTTON_MAX)
        if bool(self.flow_id) == bool(self.flow_name):
            raise ContentError("flow_id", 1, limits.EMPTY if not self.flow_id else limits.NOT_ALLOWED)
        if self.data and not self.screen:
            raise ContentError("screen", 1, limits.EMPTY)

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {"kind": "flow", "body": self.body, "button": self.button} | reading.filled(
            flow_id=self.flow_id,
            flow_name=self.flow_name,
            token=self.token,
            screen=self.screen,
            data=self.data,
            is_draft=self.is_draft or None,
            header=_stored(self.header),
            footer=self.footer,
        )

    @classmethod
    def parse(cls, raw: reading.Raw) -> Self:
        """Return what `as_dict` stored."""
        keys = ("body", "button", "flow_id", "flow_name", "token", "screen", "footer")
        texts = {key: reading.text(raw, key) for key in keys}
        data, is_draft = reading.an_object(raw, "data"), bool(raw.get("is_draft"))
        return cls(**texts, data=data, is_draft=is_draft, header=header_of(raw))

    def as_cloud_api(self) -> dict[str, Any]:
        """Return the provider's message."""
        payload = {"screen": self.screen} | reading.filled(data=self.data) if self.screen else {}
        parameters = {"flow_message_version": "3", "flow_cta": self.button} | reading.filled(
            flow_id=self.flow_id,
            flow_name=self.flow_name,
            flow_token=self.token,
            mode="draft" if self.is_draft else "published",
            flow_action="navigate" if self.screen else "data_exchange",
            flow_action_payload=payload,
        )
        return _frame("flow", self, {"name": "flow", "parameters": parameters})

    @property
    def text(self) -> str:
        """Return the words in it, for searching."""
        return self.body

    def preview(self) -> str:
        """Return one line of it for lists."""
        return self.body

    def as_numbered_text(self) -> str:
        """Return the form for channels without forms."""
        return _plain(self.header, self.body, [], self.footer)
