"""What a received message is, as people see it: read from the provider's JSON, tolerant of what is missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

# Types that are shown on another message; alone, they say what they did.
EFFECTS: Final = frozenset({"reaction", "edit", "revoke"})
_MEDIA: Final = frozenset({"image", "video", "audio", "voice", "document", "sticker"})
LINES_MAX: Final = 50


@dataclass(slots=True, kw_only=True)
class Place:
    """A location."""

    name: str
    address: str
    map_url: str
    coordinates: str


@dataclass(slots=True, kw_only=True)
class Card:
    """A contact that was sent. `lines` are phones, addresses and so on, as (icon, text, link)."""

    name: str
    company: str
    lines: list[tuple[str, str, str]]


@dataclass(slots=True, kw_only=True)
class OrderLine:
    """A product of an order."""

    product: str
    quantity: str
    price: str


@dataclass(slots=True, kw_only=True)
class Origin:
    """The advertisement or post that brought the person."""

    label: str
    headline: str
    body: str
    url: str


@dataclass(slots=True, kw_only=True)
class Arrived:
    """The parts of a received message.

    `said` is our sentence for what has no words of its own, `private` what goes with it for those who may see phones.
    """

    text: str = ""
    said: str = ""
    private: str = ""
    icon: str = "info"
    detail: str = ""
    forwarded: str = ""
    product: str = ""
    place: Place | None = None
    cards: list[Card] = field(default_factory=list)
    order: list[OrderLine] = field(default_factory=list)
    answers: list[tuple[str, str]] = field(default_factory=list)
    origin: Origin | None = None
    is_choice: bool = False
    is_group: bool = False
    raw: str = ""
    raw_type: str = ""


def read(payload: Mapping[str, Any], *, text: str = "", has_file: bool = True) -> Arrived:
    """Return what to show of a message; what is not understood is shown whole."""
    shown = Arrived(text=text)
    kind = str(payload.get("type") or "unsupported")
    body = _map(payload, kind)
    reader = _READERS.get(kind)
    if reader is not None:
        reader(shown, body, payload)
    elif kind in _MEDIA:
        shown.text = text or _str(body, "caption")
        if not has_file:
            _odd(shown, payload)
    else:
        _odd(shown, payload)
    context = _map(payload, "context")
    if context.get("frequently_forwarded"):
        shown.forwarded = _("Forwarded many times")
    elif context.get("forwarded"):
        shown.forwarded = _("Forwarded")
    shown.product = _str(_map(context, "referred_product"), "product_retailer_id")
    shown.origin = _origin(_map(payload, "referral"))
    shown.is_group = bool(payload.get("group_id"))
    return shown


def _odd(shown: Arrived, payload: Mapping[str, Any]) -> None:
    shown.raw_type = str(payload.get("type") or "?")
    shown.raw = json.dumps(payload, ensure_ascii=False, indent=2)


def _text(shown: Arrived, body: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    shown.text = shown.text or _str(body, "body")
    if not shown.text:
        _odd(shown, payload)


def _button(shown: Arrived, body: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    shown.text = shown.text or _str(body, "text")
    shown.is_choice = True
    if not shown.text:
        _odd(shown, payload)


def _interactive(shown: Arrived, body: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    chosen = _map(body, "button_reply") or _map(body, "list_reply")
    form, call = _map(body, "nfm_reply"), _map(body, "call_permission_reply")
    if chosen:
        shown.text = shown.text or _str(chosen, "title")
        shown.is_choice = True
        shown.detail = _str(chosen, "description")
    elif form:
        _form(shown, form, payload)
    elif call:
        shown.icon = "phone"
        accepted = call.get("response") == "accept"
        shown.said = _("Allowed calls") if accepted else _("Did not allow calls")
    else:
        _odd(shown, payload)


def _form(shown: Arrived, form: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    shown.icon, shown.text = "list-checks", ""
    shown.said = _("Sent an address") if form.get("name") == "address_message" else _("Filled in a form")
    try:
        answers = json.loads(str(form.get("response_json") or ""))
    except (ValueError, RecursionError):
        answers = None
    if isinstance(answers, dict):
        pairs = [(str(key), _plain(value)) for key, value in answers.items() if key != "flow_token"]
        shown.answers = pairs[:LINES_MAX]
    else:
        _odd(shown, payload)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _location(shown: Arrived, body: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    try:
        latitude, longitude = float(body["latitude"]), float(body["longitude"])
    except (KeyError, TypeError, ValueError):
        return _odd(shown, payload)
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return _odd(shown, payload)
    point = f"{latitude:.6f},{longitude:.6f}"
    shown.place = Place(
        name=_str(body, "name"),
        address=_str(body, "address"),
        coordinates=point.replace(",", ", "),
        map_url=f"https://www.google.com/maps/search/?api=1&query={point}",
    )
    return None


def _contacts(shown: Arrived, body: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    rows = payload.get("contacts")
    shown.cards = [_card(row) for row in rows[:LINES_MAX] if isinstance(row, dict)] if isinstance(rows, list) else []
    if not shown.cards:
        _odd(shown, payload)


def _card(row: Mapping[str, Any]) -> Card:
    lines: list[tuple[str, str, str]] = []
    for phone in _maps(row, "phones"):
        text = _str(phone, "phone") or _str(phone, "wa_id")
        digits = "".join(char for char in text if char.isdigit())
        lines.append(("phone", text, f"tel:+{digits}" if digits else ""))
    lines += [("mail", _str(mail, "email"), "") for mail in _maps(row, "emails")]
    lines += [("link", _str(url, "url"), _link(_str(url, "url"))) for url in _maps(row, "urls")]
    for place in _maps(row, "addresses"):
        parts = [_str(place, key) for key in ("street", "city", "state", "zip", "country")]
        lines.append(("map-pin", ", ".join(part for part in parts if part), ""))
    if birthday := _str(row, "birthday"):
        lines.append(("clock", birthday, ""))
    name, org = _map(row, "name"), _map(row, "org")
    company = " · ".join(part for part in (_str(org, "company"), _str(org, "title")) if part)
    shown = _str(name, "formatted_name") or _str(name, "first_name") or _("Without a name")
    return Card(name=shown, company=company, lines=[line for line in lines if line[1]])


def _order(shown: Arrived, body: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    shown.text = shown.text or _str(body, "text")
    for item in _maps(body, "product_items"):
        price = " ".join(part for part in (_str(item, "currency"), _money(item.get("item_price"))) if part)
        shown.order.append(
            OrderLine(product=_str(item, "product_retailer_id"), quantity=str(item.get("quantity", "")), price=price)
        )
    shown.said, shown.icon = _("Order"), "tag"
    if not shown.order:
        _odd(shown, payload)


def _money(value: Any) -> str:
    try:
        return f"{Decimal(str(value)):.2f}"
    except InvalidOperation:
        return ""


def _reaction(shown: Arrived, body: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    emoji = _str(body, "emoji")
    shown.icon = "message-circle"
    shown.said = _("Reacted with %(emoji)s") % {"emoji": emoji} if emoji else _("Took a reaction back")


def _edit(shown: Arrived, body: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    inner = _map(body, "message")
    if not inner or inner.get("type") in EFFECTS:
        return _odd(shown, payload)
    new = read(inner)
    for name in Arrived.__slots__:
        setattr(shown, name, getattr(new, name))
    shown.said, shown.icon = _("Edited an earlier message"), "pencil"
    return None


def _revoke(shown: Arrived, body: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    shown.said, shown.icon = _("Deleted an earlier message"), "trash-2"


def _system(shown: Arrived, body: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    kind, new = _str(body, "type"), _str(body, "wa_id") or _str(body, "new_wa_id")
    shown.icon, shown.text = "info", ""
    if kind in {"user_changed_number", "customer_changed_number"}:
        shown.said = _("Changed the phone number")
        shown.private = f"+{new}" if new else ""
    elif kind == "user_changed_user_id":
        shown.said = _("WhatsApp gave this person a new identifier")
    elif kind == "customer_identity_changed":
        shown.said = _("The security code of this person changed: perhaps a new phone")
    else:
        shown.said, shown.private = _("Notice from WhatsApp"), _str(body, "body")
        _odd(shown, payload)


def _unsupported(shown: Arrived, body: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    shown.icon = "circle-alert"
    shown.said = str(_KINDS.get(_str(body, "type"), lambda: _("WhatsApp did not pass this message on"))())
    _odd(shown, payload)


_KINDS: Final = {
    "poll": lambda: _("A poll, which WhatsApp does not pass on"),
    "poll_update": lambda: _("A vote in a poll, which WhatsApp does not pass on"),
    "edit": lambda: _("Edited a message; WhatsApp does not pass the new text on"),
}


def _origin(body: Mapping[str, Any]) -> Origin | None:
    if not body:
        return None
    return Origin(
        label=_("Came from an ad") if body.get("source_type") == "ad" else _("Came from a post"),
        headline=_str(body, "headline"),
        body=_str(body, "body"),
        url=_link(_str(body, "source_url")),
    )


def _link(text: str) -> str:
    """Return an address if a browser may open it: web pages only."""
    try:
        return text if urlsplit(text).scheme in {"http", "https"} else ""
    except ValueError:
        return ""


def _map(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _maps(value: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = value.get(key)
    rows: list[Mapping[str, Any]] = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    return rows[:LINES_MAX]


def _str(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else str(found) if isinstance(found, int | float) else ""


_READERS: Final = {
    "text": _text, "button": _button, "interactive": _interactive, "location": _location, "contacts": _contacts,
    "order": _order, "reaction": _reaction, "edit": _edit, "revoke": _revoke, "system": _system,
    "unsupported": _unsupported,
}  # fmt: skip
