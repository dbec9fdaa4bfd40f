"""The inbound handler of consent: words that stop or resume messages, heard before any flow."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.conf import settings
from django.utils.module_loading import import_string

from conversations import outbox, service_window
from conversations.consent import keywords, ledger, wording
from conversations.consent.keywords import Meaning
from conversations.inbound_batch import InboundBatch
from conversations.models import ConsentEvent, Conversation, Message
from pytake.accounts.models import Organization

_P, _A = ConsentEvent.Purpose, ConsentEvent.Action
_HEARD: Final = frozenset({"text", "button", "interactive"})
_CHANGES: Final[Mapping[Meaning, tuple[tuple[str, str], ...]]] = {
    Meaning.OUT: ((_P.MARKETING, _A.OPT_OUT), (_P.UTILITY, _A.OPT_OUT)),
    Meaning.ALL: ((_P.MARKETING, _A.OPT_OUT), (_P.UTILITY, _A.OPT_OUT)),
    Meaning.PROMOTIONS: ((_P.MARKETING, _A.OPT_OUT), (_P.UTILITY, _A.OPT_IN)),
    Meaning.BACK: ((_P.MARKETING, _A.OPT_IN), (_P.UTILITY, _A.OPT_IN)),
}
_AFTER: Final = {
    Meaning.OUT: ledger.State(promotions=False, bot=False),
    Meaning.ALL: ledger.State(promotions=False, bot=False),
    Meaning.PROMOTIONS: ledger.State(promotions=False, bot=True),
    Meaning.BACK: ledger.State(promotions=True, bot=True),
}
_GONE: Final = _AFTER[Meaning.OUT]
_ALL_WELL: Final = _AFTER[Meaning.BACK]


@dataclass(frozen=True, slots=True)
class Heard:
    """A message and what it says about consent."""

    message: Message
    meaning: Meaning


def apply_keywords(batch: InboundBatch) -> set[uuid.UUID]:
    """Record opt-outs and returns, confirm them once, and keep those messages from flows.

    Threads that people have still show the message as waiting: it goes on to the inbox.
    """
    organization = Organization.objects.only("settings", "language").get(pk=batch.organization_id)
    heard = _heard(batch, organization)
    if not heard:
        return set()
    states = ledger.lock({item.message.contact_id for item in heard})
    facts: list[ledger.Fact] = []
    answers: list[tuple[Heard, Meaning]] = []
    taken: set[uuid.UUID] = set()
    for item in heard:
        contact_id = item.message.contact_id
        meaning = _in_context(item, states[contact_id])
        if meaning is None:
            continue
        if meaning in _CHANGES:
            facts += _facts(item.message, meaning, now=batch.now)
        if _is_answered(meaning, states[contact_id]):
            answers.append((item, meaning))
        states[contact_id] = _AFTER.get(meaning, states[contact_id])
        if meaning is not Meaning.ASK and item.message.conversation.status == Conversation.Status.OPEN:
            taken.add(item.message.pk)
    ledger.record(facts, now=batch.now)
    _show(batch, states)
    _say(answers, organization, now=batch.now)
    return taken


def _heard(batch: InboundBatch, organization: Organization) -> list[Heard]:
    """Return messages that say something about consent, but not those that the bot's question offered as an answer."""
    more = organization.settings.get("optout_keywords") or []
    more = [word for word in more if isinstance(word, str)] if isinstance(more, list) else []
    found: list[Heard] = []
    for message in batch.messages:
        if message.message_type not in _HEARD:
            continue
        reply = message.extra.get("reply") or {}
        text = str(reply.get("text") or message.text)
        meaning = keywords.read(text, reply_id=str(reply.get("reply_id") or ""), more=more)
        if meaning is not None:
            found.append(Heard(message, meaning))
    if not found:
        return []
    theirs = import_string(settings.SESSION_OFFERS)([item.message for item in found], now=batch.now)
    return [item for item in found if item.message.pk not in theirs or _is_ours(item)]


def _is_ours(item: Heard) -> bool:
    """Return whether one of our own buttons was tapped."""
    return (item.message.extra.get("reply") or {}).get("reply_id") == keywords.ID[item.meaning]


def _in_context(item: Heard, state: ledger.State) -> Meaning | None:
    """Return what the words mean to this person; None when they mean nothing."""
    thread = item.message.conversation
    match item.meaning:
        case Meaning.BACK if state == _ALL_WELL:
            return None
        case Meaning.PROMOTIONS | Meaning.ALL if state.bot and not _is_ours(item):
            return None
        case Meaning.ASK:
            with_bot = thread.status == Conversation.Status.OPEN and thread.is_bot_active
            return Meaning.ASK if with_bot and state != _GONE and item.message.message_type != "interactive" else None
        case meaning:
            return meaning


def _is_answered(meaning: Meaning, before: ledger.State) -> bool:
    """One confirmation, then silence."""
    return meaning in {Meaning.ASK, Meaning.BACK} or (meaning is Meaning.OUT and before != _GONE)


def _facts(message: Message, meaning: Meaning, *, now: datetime) -> list[ledger.Fact]:
    base = ledger.Fact(
        contact_id=message.contact_id,
        purpose="",
        action="",
        source=ConsentEvent.Source.KEYWORD,
        # A clock that goes ahead must not outlive what people say later.
        at=min(message.whatsapp_timestamp or now, now),
        wording=wording.VERSION,
        evidence={"message_id": str(message.pk), "text": message.text[:200], "number_id": str(message.number_id)},
    )
    return [
        replace(base, purpose=purpose, action=action, key=f"message:{message.pk.hex}:{purpose}")
        for purpose, action in _CHANGES[meaning]
    ]


def _show(batch: InboundBatch, states: Mapping[uuid.UUID, ledger.State]) -> None:
    """Let the handlers that follow see the new state."""
    for message in batch.messages:
        state = states.get(message.contact_id)
        if state is not None:
            message.contact.opt_in, message.contact.accepts_bot = state.promotions, state.bot


def _say(answers: list[tuple[Heard, Meaning]], organization: Organization, *, now: datetime) -> None:
    """Write the confirmations; the same message, and the same question on one day, are answered once."""
    drafts: list[Message] = []
    for item, meaning in answers:
        row = item.message.conversation
        content = wording.answer(meaning, item.message.contact.language or organization.language)
        if content is None or not service_window.may_write(row.number.connection_type, row.window_expires_at, now):
            continue
        day = f"{item.message.contact_id.hex}-{now:%Y%m%d}"
        key = f"consent-ask-{day}" if meaning is Meaning.ASK else f"consent-{item.message.pk.hex}"
        try:
            drafts.append(outbox.draft(row, content, sender_type=Message.SenderType.SYSTEM, now=now, client_key=key))
        except outbox.NoAddressError:
            continue
    if drafts:
        keys = [draft.client_key for draft in drafts]
        known = set(Message.objects.filter(client_key__in=keys).values_list("client_key", flat=True))
        fresh = {draft.client_key: draft for draft in drafts if draft.client_key not in known}
        outbox.commit(list(fresh.values()), now=now)
