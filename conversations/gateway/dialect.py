"""Our content in the words of the Cloud API. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conversations.gateway.base import Outgoing


def request_body(message: Outgoing) -> dict[str, Any]:
    """Return the JSON of a send request."""
    body: dict[str, Any] = {"messaging_product": "whatsapp", "recipient_type": "individual"}
    body["recipient" if message.to_kind == "bsuid" else "to"] = message.to
    body |= _content(message.content)
    if message.reply_to:
        body["context"] = {"message_id": message.reply_to}
    body["biz_opaque_callback_data"] = message.callback
    return body


def _content(content: Mapping[str, Any]) -> dict[str, Any]:
    match content["kind"]:
        case "text":
            return {"type": "text", "text": {"body": content["body"], "preview_url": content.get("preview_url", False)}}
        case "buttons":
            buttons = [
                {"type": "reply", "reply": {"id": item["id"], "title": item["title"]}} for item in content["buttons"]
            ]
            return _interactive("button", content, {"buttons": buttons})
        case "list":
            sections = [
                {"rows": [_row(row) for row in item["rows"]], **({"title": item["title"]} if item["title"] else {})}
                for item in content["sections"]
            ]
            return _interactive("list", content, {"button": content["button"], "sections": sections})
        case kind:
            raise ValueError(f"content of kind {kind!r} cannot be sent")


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    made = {"id": row["id"], "title": row["title"]}
    return {**made, "description": row["description"]} if row.get("description") else made


def _interactive(kind: str, content: Mapping[str, Any], action: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"type": kind, "body": {"text": content["body"]}, "action": action}
    if content.get("header"):
        made["header"] = {"type": "text", "text": content["header"]}
    if content.get("footer"):
        made["footer"] = {"text": content["footer"]}
    return {"type": "interactive", "interactive": made}
