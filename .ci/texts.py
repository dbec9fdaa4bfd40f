"""Every text that code and templates show is in the Portuguese catalogue, translated, and compiled.

Texts are found without GNU gettext: in Python by its syntax tree, in templates by Django's own `templatize`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import polib
from django.utils.translation.template import templatize

ROOT: Final = Path(__file__).resolve().parent.parent
CATALOGUE: Final = ROOT / "pytake" / "locale" / "pt_BR" / "LC_MESSAGES" / "django.po"
FOLDERS: Final = ("pytake", "notifications", "conversations", "flows", "automations", "analytics", "templates")
REMEDY: Final = "Run `make messages`, translate pytake/locale/pt_BR/LC_MESSAGES/django.po, run it again."

# Where context, text and plural stand among the arguments.
_PLACES: Final = {
    "gettext": (None, 0, None),
    "ngettext": (None, 0, 1),
    "pgettext": (0, 1, None),
    "npgettext": (0, 1, 2),
}
_CALLS: Final = {
    "_": "gettext",
    **{f"{name}{suffix}": name for name in _PLACES for suffix in ("", "_lazy", "_noop")},
}
_STRING: Final = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_IN_TEMPLATE: Final = re.compile(
    rf"\b(npgettext|ngettext|pgettext|gettext|_)\(\s*({_STRING}(?:\s*,\s*{_STRING})*)", re.DOTALL
)
_PLACEHOLDER: Final = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")


class Text(NamedTuple):
    """What gettext looks a translation up by; a plural belongs to the singular's entry."""

    context: str | None
    msgid: str


def problems() -> tuple[list[str], str]:
    """Return what is wrong, and a summary for when nothing is."""
    if not CATALOGUE.exists():
        return [f"{CATALOGUE.relative_to(ROOT)} is missing."], ""
    catalogue = polib.pofile(str(CATALOGUE))
    entries = {Text(e.msgctxt, e.msgid): e for e in catalogue if not e.obsolete}
    found: set[Text] = set()
    bad: list[str] = []
    for text, plural, where in _texts():
        if text not in entries or (plural and entries[text].msgid_plural != plural):
            bad.append(f"{where}: {text.msgid!r} is not in the catalogue")
        found.add(text)
    bad += [f"{text.msgid!r} is in the catalogue, but nothing shows it" for text in entries if text not in found]
    for text, entry in entries.items():
        bad += [f"{text.msgid!r} {fault}" for fault in _faults(entry)]
    bad += _not_compiled(catalogue)
    return bad, f"{len(found)} texts are translated."


def renew() -> tuple[list[str], str]:
    """Compile the catalogue; finding and translating texts is for people."""
    polib.pofile(str(CATALOGUE)).save_as_mofile(str(CATALOGUE.with_suffix(".mo")))
    return problems()


def _texts() -> Iterator[tuple[Text, str | None, str]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in {".py", ".html", ".txt"}:
                continue
            find = _in_python if path.suffix == ".py" else _in_template
            for text, plural in find(path.read_text(encoding="utf-8")):
                yield text, plural, str(path.relative_to(ROOT))


def _in_python(source: str) -> Iterator[tuple[Text, str | None]]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
        if name in _CALLS:
            values = [a.value if isinstance(a, ast.Constant) and isinstance(a.value, str) else None for a in node.args]
            yield from _text(_CALLS[name], values)


def _in_template(source: str) -> Iterator[tuple[Text, str | None]]:
    for match in _IN_TEMPLATE.finditer(templatize(source)):
        values = [ast.literal_eval(string) for string in re.findall(_STRING, match[2], re.DOTALL)]
        yield from _text(_CALLS[match[1]], values)


def _text(function: str, values: list[str | None]) -> Iterator[tuple[Text, str | None]]:
    context, msgid, plural = (None if at is None or at >= len(values) else values[at] for at in _PLACES[function])
    if msgid:
        yield Text(context, msgid), plural


def _faults(entry: polib.POEntry) -> Iterator[str]:
    forms = list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]
    if not forms or not all(forms):
        yield "is not translated"
        return
    if entry.fuzzy:
        yield "is marked as a guess (fuzzy)"
    # A singular may say "one" instead of the number.
    known = _placeholders(entry.msgid_plural or entry.msgid)
    if _placeholders(forms[-1]) != known or not all(_placeholders(form) <= known for form in forms):
        yield f"has other placeholders than its translation {forms[-1]!r}"
    if any(form.endswith("\n") != entry.msgid.endswith("\n") for form in forms):
        yield "ends otherwise than its translation"


def _placeholders(text: str) -> set[str]:
    return set(_PLACEHOLDER.findall(text.replace("%%", "")))


def _not_compiled(catalogue: polib.POFile) -> list[str]:
    path = CATALOGUE.with_suffix(".mo")
    if not path.exists():
        return [f"{path.relative_to(ROOT)} is missing"]
    compiled = {(e.msgctxt, e.msgid): _forms(e) for e in polib.mofile(str(path))}
    wanted = {(e.msgctxt, e.msgid): _forms(e) for e in catalogue.translated_entries()}
    return [] if compiled == wanted else [f"{path.relative_to(ROOT)} is older than the catalogue"]


def _forms(entry: polib.POEntry | polib.MOEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]
