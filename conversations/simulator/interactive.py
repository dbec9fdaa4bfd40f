"""Interactive messages: their limits, and what of them a person reads."""

from __future__ import annotations

from typing import Any, Final

from conversations.simulator import checks
from conversations.simulator.checks import wrong
from conversations.simulator.config import Json
from conversations.simulator.errors import GraphError

# Their inside is not checked: nothing of ours sends them yet.
GENERIC: Final = frozenset(
    {
        "product", "product_list", "catalog_message", "carousel", "address_message", "voice_call",
        "call_permission_request", "order_details", "order_status",
    }
)  # fmt: skip
WITHOUT_HEADER: Final = frozenset({"location_request_message", "request_contact_info"})
BODY_MAX: Final = 1024
LIST_BODY_MAX: Final = 4096
# 30 has been seen to pass; the documented limit is judged.
FLOW_CTA_MAX: Final = 20


def check(interactive: Json) -> str:
    """Return the body text; raises GraphError for what the API refuses."""
    kind = checks.a_name(interactive, "type", where="interactive.")
    if kind in GENERIC:
        checks.an_object(interactive, "action", where="interactive.")
        body = interactive.get("body")
        return str(body.get("text", "")) if isinstance(body, dict) else ""
    checker = CHECKS.get(kind)
    if checker is None:
        raise GraphError(131009, f"interactive.type is not valid: {kind}")
    _header(interactive, text_only=kind == "list", none=kind in WITHOUT_HEADER)
    body_part = checks.an_object(interactive, "body", where="interactive.")
    most = LIST_BODY_MAX if kind == "list" else BODY_MAX
    text = checks.text(body_part, "text", label="Body text", most=most)
    if interactive.get("footer") is not None:
        footer = checks.an_object(interactive, "footer", where="interactive.")
        checks.text(footer, "text", label="Footer text", most=60)
    checker(checks.an_object(interactive, "action", where="interactive."))
    return text


def _header(interactive: Json, *, text_only: bool, none: bool) -> None:
    if interactive.get("header") is None:
        return
    if none:
        raise wrong("Header is not supported for this type")
    header = checks.an_object(interactive, "header", where="interactive.")
    kind = checks.a_name(header, "type", where="interactive.header.")
    if kind == "text":
        checks.text(header, "text", label="Header text", most=60)
    elif text_only or kind not in {"image", "video", "document"}:
        raise wrong(f"Header type is not valid: {kind}")
    else:
        media = checks.an_object(header, kind, where="interactive.header.")
        if ("id" in media) == ("link" in media):
            raise wrong("Header media needs exactly one of id and link")


def _buttons(action: Json) -> None:
    titles: list[str] = []
    ids: list[str] = []
    for button in checks.a_list(action, "buttons", where="interactive.action.", least=1, most=3):
        if not isinstance(button, dict) or button.get("type") != "reply":
            raise wrong("Button type must be reply")
        reply = checks.an_object(button, "reply", where="button.")
        ids.append(checks.text(reply, "id", label="Button id", most=256))
        titles.append(checks.text(reply, "title", label="Button title", most=20))
    checks.unique(titles, label="button titles")
    checks.unique(ids, label="button ids")


def _list(action: Json) -> None:
    checks.text(action, "button", label="List button", most=20)
    sections = checks.a_list(action, "sections", where="interactive.action.", least=1, most=10)
    ids: list[str] = []
    for section in sections:
        if not isinstance(section, dict):
            raise wrong("Section must be a JSON object")
        if len(sections) > 1 or section.get("title") is not None:
            checks.text(section, "title", label="Section title", most=24)
        rows = checks.a_list(section, "rows", where="section.", least=1, most=10)
        ids.extend(_row(row) for row in rows)
    if len(ids) > 10:
        raise wrong("Total row count exceed max allowed count: 10")
    checks.unique(ids, label="row ids")


def _row(row: Any) -> str:
    if not isinstance(row, dict):
        raise wrong("Row must be a JSON object")
    checks.text(row, "title", label="Row title", most=24)
    checks.optional_text(row, "description", label="Row description", most=72)
    return checks.text(row, "id", label="Row id", most=200)


def _link(action: Json) -> None:
    _named(action, "cta_url")
    parameters = checks.an_object(action, "parameters", where="interactive.action.")
    checks.text(parameters, "display_text", label="Display text", most=20)
    url = checks.text(parameters, "url", label="URL", most=2000)
    if not url.startswith(("https://", "http://")):
        raise wrong("URL must start with http:// or https://")


def _flow(action: Json) -> None:
    _named(action, "flow")
    parameters = checks.an_object(action, "parameters", where="interactive.action.")
    checks.text(parameters, "flow_cta", label="Flow CTA", most=FLOW_CTA_MAX)
    checks.required(parameters, "flow_message_version", where="interactive.action.parameters.")
    if parameters.get("flow_id") is None and parameters.get("flow_name") is None:
        raise GraphError(131008, "Required parameter is missing: flow_id")
    if parameters.get("flow_action", "navigate") not in ("navigate", "data_exchange"):
        raise wrong("flow_action must be navigate or data_exchange")
    if parameters.get("mode", "published") not in ("published", "draft"):
        raise wrong("mode must be published or draft")
    if parameters.get("flow_action_payload") is not None:
        payload = checks.an_object(parameters, "flow_action_payload", where="interactive.action.parameters.")
        checks.text(payload, "screen", label="Screen", most=200)


def _location(action: Json) -> None:
    _named(action, "send_location")


def _contact(action: Json) -> None:
    _named(action, "request_contact_info")


def _named(action: Json, name: str) -> None:
    if checks.required(action, "name", where="interactive.action.") != name:
        raise wrong(f"interactive.action.name must be {name}")


CHECKS: Final = {
    "button": _buttons,
    "list": _list,
    "cta_url": _link,
    "flow": _flow,
    "location_request_message": _location,
    "request_contact_info": _contact,
}
