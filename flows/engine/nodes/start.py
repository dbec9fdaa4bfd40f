"""`start`: the entry, exactly one. Greets once if it has a greeting; `keywords` let a text start the flow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from flows.engine.fields import EMPTY, Fields, Wording
from flows.engine.nodes.base import NEXT, Node, Outcome
from flows.engine.work import Work
from pytake.core.templating import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(Node):
    """The entry of the flow."""

    type: ClassVar[str] = "start"

    greeting: Wording = EMPTY
    keywords: tuple[str, ...] = ()
    expected_variables: tuple[str, ...] = ()

    @classmethod
    def parse(cls, fields: Fields, *, id: str, label: str) -> Start:  # noqa: A002  # the word of the schema
        """Read greeting, keywords, expected_variables."""
        return cls(
            id=id,
            label=label,
            greeting=fields.wording("greeting"),
            keywords=_words(fields, "keywords"),
            expected_variables=_words(fields, "expected_variables"),
        )

    def enter(self, work: Work) -> Outcome:
        """Greet and go on."""
        if self.greeting:
            work.say(work.render(self.greeting.choose(work.env.language)))
        return NEXT

    def templates(self) -> Iterable[Template]:
        """Return the greeting."""
        return self.greeting.texts.values()

    def excerpt(self) -> str:
        """Return the keywords or the greeting."""
        return ", ".join(self.keywords) or self.greeting.choose("pt-br").source


def _words(fields: Fields, key: str) -> tuple[str, ...]:
    value = fields.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        fields.fail("wrong_type", "a list of texts is expected", key=key)
        return ()
    return tuple(value)
