"""Flows as files: export without secrets, import of what others exported. An import never publishes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _

from flows.engine.program import JSON_MAX, SCHEMA
from flows.models import Flow
from pytake.core.errors import UnprocessableError

FORMAT: Final = "1.0"
NULL: Final = "\x00"
DEPTH_MAX: Final = 60
_SECRET_NAMES: Final = frozenset(
    {"password", "secret", "token", "authorization", "apikey", "accesskey", "accesstoken", "clientsecret", "bearer"}
)
_SECRET_REFERENCE: Final = re.compile(r"{{\s*secrets\.([A-Za-z0-9_]+)")


class UnreadableError(UnprocessableError):
    """The text is no flow; `line` and `column` say where the JSON breaks (0 if it is something else)."""

    code = "FLOW_UNREADABLE"

    def __init__(self, message: object, *, line: int = 0, column: int = 0) -> None:
        super().__init__(message, extra={"line": line, "column": column})
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A graph ready to be a draft, the name it brought, and what is missing here."""

    graph: dict[str, Any]
    name: str = ""
    missing: list[str] = field(default_factory=list)


def parse_json(text: str) -> dict[str, Any]:
    """Return the JSON object in a text; anything else raises UnreadableError with the place."""
    if len(text) > JSON_MAX:
        raise UnreadableError(_("The file is larger than 1 MB."))
    if NULL in text or "\\u0000" in text:
        raise UnreadableError(_("The text contains null characters, which cannot be stored."))
    if text.lstrip("\ufeff \t\r\n")[:1] == "<":
        raise UnreadableError(_("This is a web page or XML, not the JSON of a flow."), line=1, column=1)
    try:
        found = json.loads(text.removeprefix("\ufeff"), parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as exc:
        message = _("This is not JSON: line %(line)s, column %(column)s (%(reason)s).")
        raise UnreadableError(
            message % {"line": exc.lineno, "column": exc.colno, "reason": exc.msg}, line=exc.lineno, column=exc.colno
        ) from exc
    except (RecursionError, ValueError) as exc:
        raise UnreadableError(_("This JSON is nested too deeply, or holds numbers that do not exist.")) from exc
    if not isinstance(found, dict):
        raise UnreadableError(_("A flow is a JSON object: it begins with {."), line=1, column=1)
    if _depth_beyond(found, DEPTH_MAX) or _has_lone_surrogate(text, found):
        raise UnreadableError(_("This JSON is nested too deeply, or holds characters that do not exist."))
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _depth_beyond(value: Any, limit: int) -> bool:
    level: list[Any] = [value]
    for _step in range(limit):
        level = [item for found in level if isinstance(found, dict | list) for item in _children(found)]
        if not level:
            return False
    return True


def _children(value: Any) -> Iterator[Any]:
    yield from value.values() if isinstance(value, dict) else value


def _has_lone_surrogate(text: str, found: Any) -> bool:
    r"""Return whether an escape such as \ud800 made a text that cannot be stored."""
    if "\\ud" not in text.lower():
        return False
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def read(text: str) -> Imported:
    """Return the flow in a file: a bare graph, or what `export` wrote."""
    raw = parse_json(text)
    if "format_version" not in raw:
        if "nodes" not in raw:
            raise UnreadableError(_("There are no nodes in this JSON: it is not a flow."))
        return _checked(raw, name=str(raw.get("name") or ""))
    version = str(raw["format_version"])
    if version.partition(".")[0] != FORMAT.partition(".")[0]:
        raise UnreadableError(
            _("The file has format %(found)s; this PyTake reads %(known)s.") % {"found": version[:20], "known": FORMAT}
        )
    flow = raw.get("flow")
    if not isinstance(flow, Mapping) or not isinstance(flow.get("graph"), dict):
        raise UnreadableError(_("The file names no flow."))
    imported = _checked(flow["graph"], name=str(flow.get("name") or ""))
    needed = raw.get("requires")
    return _with_flows(imported, needed.get("flows") if isinstance(needed, Mapping) else None)


def _checked(graph: dict[str, Any], *, name: str) -> Imported:
    schema = str(graph.get("schema") or "")
    if schema != SCHEMA:
        raise UnreadableError(
            _("The flow has the schema “%(found)s”; this PyTake reads %(known)s.")
            % {"found": schema[:40] or "—", "known": SCHEMA}
        )
    return Imported(graph=graph, name=name[:120])


def _with_flows(imported: Imported, listed: Any) -> Imported:
    """Let jumps lead to the flows of the same name here; name those that do not exist."""
    named = {
        str(item.get("id")): str(item.get("name"))
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, Mapping)
    }
    if not named:
        return imported
    here = {
        name: str(pk) for pk, name in Flow.objects.alive().filter(name__in=named.values()).values_list("pk", "name")
    }
    for data in _data_of(imported.graph):
        name = named.get(str(data.get("flow_id")))
        if name in here:
            data["flow_id"] = here[name]
    imported.missing.extend(name for name in named.values() if name not in here)
    return imported


def _data_of(graph: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the data of the nodes."""
    nodes = graph.get("nodes")
    for node in nodes if isinstance(nodes, list) else []:
        if isinstance(node, Mapping) and isinstance(node.get("data"), dict):
            yield node["data"]


def export(flow: Flow, graph: Any, *, now: datetime) -> dict[str, Any]:
    """Return the file of a flow. Values that are secret are left out, references are listed by name."""
    clean = without_secrets(graph)
    wanted = {str(data["flow_id"]) for data in _data_of(clean) if data.get("flow_id")}
    flows = [{"id": str(row.pk), "name": row.name} for row in Flow.objects.alive() if str(row.pk) in wanted]
    return {
        "format_version": FORMAT,
        "exported_at": now.isoformat(),
        "chatbot": {"name": flow.chatbot.name, "settings": without_secrets(flow.chatbot.settings)},
        "flow": {"name": flow.name, "description": flow.description, "graph": clean},
        "requires": {
            "secrets": sorted(set(_SECRET_REFERENCE.findall(json.dumps(graph)))),
            "templates": [],
            "queues": sorted({str(data["queue"]) for data in _data_of(clean) if data.get("queue")}),
            "flows": flows,
        },
    }


def without_secrets(value: Any) -> Any:
    """Return a copy in which fields that sound secret are empty; references to stored secrets stay."""
    if isinstance(value, Mapping):
        named = _is_secret(str(value.get("key") or value.get("name") or ""))
        return {
            key: "" if _hides(item) and (_is_secret(str(key)) or (named and key == "value")) else without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return value


def _is_secret(name: str) -> bool:
    plain = re.sub(r"[^a-z]", "", name.lower())
    return any(plain == word or plain.endswith(word) for word in _SECRET_NAMES)


def _hides(value: Any) -> bool:
    return isinstance(value, str) and not _SECRET_REFERENCE.search(value)
