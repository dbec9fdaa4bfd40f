"""`question`: ask, validate by type, store. Choices are shown as buttons, a list, or numbered text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from conversations import content
from flows.engine import answers, phrases
from flows.engine.events import Event, Reply, TimerFired
from flows.engine.fields import EMPTY, Fields, Wording
from flows.engine.nodes import menus
from flows.engine.nodes.base import NEXT, STAY, Handle, Node, Outcome
from flows.engine.work import NodeError, Work
from pytake.core import patterns
from pytake.core.expressions.values import text_of, walk
from pytake.core.templating import Template, compile_template

MORE_ID = "__more__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Node):
    """A question and what counts as its answer."""

    type: ClassVar[str] = "question"
    waits: ClassVar[bool] = True

    text: Wording
    variable: str
    response_type: str = "text"
    rules: answers.Rules = answers.NO_RULES
    error_message: Wording = EMPTY
    options: tuple[tuple[Any, Wording], ...] = ()
    options_from: str = ""
    value_field: str = "id"
    label_field: str = "label"
    render: str = "auto"
    store: str = "value"
    patience: menus.Patience = menus.DEFAULT

    @classmethod
    def parse(cls, fields: Fields, *, id: str, label: str) -> Question:  # noqa: A002  # the word of the schema
        """Read text, variable, response_type, validation, options, patience."""
        kind = fields.one_of("response_type", answers.KINDS, "text")
        options_from = fields.path("options_from")
        validation = fields.inside("validation")
        node = cls(
            id=id,
            label=label,
            text=fields.wording("text", required=True),
            variable=fields.word("variable") or f"answer_{id}",
            response_type=kind,
            rules=_rules(validation),
            error_message=validation.wording("error_message"),
            options=_options(fields) if kind == "choice" and not options_from else (),
            options_from=options_from,
            value_field=fields.word("value_field", "id"),
            label_field=fields.word("label_field", "label"),
            render=fields.one_of("render", ("auto", "text"), "auto"),
            store=fields.one_of("store", ("value", "label", "both"), "value"),
            patience=menus.patience(fields),
        )
        fields.known |= {"validation", "options", "coalesce_seconds"}
        validation.finish()
        return node

    def handles(self) -> tuple[Handle, ...]:
        """Return next and the optional exits."""
        return (Handle("next"), *self.patience.handles())

    def enter(self, work: Work) -> Outcome:
        """Ask."""
        if self.response_type == "choice":
            self._show_options(work, page=0)
        else:
            work.say(work.render(self.text.choose(work.env.language)))
        return self.patience.ask(work)

    def receive(self, work: Work, event: Event) -> Outcome:
        """Read the answer."""
        match event:
            case TimerFired():
                return self.patience.overdue(work)
            case Reply() if self.response_type == "choice":
                return self._chosen(work, event)
            case Reply():
                return self._typed(work, event)
            case _:
                return STAY

    def _typed(self, work: Work, reply: Reply) -> Outcome:
        try:
            value = answers.read(self.response_type, reply, self.rules, answers.Moment(work.env.now, work.env.zone))
        except answers.WrongAnswerError as exc:
            return self._wrong(work, exc.key, **exc.values)
        work.set(self.variable, value)
        return NEXT

    def _chosen(self, work: Work, reply: Reply) -> Outcome:
        option = menus.chosen(work, reply)
        if option is None:
            return self._wrong(work, "choice")
        if option.id == MORE_ID:
            self._show_options(work, page=int(work.question.get("page", 0)) + 1)
            return STAY
        both = {"value": option.value, "label": option.title}
        work.set(self.variable, both if self.store == "both" else both[self.store])
        return NEXT

    def _wrong(self, work: Work, key: str, **values: object) -> Outcome:
        outcome = self.patience.wrong(work, menus.complaint(work, self.error_message, key, **values))
        if outcome is not None:
            # Patience ended without an answer: the variable is null, not what an earlier visit left.
            work.set(self.variable, None)
            return outcome
        if self.response_type == "choice":
            menus.show_again(work)
        self.patience.arm(work)
        return STAY

    def _show_options(self, work: Work, *, page: int) -> None:
        options = self._all_options(work)
        if not options:
            raise NodeError("no_options", f"{self.options_from or 'options'} holds nothing to choose from")
        body = work.render(self.text.choose(work.env.language))
        shown = options if len(options) <= content.ROWS_MAX else _page(options, page, work.env.language)
        work.question["page"] = page if shown is not options else 0
        try:
            menu = menus.ready(self._as_content(work, body, shown), shown)
        except content.ContentError as exc:
            raise NodeError("content_limit", str(exc)) from exc
        menus.show(work, menu)

    def _as_content(self, work: Work, body: str, shown: list[menus.Option]) -> content.Content:
        titles = [option.title for option in shown]
        fits = len(set(titles)) == len(titles)
        longest = max(len(title) for title in titles)
        if self.render == "text" or not fits or longest > content.ROW_TITLE_MAX:
            lines = "\n".join(f"{number}. {title}" for number, title in enumerate(titles, start=1))
            return content.Text(body=f"{body}\n\n{lines}"[: content.TEXT_MAX])
        if len(shown) <= content.BUTTONS_MAX and longest <= content.BUTTON_TITLE_MAX:
            buttons = tuple(content.Button(id=option.id, title=option.title) for option in shown)
            return content.Buttons(body=body[: content.BUTTON_BODY_MAX], buttons=buttons)
        rows = tuple(content.Row(id=option.id, title=option.title) for option in shown)
        return content.ListMenu(
            body=body[: content.LIST_BODY_MAX],
            button=phrases.say("options", work.env.language),
            sections=(content.Section(rows=rows),),
        )

    def _all_options(self, work: Work) -> list[menus.Option]:
        if not self.options_from:
            return [
                menus.Option(text_of(value)[:200], work.render(label.choose(work.env.language)), value)
                for value, label in self.options
            ]
        items = walk(work.lookup, tuple(self.options_from.split(".")))
        found = []
        for index, item in enumerate(items if isinstance(items, list) else [], start=1):
            value, label = item, item
            if isinstance(item, dict):
                value, label = item.get(self.value_field), item.get(self.label_field)
            found.append(menus.Option(text_of(value or index)[:200], text_of(label or value), value))
        return found

    def templates(self) -> Iterable[Template]:
        """Return all texts, and the list that options come from."""
        for wording in (self.text, self.error_message, *(label for _, label in self.options)):
            yield from wording.texts.values()
        if self.options_from:
            yield compile_template("{{" + self.options_from + "}}")

    def assigns(self) -> Iterable[str]:
        """Return the answer's variable."""
        return (self.variable,)

    def excerpt(self) -> str:
        """Return the question."""
        return self.text.choose("pt-br").source


def _page(options: list[menus.Option], page: int, language: str) -> list[menus.Option]:
    """Return nine options and one that leads to the next page."""
    size = content.ROWS_MAX - 1
    start = page * size if page * size < len(options) else 0
    return [*options[start : start + size], menus.Option(MORE_ID, phrases.say("more", language))]


def _rules(fields: Fields) -> answers.Rules:
    regex = fields.word("regex")
    if regex:
        try:
            patterns.compile_pattern(regex)
        except patterns.PatternError as exc:
            fields.fail("invalid_regex", str(exc), key="regex", fix="Correct or simplify the pattern.")
    return answers.Rules(
        required=fields.flag("required", default=True),
        min_length=fields.integer("min_length", None, 0, 4096),
        max_length=fields.integer("max_length", None, 1, 4096),
        min=fields.get("min"),
        max=fields.get("max"),
        regex=regex,
        integer=fields.flag("integer"),
    )


def _options(fields: Fields) -> tuple[tuple[Any, Wording], ...]:
    options = []
    for item in fields.items("options", low=1, high=100):
        value = item.get("value")
        if value is None or value == "":
            item.fail("empty_option", "the value is missing", key="value", fix="Give the option a value.")
        options.append((value, item.wording("label", required=True)))
        item.finish()
    return tuple(options)
