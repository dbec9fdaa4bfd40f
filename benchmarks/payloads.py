"""Signed webhook bodies as the provider would post them."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import time
import uuid

SECRET = "benchmark-app-secret-0001"
PHONE_NUMBER_ID = "100000000000001"


def text_message(wa_id: str, text: str) -> dict[str, object]:
    """Return one inbound text with a fresh message id."""
    return {
        "from": wa_id,
        "id": f"wamid.{uuid.uuid4().hex}",
        "timestamp": str(int(time.time())),
        "type": "text",
        "text": {"body": text},
    }


def status(wamid: str, rung: str, wa_id: str) -> dict[str, object]:
    """Return one status."""
    return {"id": wamid, "status": rung, "timestamp": str(int(time.time())), "recipient_id": wa_id}


def body(messages: list[dict[str, object]], statuses: list[dict[str, object]] | None = None) -> bytes:
    """Return the bytes of one POST with these items."""
    metadata = {"display_phone_number": "551140040001", "phone_number_id": PHONE_NUMBER_ID}
    changes: list[dict[str, object]] = []
    if messages:
        contacts = [{"profile": {"name": "Cliente"}, "wa_id": message["from"]} for message in messages]
        value = {"messaging_product": "whatsapp", "metadata": metadata, "contacts": contacts, "messages": messages}
        changes.append({"field": "messages", "value": value})
    if statuses:
        value = {"messaging_product": "whatsapp", "metadata": metadata, "statuses": statuses}
        changes.append({"field": "messages", "value": value})
    envelope = {"object": "whatsapp_business_account", "entry": [{"id": "200000000000001", "changes": changes}]}
    return json.dumps(envelope, separators=(",", ":")).encode()


def headers(raw: bytes) -> dict[str, str]:
    """Return the headers of a genuine POST."""
    digest = hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={digest}"}


def person(index: int) -> str:
    """Return the number of the n-th customer."""
    return f"55119{70000000 + index}"


def mixed(rng: random.Random, size: int) -> tuple[bytes, int]:
    """Return a batch of `size` updates, three statuses to one message, and the count of messages."""
    fresh = [text_message(person(rng.randrange(5000)), "oi") for _ in range(max(1, size // 4))]
    rungs = [
        status(f"wamid.{uuid.uuid4().hex}", rng.choice(["sent", "delivered", "read"]), person(rng.randrange(5000)))
        for _ in range(size - len(fresh))
    ]
    return body(fresh, rungs), len(fresh)
