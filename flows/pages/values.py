"""Variables as people read them: plain values first; lists and objects by a word, their whole behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

MASK: Final = "••••"
WHOLE_MAX: Final = 2000
_NAMES: Final = ("title", "label", "name", "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A variable; `whole` is the JSON of a list or an object."""

    name: str
    text: str
    whole: str = ""


def shown(variables: Mapping[str, Any], *, masked: bool = False) -> list[Value]:
    """Return the variables; only their names when masked."""
    if masked:
        return [Value(name=name, text=MASK) for name in variables]
    plain = [Value(name=name, text=_plain(value)) for name, value in variables.items() if not _is_compound(value)]
    return plain + [_compound(name, value) for name, value in variables.items() if _is_compound(value)]


def _is_compound(value: Any) -> bool:
    return isinstance(value, list | dict)


def _plain(value: Any) -> str:
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)


def _compound(name: str, value: Any) -> Value:
    whole = json.dumps(value, ensure_ascii=False, indent=1, default=str)[:WHOLE_MAX]
    if isinstance(value, dict):
        words = (value[key] for key in _NAMES if key in value and not _is_compound(value[key]))
        text = next((str(word) for word in words if word not in {None, ""}), "")
        return Value(name=name, text=text or "{…}", whole=whole)
    count = len(value)
    return Value(
        name=name, text=ngettext("%(count)s entry", "%(count)s entries", count) % {"count": count}, whole=whole
    )
