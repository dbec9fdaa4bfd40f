"""`interactive_buttons` (one to three) and `interactive_list` (up to ten rows): a menu, each option an exit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from conversations import content
from flows.engine import phrases
from flows.engine.events import Event, Reply, TimerFired
from flows.engine.fields import EMPTY, Fields, Wording
from flows.engine.nodes import menus
from flows.engine.nodes.base import STAY, Handle, Node, Outcome, leaving_by
from flows.engine.work import NodeError, Work
from pytake.core.expressions.values import member, text_of, walk
from pytake.core.templating import Template
from pytake.core.text import fold

_Buttons: TypeAlias = tuple[list[menus.Option], tuple[content.Button, ...]]
# Contacts may name any language; a menu is kept for the first few.
_LANGUAGES_KEPT = 8


@dataclass(frozen=True, slots=True)
class Choice:
    """A button or row of the graph."""

    id: str
    title: Wording
    description: Wording = EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class _Menu(Node):
    """What both menus do with an answer."""

    waits: ClassVar[bool] = True

    variable: str = ""
    patience: menus.Patience = menus.DEFAULT
    error_message: Wording = EMPTY

    # Menus without placeholders, by language: composed once.
    _composed: dict[str, menus.Shown] = field(default_factory=dict, init=False, repr=False, compare=False)

    def compose(self, work: Work) -> tuple[content.Content, list[menus.Option]]:
        """Return the menu and its options."""
        raise NotImplementedError

    # Whether the menu is the same in every session.
    _is_fixed: bool = field(default=False, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fixed = not getattr(self, "rows_from", "") and all(template.is_constant for template in self.templates())
        object.__setattr__(self, "_is_fixed", fixed)

    def exit_for(self, option: menus.Option) -> str:
        """Return the handle of an option."""
        return option.id

    def enter(self, work: Work) -> Outcome:
        """Show the menu and wait."""
        menu = self._composed.get(work.env.language) or self._compose(work)
        menus.show(work, menu)
        return self.patience.ask(work)

    def _compose(self, work: Work) -> menus.Shown:
        try:
            menu = menus.ready(*self.compose(work))
        except content.ContentError as exc:
            raise NodeError("content_limit", str(exc)) from exc
        if len(self._composed) < _LANGUAGES_KEPT and self._is_fixed:
            self._composed[work.env.language] = menu
        return menu

    def receive(self, work: Work, event: Event) -> Outcome:
        """Match the reply with an option shown."""
        match event:
            case TimerFired():
                return self.patience.overdue(work)
            case Reply():
                option = menus.chosen(work, event)
                if option is None:
                    return self._wrong(work)
                if self.variable:
                    work.set(self.variable, option.value if option.value is not None else _chosen(option))
                return leaving_by(self.exit_for(option))
            case _:
                return STAY

    def _wrong(self, work: Work) -> Outcome:
        outcome = self.patience.wrong(work, menus.complaint(work, self.error_message, "choice"))
        if outcome is not None:
            return outcome
        menus.show_again(work)
        self.patience.arm(work)
        return STAY

    def assigns(self) -> Iterable[str]:
        """Return the variable of the answer."""
        return (self.variable,) if self.variable else ()


def _chosen(option: menus.Option) -> dict[str, Any]:
    return {"id": option.id, "title": option.title}


@dataclass(frozen=True, slots=True, kw_only=True)
class Buttons(_Menu):
    """One to three reply buttons."""

    type: ClassVar[str] = "interactive_buttons"

    body: Wording
    header: Wording = EMPTY
    footer: Wording = EMPTY
    buttons: tuple[Choice, ...] = ()
    # The buttons as they are sent, by language, when their titles have no placeholders.
    _made: dict[str, _Buttons] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def parse(cls, fields: Fields, *, id: str, label: str) -> Buttons:  # noqa: A002  # the word of the schema
        """Read body, header, footer, buttons, variable, patience."""
        return cls(
            id=id,
            label=label,
            body=fields.wording("body", required=True, limit=content.BUTTON_BODY_MAX),
            header=fields.wording("header", limit=content.HEADER_MAX),
            footer=fields.wording("footer", limit=content.FOOTER_MAX),
            buttons=read_buttons(fields),
            variable=fields.word("variable"),
            error_message=fields.wording("error_message"),
            patience=menus.patience(fields),
        )

    def _make(self, work: Work) -> _Buttons:
        made = _buttons(self.buttons, work)
        if len(self._made) < _LANGUAGES_KEPT and all(button.title.is_constant for button in self.buttons):
            self._made[work.env.language] = made
        return made

    def handles(self) -> tuple[Handle, ...]:
        """Return one exit a button."""
        return (*(Handle(button.id) for button in self.buttons), *self.patience.handles())

    def compose(self, work: Work) -> tuple[content.Content, list[menus.Option]]:
        """Return body and buttons."""
        language = work.env.language
        options, buttons = self._made.get(language) or self._make(work)
        message = content.Buttons(
            body=work.render(self.body.choose(language))[: content.BUTTON_BODY_MAX],
            header=work.render(self.header.choose(language))[: content.HEADER_MAX],
            footer=work.render(self.footer.choose(language))[: content.FOOTER_MAX],
            buttons=buttons,
        )
        return message, options

    def templates(self) -> Iterable[Template]:
        """Return all texts."""
        for wording in (self.body, self.header, self.footer, *(button.title for button in self.buttons)):
            yield from wording.texts.values()

    def reply_ids(self) -> Iterable[str]:
        """Return the ids of the buttons."""
        return (button.id for button in self.buttons)

    def excerpt(self) -> str:
        """Return the body."""
        return self.body.choose("pt-br").source


def _buttons(choices: tuple[Choice, ...], work: Work) -> _Buttons:
    options = [
        menus.Option(choice.id, work.render(choice.title.choose(work.env.language))[: content.BUTTON_TITLE_MAX])
        for choice in choices
    ]
    return options, tuple(content.Button(id=option.id, title=option.title) for option in options)


def read_buttons(fields: Fields) -> tuple[Choice, ...]:
    """Read one to three buttons with unique ids and titles."""
    choices: list[Choice] = []
    for item in fields.items("buttons", low=1, high=content.BUTTONS_MAX):
        title = item.wording("title", required=True, limit=content.BUTTON_TITLE_MAX)
        choices.append(Choice(item.word("id"), title))
        item.finish()
    _unique(fields, choices, "buttons")
    return tuple(choices)


def _unique(fields: Fields, choices: list[Choice], key: str) -> None:
    ids = [choice.id for choice in choices]
    titles = [fold(choice.title.choose("pt-br").source) for choice in choices]
    if not all(ids) or len(set(ids)) != len(ids):
        fields.fail("duplicate_option", "ids must be given and differ", key=key, fix="Give each option its own id.")
    if len(set(titles)) != len(titles):
        fields.fail("duplicate_option", "titles must differ", key=key, fix="Give each option its own title.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMenu(_Menu):
    """A button that opens up to ten rows, fixed or taken from a list variable."""

    type: ClassVar[str] = "interactive_list"

    body: Wording
    button: Wording = EMPTY
    header: Wording = EMPTY
    footer: Wording = EMPTY
    sections: tuple[tuple[Wording, tuple[Choice, ...]], ...] = ()
    rows_from: str = ""
    value_field: str = "id"
    label_field: str = "title"
    description_field: str = "description"
    routing: str = "per_row"

    @classmethod
    def parse(cls, fields: Fields, *, id: str, label: str) -> ListMenu:  # noqa: A002  # the word of the schema
        """Read body, button, sections or rows_from, routing, variable, patience."""
        rows_from = fields.path("rows_from")
        sections = () if rows_from else _sections(fields)
        fields.known.add("sections")
        return cls(
            id=id,
            label=label,
            body=fields.wording("body", required=True, limit=content.LIST_BODY_MAX),
            button=fields.wording("button", limit=content.LIST_BUTTON_MAX),
            header=fields.wording("header", limit=content.HEADER_MAX),
            footer=fields.wording("footer", limit=content.FOOTER_MAX),
            sections=sections,
            rows_from=rows_from,
            value_field=fields.word("value_field", "id"),
            label_field=fields.word("label_field", "title"),
            description_field=fields.word("description_field", "description"),
            routing="selected" if rows_from else fields.one_of("routing", ("per_row", "selected"), "per_row"),
            variable=fields.word("variable"),
            error_message=fields.wording("error_message"),
            patience=menus.patience(fields),
        )

    def handles(self) -> tuple[Handle, ...]:
        """Return one exit a row, or `selected`."""
        exits = (
            (Handle("selected"),)
            if self.routing == "selected"
            else tuple(Handle(row.id) for _, rows in self.sections for row in rows)
        )
        return (*exits, *self.patience.handles())

    def exit_for(self, option: menus.Option) -> str:
        """Return the row's id, or `selected`."""
        return "selected" if self.routing == "selected" else option.id

    def compose(self, work: Work) -> tuple[content.Content, list[menus.Option]]:
        """Return body and rows."""
        language = work.env.language
        sections = self._from_variable(work) if self.rows_from else self._fixed(work)
        button = work.render(self.button.choose(language)) or phrases.say("options", language)
        message = content.ListMenu(
            body=work.render(self.body.choose(language))[: content.LIST_BODY_MAX],
            button=button[: content.LIST_BUTTON_MAX],
            sections=sections,
            header=work.render(self.header.choose(language))[: content.HEADER_MAX],
            footer=work.render(self.footer.choose(language))[: content.FOOTER_MAX],
        )
        return message, [menus.Option(row.id, row.title) for row in message.rows]

    def _fixed(self, work: Work) -> tuple[content.Section, ...]:
        language = work.env.language
        return tuple(
            content.Section(
                title=work.render(title.choose(language))[: content.SECTION_TITLE_MAX],
                rows=tuple(
                    content.Row(
                        id=row.id,
                        title=work.render(row.title.choose(language))[: content.ROW_TITLE_MAX],
                        description=work.render(row.description.choose(language))[: content.ROW_DESCRIPTION_MAX],
                    )
                    for row in rows
                ),
            )
            for title, rows in self.sections
        )

    def _from_variable(self, work: Work) -> tuple[content.Section, ...]:
        items = walk(work.lookup, tuple(self.rows_from.split(".")))
        if not isinstance(items, list) or not items:
            raise NodeError("no_rows", f"{self.rows_from} is not a list with items")
        rows = tuple(
            content.Row(
                id=text_of(member(item, self.value_field) or index)[: content.ROW_ID_MAX],
                title=text_of(member(item, self.label_field) or item)[: content.ROW_TITLE_MAX],
                description=text_of(member(item, self.description_field))[: content.ROW_DESCRIPTION_MAX],
            )
            for index, item in enumerate(items[: content.ROWS_MAX], start=1)
        )
        return (content.Section(rows=rows),)

    def templates(self) -> Iterable[Template]:
        """Return all texts."""
        for wording in (self.body, self.button, self.header, self.footer):
            yield from wording.texts.values()
        for title, rows in self.sections:
            for wording in (title, *(row.title for row in rows), *(row.description for row in rows)):
                yield from wording.texts.values()

    def reply_ids(self) -> Iterable[str]:
        """Return the ids of the rows."""
        return (row.id for _, rows in self.sections for row in rows)

    def excerpt(self) -> str:
        """Return the body."""
        return self.body.choose("pt-br").source


def _sections(fields: Fields) -> tuple[tuple[Wording, tuple[Choice, ...]], ...]:
    sections: list[tuple[Wording, tuple[Choice, ...]]] = []
    rows: list[Choice] = []
    for item in fields.items("sections", low=1, high=content.SECTIONS_MAX):
        title = item.wording("title", limit=content.SECTION_TITLE_MAX)
        own: list[Choice] = []
        for row in item.items("rows", low=1, high=content.ROWS_MAX):
            own.append(
                Choice(
                    row.word("id"),
                    row.wording("title", required=True, limit=content.ROW_TITLE_MAX),
                    row.wording("description", limit=content.ROW_DESCRIPTION_MAX),
                )
            )
            row.finish()
        item.finish()
        sections.append((title, tuple(own)))
        rows.extend(own)
    if len(rows) > content.ROWS_MAX:
        fields.fail("count", f"at most {content.ROWS_MAX} rows in all sections", key="sections")
    _unique(fields, rows, "sections")
    return tuple(sections)
