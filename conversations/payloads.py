"""Reading the provider's JSON: every entry, change and item of a POST, tolerant of what may be missing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from pytake.core import text
from pytake.core.phones import BSUID

KNOWN_TYPES: Final = frozenset(
    {
        "text", "image", "video", "audio", "document", "sticker", "location", "contacts", "interactive", "button",
        "order", "reaction", "system", "unsupported", "edit", "revoke",
    }
)  # fmt: skip
# They neither open a service window nor wake a bot.
SILENT_TYPES: Final = frozenset({"reaction", "system", "edit", "revoke"})
TEMPLATE_FIELDS: Final = frozenset(
    {
        "message_template_status_update", "message_template_quality_update", "message_template_components_update",
        "template_category_update",
    }
)  # fmt: skip
# What concerns numbers and accounts rather than messages.
ACCOUNT_FIELDS: Final = frozenset(
    {
        "phone_number_quality_update", "phone_number_name_update", "account_update", "account_alerts",
        "account_review_update", "business_capability_update", "security",
    }
)  # fmt: skip
MEDIA: Final = frozenset({"image", "video", "audio", "document", "sticker"})


class UnreadableError(ValueError):
    """The body is not JSON, or not an envelope of the provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One message, status or other notification. `contact` is the block of the payload that belongs to it.

    `account_id` is the business account of news about accounts and numbers, which name no number by its id.
    """

    kind: str
    phone_number_id: str
    payload: dict[str, Any]
    contact: Mapping[str, Any] = field(default_factory=dict)
    account_id: str = ""

    @property
    def key(self) -> str:
        """Return a fingerprint by which a repeated item is recognised."""
        body = orjson.dumps(self.payload, option=orjson.OPT_SORT_KEYS)
        whose = self.phone_number_id or self.account_id
        return hashlib.sha256(f"{self.kind}:{whose}:".encode() + body).hexdigest()


def read(raw: bytes) -> list[Item]:
    """Return the items of a body; raises UnreadableError."""
    body = decode(raw)
    if not isinstance(body, dict) or not isinstance(body.get("entry"), list):
        raise UnreadableError("not an envelope with entries")
    return list(_items(body))


def decode(raw: bytes) -> Any:
    """Return the JSON of a body, without what PostgreSQL refuses; raises UnreadableError."""
    try:
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            # The standard decoder accepts lone surrogates, which do arrive.
            return _cleaned(json.loads(raw))
        lowered = raw.lower()
        return _cleaned(body) if b"\\u0000" in lowered or b"\\ud" in lowered else body
    except (ValueError, RecursionError) as exc:
        raise UnreadableError(str(exc)[:200]) from exc


def _cleaned(value: Any) -> Any:
    """Remove what PostgreSQL refuses: NUL characters and lone surrogates."""
    if isinstance(value, str):
        return text.clean(value)
    if isinstance(value, dict):
        return {text.clean(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return value


def _items(body: dict[str, Any]) -> Iterator[Item]:
    for entry in body["entry"]:
        changes = entry.get("changes") if isinstance(entry, dict) else None
        if not isinstance(changes, list):
            yield Item(kind="other", phone_number_id="", payload={"entry": entry})
            continue
        for change in changes:
            if isinstance(change, dict) and change.get("field") in TEMPLATE_FIELDS:
                yield _of_template(change, entry)
            else:
                yield from _of_change(change, entry)


def _of_template(change: dict[str, Any], entry: dict[str, Any]) -> Item:
    """Give a notice about a template. Its time belongs to it: the same may happen twice."""
    payload = {"field": change["field"], "value": change.get("value"), "time": entry.get("time")}
    kind = "template" if isinstance(change.get("value"), dict) else "other"
    return Item(kind=kind, phone_number_id="", payload=payload, account_id=str(entry.get("id") or ""))


def _of_change(change: Any, entry: dict[str, Any]) -> Iterator[Item]:
    value = change.get("value") if isinstance(change, dict) else None
    if isinstance(value, dict) and change.get("field") == "user_preferences" and _list(value, "user_preferences"):
        yield from _preferences(value)
        return
    if isinstance(value, dict) and change.get("field") in ACCOUNT_FIELDS:
        payload = {"field": change["field"], "value": value, "time": entry.get("time")}
        yield Item(kind="account", phone_number_id="", payload=payload, account_id=str(entry.get("id") or ""))
        return
    if not isinstance(value, dict) or change.get("field") != "messages":
        yield Item(kind="other", phone_number_id=_number_of(value), payload={"change": change})
        return
    phone_number_id = _number_of(value)
    contacts = [block for block in _list(value, "contacts") if isinstance(block, dict)]
    found = False
    for message in _list(value, "messages"):
        found = True
        if isinstance(message, dict):
            block = _contact_of(message, contacts)
            yield Item(kind="message", phone_number_id=phone_number_id, payload=message, contact=block)
        else:
            yield Item(kind="other", phone_number_id=phone_number_id, payload={"message": message})
    for status in _list(value, "statuses"):
        found = True
        kind = "status" if isinstance(status, dict) else "other"
        payload = status if isinstance(status, dict) else {"status": status}
        yield Item(kind=kind, phone_number_id=phone_number_id, payload=payload)
    if not found:
        yield Item(kind="other", phone_number_id=phone_number_id, payload={"change": change})


def _preferences(value: dict[str, Any]) -> Iterator[Item]:
    """Give what people stopped or resumed in WhatsApp itself, with the contacts block of each."""
    blocks = [block for block in _list(value, "contacts") if isinstance(block, dict)]
    for notice in _list(value, "user_preferences"):
        if isinstance(notice, dict):
            theirs = _contact_of({"from_user_id": notice.get("user_id"), "from": notice.get("wa_id")}, blocks)
            yield Item(kind="preference", phone_number_id=_number_of(value), payload=notice, contact=theirs)
        else:
            yield Item(kind="other", phone_number_id=_number_of(value), payload={"user_preference": notice})


def _list(value: dict[str, Any], key: str) -> list[Any]:
    found = value.get(key)
    return found if isinstance(found, list) else []


def _number_of(value: Any) -> str:
    metadata = value.get("metadata") if isinstance(value, dict) else None
    return str(metadata.get("phone_number_id") or "") if isinstance(metadata, dict) else ""


def _contact_of(message: dict[str, Any], contacts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the contacts block of a message: by user id, else by phone, never by position."""
    for ours, theirs in (("from_user_id", "user_id"), ("from", "wa_id")):
        wanted = message.get(ours)
        match = next((block for block in contacts if wanted and block.get(theirs) == wanted), None)
        if match is not None:
            return match
    return {}


def timestamp(value: Any, *, otherwise: datetime) -> datetime:
    """Return an instant from Unix seconds (milliseconds have been seen), as text or number."""
    try:
        seconds = float(value)
        return datetime.fromtimestamp(seconds / 1000 if seconds >= 10**12 else seconds, tz=UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return otherwise


def addresses(message: Mapping[str, Any], contact: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the sender's addresses as (kind, value): user id first, then phone; by shape, not field name."""
    found: list[tuple[str, str]] = []
    candidates = (message.get("from_user_id"), contact.get("user_id"), message.get("from"), contact.get("wa_id"))
    for value in candidates:
        address = str(value or "").strip()
        if not address:
            continue
        pair = ("bsuid", address) if BSUID.match(address) else ("wa_id", address.lstrip("+"))
        if pair not in found:
            found.append(pair)
    # Numbers paired by QR code may know people by an opaque id, with or without the phone beside it.
    if lid := str(message.get("from_lid") or ""):
        found.append(("lid", lid))
    return found


def type_of(message: Mapping[str, Any]) -> str:
    """Return the stored type: the provider's if we know it, else `unsupported`."""
    kind = str(message.get("type") or "unsupported")
    return "audio" if kind == "voice" else kind if kind in KNOWN_TYPES else "unsupported"


def is_silent(message: Mapping[str, Any]) -> bool:
    """Return whether a message is stored without waking anybody: events, reactions, groups."""
    return str(message.get("type")) in SILENT_TYPES or bool(message.get("group_id"))


def reply_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a message says, in one form for all types: kind, text, reply_id, context_wamid, payload."""
    kind = str(message.get("type") or "unsupported")
    context = message.get("context")
    reply: dict[str, Any] = {
        "kind": kind,
        "text": "",
        "reply_id": None,
        "context_wamid": context.get("id") if isinstance(context, dict) else None,
    }
    body = message.get(kind)
    body = body if isinstance(body, dict) else {}
    if kind == "text":
        reply["text"] = str(body.get("body") or "")
    elif kind == "button":
        reply |= {"kind": "button", "text": str(body.get("text") or ""), "reply_id": body.get("payload")}
    elif kind == "interactive":
        reply |= _interactive(body)
    elif kind in MEDIA | {"voice"}:
        reply |= {"kind": "audio" if kind == "voice" else kind, "text": str(body.get("caption") or ""), "payload": body}
    elif kind == "location":
        reply["payload"] = body
    elif kind == "contacts":
        reply["payload"] = {"contacts": message.get("contacts")}
    return reply


def _interactive(body: Mapping[str, Any]) -> dict[str, Any]:
    for kind, name in (("button_reply", "button"), ("list_reply", "list")):
        chosen = body.get(kind)
        if isinstance(chosen, dict):
            return {"kind": name, "text": str(chosen.get("title") or ""), "reply_id": chosen.get("id")}
    form = body.get("nfm_reply")
    if isinstance(form, dict):
        return {"kind": "form", "text": str(form.get("body") or ""), "payload": form}
    return {"kind": "unsupported"}


def preview_of(message: Mapping[str, Any], *, text: str) -> str:
    """Return a line for lists: the text, else the type in brackets (pages translate it) and what names it best."""
    kind = type_of(message)
    if text and kind in {"text", "button", "interactive"}:
        return text
    body = message.get(str(message.get("type")))
    body = body if isinstance(body, dict) else {}
    if kind == "audio" and (body.get("voice") or message.get("type") == "voice"):
        kind = "voice"
    named = text or next((str(body[key]) for key in ("emoji", "filename", "name", "address") if body.get(key)), "")
    return f"[{kind}] {named}".strip()
