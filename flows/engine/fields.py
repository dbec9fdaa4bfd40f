"""Reading a node's JSON into typed fields, once, with errors that name the node and the key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pytake.core.expressions.values import ExpressionError
from pytake.core.templating import Template, compile_template

_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_-]+)*\Z")
Level = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong or doubtful in a graph: where, what, and how to put it right."""

    level: Level
    code: str
    message: str
    node_id: str = ""
    handle: str = ""
    fix: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the form of API and reports."""
        return {
            "level": self.level,
            "code": self.code,
            "node_id": self.node_id,
            "handle": self.handle,
            "message": self.message,
            "fix": self.fix,
        }


@dataclass(frozen=True, slots=True)
class Wording:
    """A text in one or several languages."""

    texts: Mapping[str, Template]
    is_constant: bool = field(init=False, repr=False, compare=False)
    _only: Template | None = field(init=False, repr=False, compare=False)
    _says: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        templates = list(self.texts.values())
        object.__setattr__(self, "is_constant", all(template.is_constant for template in templates))
        object.__setattr__(self, "_only", templates[0] if len(templates) == 1 else None)
        object.__setattr__(self, "_says", any(template.source.strip() for template in templates))

    def choose(self, language: str) -> Template:
        """Return the template for a language, else Portuguese, else the first."""
        if self._only is not None:
            return self._only
        found = self.texts.get(language.lower()) or self.texts.get("pt-br")
        return found or next(iter(self.texts.values()))

    def __bool__(self) -> bool:
        return self._says


EMPTY = Wording({"pt-br": compile_template("")})


@dataclass(slots=True)
class Fields:
    """The `data` of one node. Reading a key marks it as known; `finish` reports the others."""

    node_id: str
    raw: Mapping[str, Any]
    findings: list[Finding]
    prefix: str = ""
    known: set[str] = field(default_factory=lambda: {"note"})

    def fail(self, code: str, message: str, *, key: str = "", fix: str = "") -> None:
        """Report an error of this node."""
        place = f"{self.prefix}{key}: " if key or self.prefix else ""
        self.findings.append(
            Finding(level="error", code=code, message=f"{place}{message}", node_id=self.node_id, fix=fix)
        )

    def get(self, key: str, default: Any = None) -> Any:
        """Return a raw value."""
        self.known.add(key)
        value = self.raw.get(key)
        return default if value is None else value

    def word(self, key: str, default: str = "") -> str:
        """Return a plain text without placeholders."""
        value = self.get(key, default)
        if not isinstance(value, str):
            self.fail("wrong_type", "a text is expected", key=key)
            return default
        return value

    def path(self, key: str) -> str:
        """Return the dotted path of a variable, or empty text."""
        value = self.word(key)
        if value and not _PATH.match(value):
            self.fail("template_syntax", f"{value[:60]!r} is not a variable", key=key, fix="Choose a variable.")
            return ""
        return value

    def one_of(self, key: str, allowed: tuple[str, ...], default: str) -> str:
        """Return one of some words."""
        value = self.word(key, default)
        if value not in allowed:
            self.fail("unknown_value", f"{value!r} is none of {', '.join(allowed)}", key=key)
            return default
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return a switch."""
        value = self.get(key, default)
        if not isinstance(value, bool):
            self.fail("wrong_type", "true or false is expected", key=key)
            return default
        return value

    def integer(self, key: str, default: int | None, low: int, high: int) -> int | None:
        """Return a whole number within bounds."""
        value = self.get(key, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.fail("out_of_range", f"a whole number from {low} to {high} is expected", key=key)
            return default
        return value

    def number(self, key: str) -> float | None:
        """Return a number or None."""
        value = self.get(key)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        self.fail("wrong_type", "a number is expected", key=key)
        return None

    def items(self, key: str, *, low: int = 0, high: int = 1000) -> list[Fields]:
        """Return a list of objects as readers."""
        value = self.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            self.fail("wrong_type", "a list of objects is expected", key=key)
            return []
        if not low <= len(value) <= high:
            self.fail("count", f"{low} to {high} entries are expected, not {len(value)}", key=key)
        return [
            Fields(self.node_id, item, self.findings, prefix=f"{self.prefix}{key}[{index}].")
            for index, item in enumerate(value)
        ]

    def inside(self, key: str) -> Fields:
        """Return an object as a reader (empty when absent)."""
        value = self.get(key, {})
        if not isinstance(value, Mapping):
            self.fail("wrong_type", "an object is expected", key=key)
            value = {}
        return Fields(self.node_id, value, self.findings, prefix=f"{self.prefix}{key}.")

    def template(self, key: str, default: str = "", *, limit: int | None = None) -> Template:
        """Return a text with placeholders."""
        return self._compiled(key, self.word(key, default), limit)

    def wording(self, key: str, *, required: bool = False, limit: int | None = None) -> Wording:
        """Return a text with placeholders, in one language or several."""
        value = self.get(key, "")
        texts = value if isinstance(value, Mapping) else {"pt-br": value}
        if not all(isinstance(item, str) for item in texts.values()) or not texts:
            self.fail("wrong_type", "a text, or texts by language, is expected", key=key)
            return EMPTY
        found = Wording({str(lang).lower(): self._compiled(key, item, limit) for lang, item in texts.items()})
        if required and not found:
            self.fail("empty_text", "the text is missing", key=key, fix="Write the text.")
        return found

    def _compiled(self, key: str, source: str, limit: int | None) -> Template:
        try:
            template = compile_template(source)
        except ExpressionError as exc:
            self.fail("template_syntax", str(exc), key=key, fix="Correct the placeholder.")
            return compile_template("")
        if limit is not None and template.is_constant and len(source) > limit:
            self.fail("too_long", f"at most {limit} characters, not {len(source)}", key=key, fix="Shorten the text.")
        return template

    def finish(self) -> None:
        """Report keys that nobody read."""
        for key in sorted(set(self.raw) - self.known):
            self.fail("unknown_key", "this key is not known here", key=key, fix="Remove the key.")
