"""What can be sent: one typed model of outgoing content, with the provider's limits.

Pure. The database stores `to_json()`; `from_json()` restores the value; the gateway turns it into the
provider's dialect. Limits count Unicode code points (WhatsApp Cloud API, "Messages", read 2026-11-01).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

TEXT_MAX: Final = 4096
BUTTON_BODY_MAX: Final = 1024
LIST_BODY_MAX: Final = 4096
HEADER_MAX: Final = 60
FOOTER_MAX: Final = 60
BUTTON_TITLE_MAX: Final = 20
BUTTON_ID_MAX: Final = 256
BUTTONS_MAX: Final = 3
LIST_BUTTON_MAX: Final = 20
SECTIONS_MAX: Final = 10
ROWS_MAX: Final = 10
SECTION_TITLE_MAX: Final = 24
ROW_ID_MAX: Final = 200
ROW_TITLE_MAX: Final = 24
ROW_DESCRIPTION_MAX: Final = 72


class ContentError(ValueError):
    """A field breaks a limit of the provider. `field` names it, `limit` is the number broken."""

    def __init__(self, field: str, limit: int, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.limit = limit


def _length(field: str, value: str, limit: int, *, required: bool = True) -> None:
    if required and not value.strip():
        raise ContentError(field, 1, "must not be empty")
    if len(value) > limit:
        raise ContentError(field, limit, f"at most {limit} characters, not {len(value)}")


def _fits(value: str, limit: int) -> bool:
    """Whether a required text is there and short enough; names of fields are only made for those that are not."""
    return len(value) <= limit and not value.isspace() and value != ""


def _unique(field: str, values: Sequence[str], limit: int) -> None:
    if len(set(values)) != len(values):
        raise ContentError(field, limit, "must not repeat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A plain text."""

    body: str
    preview_url: bool = False

    def __post_init__(self) -> None:
        _length("body", self.body, TEXT_MAX)

    def to_json(self) -> dict[str, Any]:
        """Return the stored form."""
        return {"kind": "text", "body": self.body, "preview_url": self.preview_url}

    def preview(self) -> str:
        """Return one line of it for lists."""
        return self.body

    def as_numbered_text(self) -> str:
        """Return the form for channels without buttons."""
        return self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A reply button."""

    id: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Buttons:
    """A text with one to three reply buttons."""

    body: str
    buttons: tuple[Button, ...]
    header: str = ""
    footer: str = ""

    def __post_init__(self) -> None:
        _length("body", self.body, BUTTON_BODY_MAX)
        _length("header", self.header, HEADER_MAX, required=False)
        _length("footer", self.footer, FOOTER_MAX, required=False)
        if not 1 <= len(self.buttons) <= BUTTONS_MAX:
            raise ContentError("buttons", BUTTONS_MAX, f"one to {BUTTONS_MAX}, not {len(self.buttons)}")
        for index, button in enumerate(self.buttons):
            if _fits(button.id, BUTTON_ID_MAX) and _fits(button.title, BUTTON_TITLE_MAX):
                continue
            _length(f"buttons.{index}.id", button.id, BUTTON_ID_MAX)
            _length(f"buttons.{index}.title", button.title, BUTTON_TITLE_MAX)
        _unique("buttons.id", [button.id for button in self.buttons], BUTTONS_MAX)
        _unique("buttons.title", [button.title for button in self.buttons], BUTTONS_MAX)

    def to_json(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "kind": "buttons",
            "body": self.body,
            "header": self.header,
            "footer": self.footer,
            "buttons": [{"id": button.id, "title": button.title} for button in self.buttons],
        }

    def preview(self) -> str:
        """Return one line of it for lists."""
        return self.body

    def as_numbered_text(self) -> str:
        """Return the form for channels without buttons."""
        return _numbered(self.header, self.body, [button.title for button in self.buttons], self.footer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a list."""

    id: str
    title: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A group of rows."""

    title: str = ""
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMenu:
    """A text with a button that opens up to ten rows."""

    body: str
    button: str
    sections: tuple[Section, ...]
    header: str = ""
    footer: str = ""

    def __post_init__(self) -> None:
        _length("body", self.body, LIST_BODY_MAX)
        _length("button", self.button, LIST_BUTTON_MAX)
        _length("header", self.header, HEADER_MAX, required=False)
        _length("footer", self.footer, FOOTER_MAX, required=False)
        if not 1 <= len(self.sections) <= SECTIONS_MAX:
            raise ContentError("sections", SECTIONS_MAX, f"one to {SECTIONS_MAX}, not {len(self.sections)}")
        for index, section in enumerate(self.sections):
            _length(f"sections.{index}.title", section.title, SECTION_TITLE_MAX, required=len(self.sections) > 1)
        self._check_rows()

    def _check_rows(self) -> None:
        rows = self.rows
        if not 1 <= len(rows) <= ROWS_MAX:
            raise ContentError("rows", ROWS_MAX, f"one to {ROWS_MAX} in all sections, not {len(rows)}")
        for index, row in enumerate(rows):
            short = len(row.description) <= ROW_DESCRIPTION_MAX
            if short and _fits(row.id, ROW_ID_MAX) and _fits(row.title, ROW_TITLE_MAX):
                continue
            _length(f"rows.{index}.id", row.id, ROW_ID_MAX)
            _length(f"rows.{index}.title", row.title, ROW_TITLE_MAX)
            _length(f"rows.{index}.description", row.description, ROW_DESCRIPTION_MAX, required=False)
        _unique("rows.id", [row.id for row in rows], ROWS_MAX)

    @property
    def rows(self) -> tuple[Row, ...]:
        """Return the rows of all sections, in order."""
        return tuple(row for section in self.sections for row in section.rows)

    def to_json(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "kind": "list",
            "body": self.body,
            "button": self.button,
            "header": self.header,
            "footer": self.footer,
            "sections": [
                {
                    "title": section.title,
                    "rows": [
                        {"id": row.id, "title": row.title, "description": row.description} for row in section.rows
                    ],
                }
                for section in self.sections
            ],
        }

    def preview(self) -> str:
        """Return one line of it for lists."""
        return self.body

    def as_numbered_text(self) -> str:
        """Return the form for channels without lists."""
        return _numbered(self.header, self.body, [row.title for row in self.rows], self.footer)


Content: TypeAlias = Text | Buttons | ListMenu


def _numbered(header: str, body: str, titles: Sequence[str], footer: str) -> str:
    options = "\n".join(f"{number}. {title}" for number, title in enumerate(titles, start=1))
    return "\n\n".join(part for part in (header, body, options, footer) if part)


def from_json(raw: Mapping[str, Any]) -> Content:
    """Return the value that `to_json` stored; raises ContentError for an unknown kind."""
    match raw.get("kind"):
        case "text":
            return Text(body=raw["body"], preview_url=bool(raw.get("preview_url", False)))
        case "buttons":
            buttons = tuple(Button(id=item["id"], title=item["title"]) for item in raw["buttons"])
            return Buttons(
                body=raw["body"], buttons=buttons, header=raw.get("header", ""), footer=raw.get("footer", "")
            )
        case "list":
            return ListMenu(
                body=raw["body"],
                button=raw["button"],
                sections=tuple(_section(item) for item in raw["sections"]),
                header=raw.get("header", ""),
                footer=raw.get("footer", ""),
            )
        case kind:
            raise ContentError("kind", 0, f"unknown kind {kind!r}")


def _section(raw: Mapping[str, Any]) -> Section:
    rows = tuple(Row(id=row["id"], title=row["title"], description=row.get("description", "")) for row in raw["rows"])
    return Section(title=raw.get("title", ""), rows=rows)
