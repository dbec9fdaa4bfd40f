"""`message`: say something, with up to three buttons. Media is understood but not sent yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from conversations import content
from flows.engine.events import Event
from flows.engine.fields import EMPTY, Fields, Wording
from flows.engine.nodes import interactive, menus
from flows.engine.nodes.base import NEXT, Handle, Node, Outcome, Stay
from flows.engine.work import Work
from pytake.core.templating import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Node):
    """A text; with buttons it waits like `interactive_buttons`."""

    type: ClassVar[str] = "message"

    text: Wording
    preview_url: bool = False
    menu: interactive.Buttons | None = None

    @classmethod
    def parse(cls, fields: Fields, *, id: str, label: str) -> Message:  # noqa: A002  # the word of the schema
        """Read text, preview_url, buttons."""
        for key in ("media", "location"):
            if fields.get(key):
                fields.fail("not_supported_yet", "media and places cannot be sent yet", key=key, fix="Remove it.")
        buttons = bool(fields.get("buttons"))
        text = fields.wording("text", required=True, limit=content.BUTTON_BODY_MAX if buttons else None)
        menu = None
        if buttons:
            menu = interactive.Buttons(
                id=id,
                label=label,
                body=text,
                buttons=interactive.read_buttons(fields),
                variable=fields.word("variable"),
                error_message=fields.wording("error_message"),
                patience=menus.patience(fields),
            )
        return cls(id=id, label=label, text=text, preview_url=fields.flag("preview_url"), menu=menu)

    def handles(self) -> tuple[Handle, ...]:
        """Return next, or one exit a button."""
        return self.menu.handles() if self.menu else (Handle("next"),)

    def enter(self, work: Work) -> Outcome:
        """Say it."""
        if self.menu:
            return self.menu.enter(work)
        work.say(work.render(self.text.choose(work.env.language)))
        return NEXT

    def receive(self, work: Work, event: Event) -> Outcome:
        """Take the tapped button."""
        return self.menu.receive(work, event) if self.menu else Stay()

    def templates(self) -> Iterable[Template]:
        """Return all texts."""
        return self.menu.templates() if self.menu else self.text.texts.values()

    def assigns(self) -> Iterable[str]:
        """Return the variable of the answer."""
        return self.menu.assigns() if self.menu else ()

    def reply_ids(self) -> Iterable[str]:
        """Return the ids of the buttons."""
        return self.menu.reply_ids() if self.menu else ()

    def excerpt(self) -> str:
        """Return the text."""
        return (self.text or EMPTY).choose("pt-br").source
