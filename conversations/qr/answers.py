"""Menus on numbers without buttons: what people type is turned back into the option they chose."""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from conversations.models import Message, WhatsAppNumber

# Who answers days later probably speaks of something else.
LIFE: Final = timedelta(hours=24)
PREFIX_MIN: Final = 3


def recognise(number: WhatsAppNumber, messages: Sequence[Message], *, now: datetime) -> None:
    """Give typed answers the reply id of the option that they name, if the last thing we said was a menu."""
    typed = [message for message in messages if number.is_qr and message.message_type == "text"]
    if not typed:
        return
    menus = _last_menus({message.conversation_id for message in typed}, now=now)
    answered: set[uuid.UUID] = set()
    for message in typed:
        menu = menus.get(message.conversation_id)
        # Of several messages only the first can be the answer.
        if menu is None or message.conversation_id in answered:
            continue
        answered.add(message.conversation_id)
        option = choose(menu, message.text)
        if option is not None:
            kind = "button" if menu["kind"] == "buttons" else "list"
            reply = message.extra.get("reply") or {}
            message.extra["reply"] = {**reply, "kind": kind, "text": option["title"], "reply_id": option["id"]}


def _last_menus(conversation_ids: set[uuid.UUID], *, now: datetime) -> dict[uuid.UUID, Mapping[str, Any]]:
    """Return the menus that are the last thing said to a thread."""
    rows = (
        Message.objects.filter(
            conversation_id__in=conversation_ids,
            direction=Message.Direction.OUTBOUND,
            is_internal_note=False,
            created_at__gt=now - LIFE,
        )
        .exclude(dispatch_state__in=[Message.DispatchState.CANCELLED, Message.DispatchState.FAILED])
        .exclude(message_type="reaction")
        .order_by("conversation_id", "-created_at", "-sequence", "-id")
        .distinct("conversation_id")
        .values_list("conversation_id", "content")
    )
    return {key: content for key, content in rows if content.get("kind") in {"buttons", "list"}}


def options_of(menu: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the options in the order of their numbers."""
    if menu["kind"] == "buttons":
        return list(menu["buttons"])
    return [row for section in menu["sections"] for row in section["rows"]]


def choose(menu: Mapping[str, Any], text: str) -> Mapping[str, Any] | None:
    """Return the option that a text names: its number, its title, or the beginning of one title alone."""
    options = options_of(menu)
    said = folded(text)
    digits = said.removesuffix(")").removesuffix(".").strip()
    if digits.isascii() and digits.isdecimal() and len(digits) <= 2:
        place = int(digits)
        return options[place - 1] if 1 <= place <= len(options) else None
    titles = [folded(option["title"]) for option in options]
    same = [option for option, title in zip(options, titles, strict=True) if title == said]
    if len(same) == 1:
        return same[0]
    begun = [option for option, title in zip(options, titles, strict=True) if title.startswith(said)]
    return begun[0] if len(said) >= PREFIX_MIN and len(begun) == 1 else None


def folded(text: str) -> str:
    """Return a text without case, accents, emoji and punctuation around it."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    kept = "".join(letter for letter in plain if letter.isalnum() or letter.isspace() or letter in ".)-")
    return " ".join(kept.split()).strip(" .-)")
