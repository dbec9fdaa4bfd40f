"""A send request in the words of the Cloud API. Pure."""

from __future__ import annotations

from typing import Any

from conversations import content
from conversations.gateway.base import Outgoing


def request_body(message: Outgoing) -> dict[str, Any]:
    """Return the JSON of a send request; raises ContentError for content that cannot be sent."""
    body: dict[str, Any] = {"messaging_product": "whatsapp", "recipient_type": "individual"}
    body["recipient" if message.to_kind == "bsuid" else "to"] = message.to
    body |= content.parse(message.content).as_cloud_api()
    if message.reply_to and body["type"] != "reaction":
        body["context"] = {"message_id": message.reply_to}
    body["biz_opaque_callback_data"] = message.callback
    return body


def receipt_body(message_id: str, *, typing: bool) -> dict[str, Any]:
    """Return the JSON that marks a message and all earlier ones as read, and shows that somebody is writing."""
    body: dict[str, Any] = {"messaging_product": "whatsapp", "status": "read", "message_id": message_id}
    return body | ({"typing_indicator": {"type": "text"}} if typing else {})
