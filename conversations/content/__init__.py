"""What can be sent: one typed model of outgoing content, with the provider's limits.

Pure. The database stores `as_dict()`; `parse()` restores the value; `as_cloud_api()` is the provider's message and
`as_numbered_text()` what channels without menus get. Making a value checks it: ContentError names field and limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from conversations.content.files import Attachment, File
from conversations.content.limits import (
    BUTTON_BODY_MAX,
    BUTTON_ID_MAX,
    BUTTON_TITLE_MAX,
    BUTTONS_MAX,
    CAPTION_MAX,
    FOOTER_MAX,
    HEADER_MAX,
    LIST_BODY_MAX,
    LIST_BUTTON_MAX,
    MESSAGES,
    ROW_DESCRIPTION_MAX,
    ROW_ID_MAX,
    ROW_TITLE_MAX,
    ROWS_MAX,
    SECTION_TITLE_MAX,
    SECTIONS_MAX,
    TEXT_MAX,
    UNREADABLE,
    ContentError,
)
from conversations.content.menus import Button, Buttons, FlowForm, LinkButton, ListMenu, LocationRequest, Row, Section
from conversations.content.simple import Contacts, Location, Person, Reaction, Text
from conversations.content.templates import Card, Parameter, Template, TemplateButton

__all__ = [
    "BUTTONS_MAX", "BUTTON_BODY_MAX", "BUTTON_ID_MAX", "BUTTON_TITLE_MAX", "CAPTION_MAX", "FOOTER_MAX", "HEADER_MAX",
    "LIST_BODY_MAX", "LIST_BUTTON_MAX", "MESSAGES", "ROWS_MAX", "ROW_DESCRIPTION_MAX", "ROW_ID_MAX", "ROW_TITLE_MAX",
    "SECTIONS_MAX", "SECTION_TITLE_MAX", "TEXT_MAX", "Attachment", "Button", "Buttons", "Card", "Contacts", "Content",
    "ContentError", "File", "FlowForm", "LinkButton", "ListMenu", "Location", "LocationRequest", "Parameter", "Person",
    "Reaction", "Row", "Section", "Template", "TemplateButton", "Text", "assets_of", "needs_window", "parse",
    "with_media",
]  # fmt: skip
Content: TypeAlias = (
    Text
    | File
    | Location
    | Contacts
    | Reaction
    | Buttons
    | ListMenu
    | LinkButton
    | LocationRequest
    | FlowForm
    | Template
)
_KINDS: Final[dict[str, Callable[[Mapping[str, Any]], Content]]] = {
    "text": Text.parse,
    "buttons": Buttons.parse,
    "list": ListMenu.parse,
    "link": LinkButton.parse,
    "location_request": LocationRequest.parse,
    "flow": FlowForm.parse,
    "location": Location.parse,
    "contacts": Contacts.parse,
    "reaction": Reaction.parse,
    "template": Template.parse,
    **dict.fromkeys(File.KINDS, File.parse),
}


def parse(raw: Mapping[str, Any]) -> Content:
    """Return the value that `as_dict` stored; raises ContentError for what is not or breaks a limit."""
    kind = raw.get("kind")
    reader = _KINDS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise ContentError("kind", 0, UNREADABLE)
    return reader(raw)


def needs_window(raw: Mapping[str, Any]) -> bool:
    """Return whether stored content may leave within the service window only: everything but templates."""
    return raw.get("kind") != "template"


def assets_of(raw: Mapping[str, Any]) -> set[str]:
    """Return the files of ours that stored content names, which must be with the provider before it leaves."""
    return set(_named(raw)) if raw.get("kind") != "text" else set()


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "asset" and isinstance(item, str):
                yield item
            elif key != "data":
                yield from _named(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)


def with_media(raw: Any, ids: Mapping[str, str]) -> Any:
    """Return stored content with the provider's media ids in place of our files."""
    if isinstance(raw, Mapping):
        named = raw.get("asset")
        rest = {key: value if key == "data" else with_media(value, ids) for key, value in raw.items()}
        rest.pop("asset", None)
        return rest | ({"media_id": ids[named]} if isinstance(named, str) and named else {})
    return [with_media(item, ids) for item in raw] if isinstance(raw, list) else raw
