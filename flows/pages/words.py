"""Words for what the engine names by codes: node types, exits, findings, ends, notes of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from flows.engine.fields import Finding
from flows.engine.nodes.base import Node
from flows.engine.nodes.interactive import Buttons, Choice, ListMenu
from flows.engine.nodes.message import Message
from pytake.page_tags import span

Text = str | Promise

KINDS: Final[Mapping[str, tuple[Text, str]]] = {
    "start": (_("Start"), "circle-play"),
    "message": (_("Message"), "message-square-text"),
    "question": (_("Question"), "circle-help"),
    "condition": (_("Condition"), "git-branch"),
    "set_variable": (_("Set variable"), "variable"),
    "interactive_buttons": (_("Buttons"), "mouse-pointer-click"),
    "interactive_list": (_("List"), "list"),
    "jump": (_("Jump"), "route"),
    "delay": (_("Delay"), "timer"),
    "handoff": (_("Hand over"), "headset"),
    "end": (_("End"), "flag"),
}
_EXITS: Final[Mapping[str, Text]] = {
    "next": "",
    "selected": "",
    "true": _("yes"),
    "false": _("no"),
    "default": _("otherwise"),
    "invalid": _("wrong answers"),
    "timeout": _("no answer"),
    "error": _("error"),
    "interrupted": _("interrupted"),
    "return": _("afterwards"),
}
_FINDINGS: Final[Mapping[str, Text]] = {
    "schema": _("This is not a flow in the format that PyTake reads."),
    "empty": _("The flow has no nodes yet."),
    "too_large": _("The flow is larger than 1 MB."),
    "count": _("There are too many or too few entries."),
    "wrong_type": _("A value has the wrong type."),
    "unknown_key": _("There is a field that PyTake does not know."),
    "unknown_value": _("A field has a value that is not offered."),
    "out_of_range": _("A number is out of range."),
    "variable_name": _("This cannot be the name of a variable."),
    "node_id": _("A node has no usable id."),
    "duplicate_id": _("Two nodes have the same id."),
    "unknown_type": _("PyTake does not know this type of node."),
    "not_supported_yet": _("This does not run yet in this release."),
    "duplicate_edge": _("Two edges leave by the same exit."),
    "one_start": _("A flow needs exactly one start."),
    "dangling_edge": _("An edge begins or ends at a node that does not exist."),
    "unknown_handle": _("An edge leaves by an exit that the node does not have."),
    "missing_edge": _("An exit leads nowhere."),
    "missing_target": _("The jump leads nowhere."),
    "ends_here": _("The conversation ends here without an end node."),
    "unreachable": _("Nothing leads to this node."),
    "loop_without_wait": _("The flow would run in a circle here without asking anything."),
    "unknown_variable": _("A text uses a variable that is never set; it will show as empty."),
    "unknown_department": _("The department does not exist."),
    "unknown_flow": _("The flow that the jump leads to is not published."),
    "empty_text": _("A text is missing."),
    "too_long": _("A text is longer than WhatsApp allows."),
    "template_syntax": _("A placeholder is written wrongly."),
    "expression_syntax": _("An expression is written wrongly."),
}
# The engine's own words add nothing to the sentence.
_COMPLETE: Final = frozenset(
    {"empty", "too_large", "ends_here", "unreachable", "loop_without_wait", "unknown_flow", "missing_target"}
)
_ENDS: Final[Mapping[str, Text]] = {
    "completed": _("completed"),
    "handed_off": _("handed to people"),
    "closed": _("closed"),
    "expired": _("expired"),
    "failed": _("stopped by an error"),
    "loop_guard": _("stopped: it ran in a circle"),
    "superseded": _("replaced by another session"),
}


def kind(node_type: str) -> Text:
    """Return the word for a node type."""
    return KINDS[node_type][0] if node_type in KINDS else node_type


def icon(node_type: str) -> str:
    """Return the icon of a node type."""
    return KINDS[node_type][1] if node_type in KINDS else "circle"


def exit_name(node: Node, handle: str) -> str:
    """Return what stands at an exit: the title of the button or row, else a word, else its own name."""
    for choice in _choices(node):
        if choice.id == handle:
            return choice.title.choose("pt-br").source
    return str(_EXITS.get(handle, handle))


def _choices(node: Node) -> tuple[Choice, ...]:
    match node:
        case Message(menu=Buttons() as menu):
            return menu.buttons
        case Buttons():
            return node.buttons
        case ListMenu():
            return tuple(row for _title, rows in node.sections for row in rows)
        case _:
            return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A finding as people read it."""

    level: str
    node_id: str
    node: str
    sentence: str
    detail: str


def shown(findings: list[Finding], nodes: Mapping[str, Node]) -> list[Shown]:
    """Return findings as sentences, errors first."""
    order = {"error": 0, "warning": 1, "info": 2}
    return [_shown(finding, nodes) for finding in sorted(findings, key=lambda item: order[item.level])]


def _shown(finding: Finding, nodes: Mapping[str, Node]) -> Shown:
    node = nodes.get(finding.node_id)
    sentence, detail = str(_FINDINGS.get(finding.code, finding.message)), finding.message
    named = exit_name(node, finding.handle) if node and finding.code == "missing_edge" else ""
    if named:
        sentence, detail = gettext("The exit “%(exit)s” leads nowhere.") % {"exit": named}, ""
    if finding.code in _COMPLETE or sentence == detail:
        detail = ""
    return Shown(
        level=finding.level,
        node_id=finding.node_id if node else "",
        node=(node.label or node.id) if node else finding.node_id,
        sentence=sentence,
        detail=detail,
    )


def end(reason: str) -> Text:
    """Return why a session ended."""
    return _ENDS.get(reason, reason)


def note(line: Mapping[str, Any]) -> str:
    """Return the sentence of a note in a trial."""
    match line.get("code"):
        case "clock":
            return gettext("The clock was put forward by %(time)s") % {"time": span(line["seconds"])}
        case "handoff" if line.get("target"):
            return gettext("Here the conversation goes to people: %(target)s") % {"target": line["target"]}
        case "handoff":
            return gettext("Here the conversation goes to people")
        case "ended" if line.get("outcome"):
            words = {"reason": end(line["reason"]), "outcome": line["outcome"]}
            return gettext("The session ended: %(reason)s (%(outcome)s)") % words
        case "ended":
            return gettext("The session ended: %(reason)s") % {"reason": end(line["reason"])}
        case _:
            code = line.get("warning", "")
            reason = f"{code}: {line['reason']}" if line.get("reason") else code
            return gettext("The engine warns: %(reason)s") % {"reason": reason}
