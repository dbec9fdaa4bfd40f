"""What buttons, lists and choices share: matching a reply to an option, counting attempts, time-outs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from conversations import content
from flows.engine import phrases
from flows.engine.effects import HandOff, Send
from flows.engine.events import Reply
from flows.engine.fields import EMPTY, Fields, Wording
from flows.engine.nodes.base import STAY, Finish, Go, Handle, Outcome, Stay
from flows.engine.work import Work
from pytake.core.text import fold

ATTEMPTS_MAX = 10
PREFIX_MIN = 3
NUMBER_DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often a wrong answer is corrected, and how long an answer is awaited."""

    max_attempts: int | None = None
    on_max_attempts: str = ""
    timeout_s: int | None = None
    on_timeout: str = "goto"
    reminder: Wording = EMPTY
    then: str = "goto"

    def handles(self) -> tuple[Handle, ...]:
        """Return the optional exits."""
        return (Handle("invalid", required=False), Handle("timeout", required=False))

    def ask(self, work: Work) -> Stay:
        """Begin to wait; the deadline counts from the sending of the question."""
        work.question["attempts"] = 0
        self.arm(work)
        return STAY

    def arm(self, work: Work) -> None:
        """Set the deadline, if there is one."""
        seconds = self.timeout_s if self.timeout_s is not None else work.program.settings.response_timeout_s
        if seconds:
            work.set_timer("answer_timeout", timedelta(seconds=seconds))

    def wrong(self, work: Work, complaint: str) -> Outcome | None:
        """Count a wrong answer. Return where to go when patience ends, else None (asked again)."""
        attempts = int(work.question.get("attempts", 0)) + 1
        work.question["attempts"] = attempts
        limit = self.max_attempts or work.program.settings.default_max_attempts
        if attempts < limit:
            work.say(complaint)
            return None
        return self._give_up(work, self.on_max_attempts, wired="invalid")

    def overdue(self, work: Work) -> Outcome:
        """The deadline passed: remind once, or go where the author said."""
        if self.on_timeout == "remind" and not work.question.get("reminded"):
            work.question["reminded"] = True
            if self.reminder:
                work.say(work.render(self.reminder.choose(work.env.language)))
            self.arm(work)
            return STAY
        return self._give_up(work, self.then if self.on_timeout == "remind" else self.on_timeout, wired="timeout")

    def _give_up(self, work: Work, choice: str, *, wired: str) -> Outcome:
        is_wired = work.program.has_edge(work.node_id, wired)
        match choice or ("goto" if is_wired else "continue"):
            case "handoff":
                work.effects.append(HandOff(priority="medium"))
                return Finish("handed_off")
            case "end":
                return Finish("completed" if wired == "invalid" else "expired")
            case "goto" if is_wired:
                return Go(wired)
            case _:
                return Go(work.program.nodes[work.node_id].handles()[0].name)


DEFAULT = Patience()


def patience(fields: Fields) -> Patience:
    """Read max_attempts, on_max_attempts, timeout_seconds, on_timeout."""
    given_up, late = fields.inside("on_max_attempts"), fields.inside("on_timeout")
    fields.known |= {"on_max_attempts", "on_timeout"}
    result = Patience(
        max_attempts=fields.integer("max_attempts", None, 1, ATTEMPTS_MAX),
        on_max_attempts=given_up.one_of("do", ("", "continue", "goto", "handoff", "end"), ""),
        timeout_s=fields.integer("timeout_seconds", None, 10, 30 * 86400),
        on_timeout=late.one_of("do", ("remind", "goto", "handoff", "end"), "goto"),
        reminder=late.wording("reminder"),
        then=late.one_of("then", ("goto", "handoff", "end"), "goto"),
    )
    given_up.get("handle")
    given_up.finish()
    late.finish()
    return result


class Option(NamedTuple):
    """An option as it was shown."""

    id: str
    title: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A menu ready to send, and what is remembered of it."""

    content: content.Content
    options: list[dict[str, Any]]
    stored: dict[str, Any]


def ready(message: content.Content, options: Sequence[Option]) -> Shown:
    """Return a menu with what is to be remembered of it."""
    stored = [{"id": option_id, "title": title, "value": value} for option_id, title, value in options]
    return Shown(message, stored, message.as_dict())


def show(work: Work, menu: Shown) -> None:
    """Send a menu; keep its options, to match the reply with, and what was sent, to show it again."""
    question, effects = work.question, work.effects
    question["options"] = menu.options
    work.send(menu.content)
    for effect in reversed(effects):
        if isinstance(effect, Send):
            question["menu"] = menu.stored if effect.content is menu.content else effect.content.as_dict()
            return


def chosen(work: Work, reply: Reply) -> Option | None:
    """Return the option shown that a reply means: its id, number, title, value, or a unique beginning of a title."""
    shown = work.question.get("options", [])
    if reply.reply_id:
        for item in shown:
            if item["id"] == reply.reply_id:
                return _option(item)
    answer = fold(reply.text)
    if not answer:
        return None
    if len(answer) <= NUMBER_DIGITS and answer.isdecimal() and 1 <= int(answer) <= len(shown):
        return _option(shown[int(answer) - 1])
    for item in shown:
        if answer in {fold(item["title"]), fold(item["id"]), fold(str(item.get("value") or ""))}:
            return _option(item)
    begins = [item for item in shown if len(answer) >= PREFIX_MIN and fold(item["title"]).startswith(answer)]
    return _option(begins[0]) if len(begins) == 1 else None


def _option(stored: Mapping[str, Any]) -> Option:
    return Option(stored["id"], stored["title"], stored.get("value"))


def show_again(work: Work) -> None:
    """Send the menu of this visit once more."""
    shown_again = work.question.get("menu")
    if isinstance(shown_again, Mapping):
        work.send(content.parse(shown_again))


def complaint(work: Work, own: Wording, key: str, **values: object) -> str:
    """Return the author's words for a wrong answer, else the engine's."""
    if own:
        return work.render(own.choose(work.env.language))
    return phrases.say(key, work.env.language, **values)
