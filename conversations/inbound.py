"""From stored deliveries to messages: a slice of one number at a time, in order, duplicates out, nothing dropped.

One worker works on a number at a time (advisory lock), so that messages keep the order of arrival. A
slice is written with a constant number of statements. If it fails as a whole, its halves are tried, and theirs,
each in a savepoint, until the bad item is alone and is set aside with its reason.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction

from conversations import (
    announcements,
    contacts,
    inbound_items,
    payloads,
    service_window,
    statuses,
    threads_of_contacts,
)
from conversations.consent import preferences
from conversations.contacts import Sender
from conversations.inbound_items import Entry
from conversations.media import arriving
from conversations.message_templates import arrivals as template_notices
from conversations.models import (
    Contact,
    Conversation,
    Message,
    UnhandledMessage,
    WebhookEvent,
    WebhookItem,
    WhatsAppNumber,
)
from conversations.official import news
from conversations.payloads import Item
from conversations.qr import answers, echoes, links
from notifications import events
from pytake.infra import bulk, metrics, tenancy
from pytake.infra.nudge import nudge

log = structlog.get_logger(__name__)
ITEMS_MAX: Final = 500
NUMBERS_A_ROUND: Final = 50
CROWD: Final = 20
SEEN_EVERY: Final = timedelta(minutes=1)
# SQLSTATE classes: no answer, connection, rolled back (deadlock), resources, locks, shutdown.
_PASSING: Final = frozenset({"", "08", "40", "53", "55", "57"})


@dataclass(frozen=True, slots=True)
class Waiting:
    """A number with deliveries to process."""

    number_id: uuid.UUID
    organization_id: uuid.UUID


def process_waiting(*, now: datetime, until: datetime, clock: Any) -> int:
    """Process deliveries of all numbers until none is new or `clock()` reaches `until`. Returns how many."""
    total = 0
    while taken := process_round(until=until, clock=clock):
        total += taken
        if clock() >= until:
            break
    return total


def process_round(*, until: datetime, clock: Any) -> int:
    """Process a slice of each number that has new deliveries. Returns how many deliveries."""
    total = 0
    for waiting in numbers_waiting():
        try:
            total += process_number(waiting, now=clock())
        except Exception:  # numbers are independent: its deliveries stay new, the others go on
            log.exception("number.failed", number_id=str(waiting.number_id))
        if clock() >= until:
            break
    return total


def numbers_waiting() -> list[Waiting]:
    """Return the numbers that have new deliveries, the longest waiting first."""
    with tenancy.platform_scope("find numbers with new deliveries"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT number_id, organization_id FROM conversations_webhookevent "
            "WHERE state = 'new' AND number_id IS NOT NULL GROUP BY 1, 2 ORDER BY min(id) LIMIT %s",
            [NUMBERS_A_ROUND],
        )
        return [Waiting(*row) for row in cursor.fetchall()]


def process_number(waiting: Waiting, *, now: datetime) -> int:
    """Process a slice of one number's deliveries in one transaction; 0 when another worker has the number."""
    with tenancy.organization_context(waiting.organization_id), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 1))", [str(waiting.number_id)])
            row = cursor.fetchone()
        if not row or not row[0]:
            return 0
        deliveries = list(
            WebhookEvent.objects.filter(number_id=waiting.number_id, state=WebhookEvent.State.NEW).order_by("id")[
                : settings.INBOUND_SLICE
            ]
        )
        return _process(deliveries, waiting, now=now) if deliveries else 0


def _process(deliveries: Sequence[WebhookEvent], waiting: Waiting, *, now: datetime) -> int:
    # Numbers without an id of the provider's (those paired by QR code) are named by our own.
    numbers: dict[str | None, WhatsAppNumber]
    numbers = {number.phone_number_id or str(number.pk): number for number in WhatsAppNumber.objects.alive()}
    done: list[int] = []
    work: list[Entry] = []
    for delivery in deliveries:
        if work and len(work) >= ITEMS_MAX:
            break
        try:
            items = inbound_items.read(delivery)
        except payloads.UnreadableError as exc:
            _give_up(delivery.pk, str(exc))
            continue
        done.append(delivery.pk)
        work.extend(inbound_items.of_delivery(items, delivery, numbers))
    _saw({entry.number for entry in work if entry.number is not None}, now=now)
    unkept = _take_in(work, waiting.organization_id, now=now)
    WebhookEvent.objects.filter(pk__in=done).update(state=WebhookEvent.State.DONE)
    for delivery_id, reason in unkept.items():
        _give_up(delivery_id, reason)
    if sum(entry.item.kind == "message" for entry in work) >= CROWD:
        # Whoever processes handles a few messages right afterwards; with a crowd another worker may help.
        nudge("conversations.handle_messages", organization_id=str(waiting.organization_id))
    return len(deliveries)


def _saw(numbers: set[WhatsAppNumber], *, now: datetime) -> None:
    """Note that webhooks arrive, at most once a minute for a number: pages show it, and silence."""
    stale = [number.pk for number in numbers if number.last_seen_at is None or number.last_seen_at < now - SEEN_EVERY]
    if stale:
        WhatsAppNumber.objects.filter(pk__in=stale).update(last_seen_at=now)


def _give_up(delivery_id: int, reason: str) -> None:
    """Keep a delivery that cannot be read, wholly or in part, where operators see it."""
    log.warning("webhook.unreadable", webhook_event_id=delivery_id)
    metrics.ITEMS.labels("delivery", "unreadable").inc()
    WebhookEvent.objects.filter(pk=delivery_id).update(state=WebhookEvent.State.DEAD, error=reason)


def _take_in(work: Sequence[Entry], organization_id: uuid.UUID, *, now: datetime) -> dict[int, str]:
    """Write a slice at once; on failure its halves, and so on, so that one bad item fails alone.

    Returns the deliveries with items that could not even be set aside, with the reason.
    """
    try:
        _write_or_again(work, organization_id, now=now)
    except Exception as exc:  # independent items: find the bad one
        if _will_pass(exc):
            raise
        if len(work) == 1:
            return _bury(work[0], organization_id, exc, now=now)
        log.warning("slice.failed", items=len(work), error=type(exc).__name__)
    else:
        return {}
    half = len(work) // 2
    return _take_in(work[:half], organization_id, now=now) | _take_in(work[half:], organization_id, now=now)


def _write_or_again(work: Sequence[Entry], organization_id: uuid.UUID, *, now: datetime) -> None:
    """Write a slice; once more if somebody else was adding the same person meanwhile, who is found now."""
    try:
        with transaction.atomic():
            _write(work, organization_id, now=now)
    except IntegrityError:
        with transaction.atomic():
            _write(work, organization_id, now=now)


def _bury(entry: Entry, organization_id: uuid.UUID, error: Exception, *, now: datetime) -> dict[int, str]:
    """Set a bad item aside; if not even that is possible, return its delivery with the reason."""
    log.warning("item.failed", kind=entry.item.kind, error=type(error).__name__)
    metrics.ITEMS.labels(entry.item.kind, "dead").inc()
    reason = f"{type(error).__name__}: {error}"[:2000]
    try:
        with transaction.atomic():
            inbound_items.set_aside([entry], organization_id, now=now, state=WebhookItem.State.DEAD, error=reason)
            return {}
    except Exception as exc:  # PostgreSQL or JSON cannot hold it: its delivery keeps the bytes
        if _will_pass(exc):
            raise
        return {entry.delivery_id: reason}


def _will_pass(error: Exception) -> bool:
    """Return whether the database, not the item, is to blame: then the slice waits for another try."""
    code = str(getattr(error.__cause__, "sqlstate", None) or "")
    return isinstance(error, OperationalError | InterfaceError) and code[:2] in _PASSING


def _write(work: Sequence[Entry], organization_id: uuid.UUID, *, now: datetime) -> None:
    by_number: dict[uuid.UUID, list[Entry]] = {}
    aside: list[Entry] = []
    for entry in work:
        if entry.number is None or entry.item.kind == "other":
            aside.append(entry)
        else:
            by_number.setdefault(entry.number.pk, []).append(entry)
    for entries in by_number.values():
        number = entries[0].number
        assert number is not None
        aside += _messages(number, [entry for entry in entries if entry.item.kind == "message"], now=now)
        aside += preferences.apply(number, [entry for entry in entries if entry.item.kind == "preference"], now=now)
        aside += news.apply(number, [entry for entry in entries if entry.item.kind == "account"], now=now)
        echoes.apply(number, [entry.item.payload for entry in entries if entry.item.kind == "echo"], now=now)
        links.apply(number, [entry.item for entry in entries if entry.item.kind == "link"], now=now)
        aside += _statuses(number, [entry for entry in entries if entry.item.kind == "status"], now=now)
    aside += template_notices.apply(
        [entry for entry in work if entry.item.kind == "template" and entry.number], now=now
    )
    inbound_items.set_aside(aside, organization_id, now=now, state=WebhookItem.State.PARKED, error="")


def _statuses(number: WhatsAppNumber, entries: Sequence[Entry], *, now: datetime) -> list[Entry]:
    read = [(entry, statuses.read(entry.item.payload, now=now)) for entry in entries]
    statuses.apply(number, [status for _, status in read if status is not None], now=now)
    metrics.ITEMS.labels("status", "applied").inc(len(entries))
    return [entry for entry, status in read if status is None]


def _messages(number: WhatsAppNumber, entries: Sequence[Entry], *, now: datetime) -> list[Entry]:
    """Store new messages with their contacts and conversations; return entries that cannot be messages."""
    fresh: dict[str, Entry] = {}
    odd: list[Entry] = []
    for entry in entries:
        wamid = entry.item.payload.get("id")
        if not isinstance(wamid, str) or not wamid:
            odd.append(entry)
        else:
            fresh.setdefault(wamid, entry)
    known = set(
        Message.objects.filter(number=number, whatsapp_message_id__in=fresh).values_list(
            "whatsapp_message_id", flat=True
        )
    )
    new = [entry for wamid, entry in fresh.items() if wamid not in known]
    metrics.ITEMS.labels("message", "duplicate").inc(len(entries) - len(new) - len(odd))
    if not new:
        return odd
    senders = [_sender(entry.item) for entry in new]
    people = contacts.resolve(senders, organization_id=number.organization_id, now=now)
    arrived = [
        (entry.item, sender, person)
        for entry, sender, person in zip(new, senders, people, strict=True)
        if person is not None
    ]
    odd += [entry for entry, person in zip(new, people, strict=True) if person is None]
    _store(number, arrived, now=now)
    return odd


def _sender(item: Item) -> Sender:
    profile = item.contact.get("profile")
    profile = profile if isinstance(profile, dict) else {}
    return Sender(
        addresses=tuple(payloads.addresses(item.payload, item.contact)),
        profile_name=str(profile.get("name") or ""),
        username=str(profile.get("username") or ""),
    )


def _store(number: WhatsAppNumber, arrived: Sequence[tuple[Item, Sender, Contact]], *, now: datetime) -> None:
    if not arrived:
        return
    conversations = threads_of_contacts.live(number, [person for _, _, person in arrived], now=now)
    messages = [_message(number, item, person, conversations[person.pk], now=now) for item, _, person in arrived]
    answers.recognise(number, messages, now=now)
    bulk.insert(Message, messages)
    arriving.expect(messages, now=now)
    loud = [
        message for message, (item, _, _) in zip(messages, arrived, strict=True) if not payloads.is_silent(item.payload)
    ]
    waiting = [
        {
            "organization_id": number.organization_id,
            "conversation_id": message.conversation_id,
            "message_id": message.pk,
            "created_at": now,
        }
        for message in loud
    ]
    bulk.insert(UnhandledMessage, waiting)
    _touch(messages, {message.pk for message in loud}, {person.pk: sender for _, sender, person in arrived})
    events.emit_many(announcements.of_messages(messages, now=now))
    metrics.ITEMS.labels("message", "stored").inc(len(messages))


def _message(
    number: WhatsAppNumber, item: Item, person: Contact, conversation: Conversation, *, now: datetime
) -> Message:
    reply = payloads.reply_of(item.payload)
    return bulk.fresh(
        Message,
        organization_id=number.organization_id,
        conversation=conversation,
        number=number,
        contact=person,
        direction=Message.Direction.INBOUND,
        sender_type=Message.SenderType.CONTACT,
        message_type=payloads.type_of(item.payload),
        content=item.payload,
        text=str(reply["text"])[:10_000],
        whatsapp_message_id=item.payload["id"],
        # A clock that is ahead must not keep the service window open.
        whatsapp_timestamp=min(payloads.timestamp(item.payload.get("timestamp"), otherwise=now), now),
        status=Message.Status.RECEIVED,
        dispatch_state=Message.DispatchState.NONE,
        extra={"reply": reply},
    )


_TOUCH_CONVERSATIONS: Final = """
UPDATE conversations_conversation conversation SET
    last_message_at = greatest(conversation.last_message_at, fresh.at),
    first_message_at = least(conversation.first_message_at, fresh.at),
    last_message_preview = fresh.preview,
    last_message_sender = 'contact',
    last_inbound_message_at = greatest(conversation.last_inbound_message_at, fresh.heard_at),
    window_expires_at = greatest(conversation.window_expires_at, fresh.heard_at + %(window)s::interval),
    total_messages = conversation.total_messages + fresh.count,
    messages_from_contact = conversation.messages_from_contact + fresh.count
FROM unnest(%(ids)s::uuid[], %(ats)s::timestamptz[], %(heard)s::timestamptz[], %(previews)s::text[], %(counts)s::int[])
    AS fresh (id, at, heard_at, preview, count)
WHERE conversation.id = fresh.id
"""
_TOUCH_CONTACTS: Final = """
UPDATE conversations_contact contact SET
    profile_name = CASE WHEN fresh.name <> '' THEN fresh.name ELSE contact.profile_name END,
    username = CASE WHEN fresh.username <> '' THEN fresh.username ELSE contact.username END,
    last_message_at = greatest(contact.last_message_at, fresh.at),
    last_message_received_at = greatest(contact.last_message_received_at, fresh.at),
    total_messages_received = contact.total_messages_received + fresh.count,
    -- Who writes again is back.
    deleted_at = NULL
FROM unnest(%(ids)s::uuid[], %(names)s::text[], %(usernames)s::text[], %(ats)s::timestamptz[], %(counts)s::int[])
    AS fresh (id, name, username, at, count)
WHERE contact.id = fresh.id
"""


def _touch(messages: Sequence[Message], loud: set[uuid.UUID], senders: dict[uuid.UUID, Sender]) -> None:
    """Bring conversations and contacts up to date, one statement each, rows in a fixed order."""
    threads: dict[uuid.UUID, list[Message]] = {}
    people: dict[uuid.UUID, list[Message]] = {}
    for message in messages:
        threads.setdefault(message.conversation_id, []).append(message)
        people.setdefault(message.contact_id, []).append(message)
    ids = sorted(threads)
    contact_ids = sorted(people)
    with connection.cursor() as cursor:
        cursor.execute(
            _TOUCH_CONVERSATIONS,
            {
                "window": f"{service_window.LENGTH.total_seconds():.0f} seconds",
                "ids": ids,
                "ats": [_latest(threads[key]) for key in ids],
                "heard": [_latest([m for m in threads[key] if m.pk in loud]) for key in ids],
                "previews": [_preview(threads[key][-1]) for key in ids],
                "counts": [len(threads[key]) for key in ids],
            },
        )
        cursor.execute(
            _TOUCH_CONTACTS,
            {
                "ids": contact_ids,
                "names": [senders[key].profile_name[:150] for key in contact_ids],
                "usernames": [senders[key].username[:64] for key in contact_ids],
                "ats": [_latest(people[key]) for key in contact_ids],
                "counts": [len(people[key]) for key in contact_ids],
            },
        )


def _latest(messages: Sequence[Message]) -> datetime | None:
    return max((message.whatsapp_timestamp for message in messages if message.whatsapp_timestamp), default=None)


def _preview(message: Message) -> str:
    return payloads.preview_of(message.content, text=message.text)[:160]
