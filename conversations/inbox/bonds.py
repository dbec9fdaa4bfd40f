"""What the messages of a page have to do with others: quotes above replies, reactions, edits, deletions."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import Q
from django.utils.translation import gettext as _

from conversations.inbox import previews
from conversations.inbox.arrived import EFFECTS
from conversations.models import Conversation, Message

EFFECTS_MAX: Final = 2000
_TARGETS: Final = {"reaction": "message_id", "edit": "original_message_id", "revoke": "original_message_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The message that another one answers. Without an anchor it is not in this conversation."""

    text: str
    is_ours: bool = False
    anchor: str = ""


@dataclass(slots=True)
class Bonds:
    """By the key of a message. `absorbed` are messages that are shown on another one of the page."""

    quotes: dict[uuid.UUID, Quote] = field(default_factory=dict)
    reactions: dict[uuid.UUID, list[str]] = field(default_factory=dict)
    ours: dict[uuid.UUID, str] = field(default_factory=dict)
    edits: dict[uuid.UUID, Message] = field(default_factory=dict)
    deleted: set[uuid.UUID] = field(default_factory=set)
    absorbed: set[uuid.UUID] = field(default_factory=set)


def of(conversation: Conversation, messages: Sequence[Message]) -> Bonds:
    """Return the bonds of a page of a thread, with two queries at most."""
    bonds = Bonds()
    here = {message.whatsapp_message_id: message for message in messages if message.whatsapp_message_id}
    # Reactions of ours count until they fail.
    theirs = Q(direction="inbound") | Q(message_type="reaction") & ~Q(status=Message.Status.FAILED)
    effects = Message.objects.filter(theirs, conversation=conversation, message_type__in=EFFECTS)
    rows = list(effects.select_related("media").order_by("-created_at", "-sequence", "-pk")[:EFFECTS_MAX])
    rows.reverse()
    _apply(bonds, rows, here)
    _quote(bonds, conversation, [message for message in messages if message.pk not in bonds.absorbed], here)
    return bonds


def _apply(bonds: Bonds, effects: Iterable[Message], here: Mapping[str, Message]) -> None:
    """Bring effects to the messages of the page; the last word of each sender counts."""
    said: dict[uuid.UUID, dict[str, str]] = {}
    for effect in effects:
        target = here.get(target_of(effect))
        if target is None or target.pk == effect.pk:
            continue
        # Only the author may change or delete a message; a reaction may be to anybody's.
        if effect.message_type != "reaction" and not _same_author(effect, target):
            continue
        bonds.absorbed.add(effect.pk)
        if effect.message_type == "reaction":
            emoji = effect.content.get("emoji") or _map(effect.content, "reaction").get("emoji")
            said.setdefault(target.pk, {})[_author(effect)] = str(emoji or "")[:16]
        elif effect.message_type == "edit":
            bonds.edits[target.pk] = effect
        else:
            bonds.deleted.add(target.pk)
    bonds.ours = {pk: by["us"] for pk, by in said.items() if by.get("us")}
    bonds.reactions = {pk: [emoji for emoji in by.values() if emoji] for pk, by in said.items()}


def target_of(effect: Message) -> str:
    """Return the provider's id of the message that a reaction, edit or deletion concerns."""
    if effect.direction == Message.Direction.OUTBOUND:
        return str(effect.content.get("message_id") or "")
    return str(_map(effect.content, effect.message_type).get(_TARGETS.get(effect.message_type, "")) or "")


def _same_author(effect: Message, target: Message) -> bool:
    return target.direction == Message.Direction.INBOUND and _author(effect) == _author(target)


def _author(message: Message) -> str:
    if message.direction == Message.Direction.OUTBOUND:
        return "us"
    return str(message.content.get("from_user_id") or message.content.get("from") or message.contact_id)


def _quote(bonds: Bonds, conversation: Conversation, messages: Sequence[Message], here: Mapping[str, Message]) -> None:
    wanted = {message.pk: _quoted(message) for message in messages}
    keys = {message.reply_to_id for message in messages if message.reply_to_id}
    missing = {wamid for wamid in wanted.values() if wamid and wamid not in here}
    known: dict[Any, Message] = {**here, **{message.pk: message for message in messages}}
    if missing or keys - known.keys():
        # Only of this conversation: whoever may read it need not be allowed to read others of the person.
        rows = Message.objects.filter(conversation=conversation).filter(
            Q(number_id=conversation.number_id, whatsapp_message_id__in=missing) | Q(pk__in=keys - known.keys())
        )
        for row in rows:
            known[row.pk] = known[row.whatsapp_message_id] = row
    for message in messages:
        key = wanted[message.pk] or message.reply_to_id
        if key:
            bonds.quotes[message.pk] = _as_quote(known.get(key))


def _quoted(message: Message) -> str:
    if message.direction != Message.Direction.INBOUND:
        return target_of(message) if message.message_type == "reaction" else ""
    if message.message_type in EFFECTS:
        return target_of(message)
    return str(_map(message.content, "context").get("id") or "")


def _as_quote(message: Message | None) -> Quote:
    if message is None or message.is_internal_note:
        return Quote(text=_("A message that is not in this conversation"))
    return Quote(text=previews.line_of(message), is_ours=message.direction == "outbound", anchor=f"m-{message.pk}")


def _map(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}
