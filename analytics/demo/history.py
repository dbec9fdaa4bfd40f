"""Two hundred contacts of the demo clinic and what was said with them in the last weeks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from analytics.demo import people
from analytics.demo.stories import STORIES, Story
from conversations import content
from conversations.models import (
    Contact,
    ContactIdentity,
    ContactTag,
    Conversation,
    Department,
    Message,
    Tag,
    WhatsAppNumber,
)
from pytake.accounts.models import User
from pytake.core import phones

CONTACTS = 200
DAYS = 21
LIVE = {"queued", "active", "pending", "open"}


@dataclass(slots=True, kw_only=True)
class Setting:
    """Who and what the history is about."""

    number: WhatsAppNumber
    users: dict[str, User]
    departments: dict[str, Department]
    tags: list[Tag]
    now: datetime
    rng: random.Random = field(default_factory=lambda: random.Random(20260801))  # noqa: S311  # the same people every time


def write(setting: Setting) -> None:
    """Insert contacts, conversations and messages (bulk, inside the organization's context)."""
    contacts = [_contact(setting, index) for index in range(CONTACTS)]
    Contact.objects.bulk_create(contacts)
    ContactIdentity.objects.bulk_create(_identity(setting, contact) for contact in contacts)
    ContactTag.objects.bulk_create(_tag_links(setting, contacts))
    threads: list[Conversation] = []
    messages: list[Message] = []
    for contact in contacts:
        for conversation, lines in _threads(setting, contact):
            threads.append(conversation)
            messages.extend(lines)
    _insert(threads, messages)


def _contact(setting: Setting, index: int) -> Contact:
    rng = setting.rng
    name = f"{rng.choice(people.FIRST_NAMES)} {rng.choice(people.LAST_NAMES)}"
    known = rng.random() < 0.8
    return Contact(
        organization=setting.number.organization,
        name=name if known else "",
        profile_name=name.split(maxsplit=1)[0] if rng.random() < 0.9 else name,
        email=f"paciente{index:03d}@exemplo.com.br" if known and rng.random() < 0.6 else "",
        is_vip=rng.random() < 0.04,
        attributes={"convenio": rng.choice(["Regional", "Vida Mais", "Particular"])} if known else {},
        language="pt-br",
    )


def _identity(setting: Setting, contact: Contact) -> ContactIdentity:
    rng = setting.rng
    area = rng.choice(people.AREA_CODES)
    digits = f"55{area}9{rng.randint(70000000, 99999999)}"
    # Old accounts outside São Paulo and Rio still lack the ninth digit.
    wa_id = digits if int(area) < 31 or rng.random() < 0.7 else digits[:4] + digits[5:]
    return ContactIdentity(
        organization=setting.number.organization,
        contact=contact,
        kind=ContactIdentity.Kind.WA_ID,
        value=wa_id,
        canonical_key=phones.canonical_key("wa_id", wa_id),
        e164=digits,
        is_primary=True,
        first_seen_at=setting.now - timedelta(days=DAYS),
        last_seen_at=setting.now,
        confirmed_at=setting.now - timedelta(days=DAYS),
    )


def _tag_links(setting: Setting, contacts: list[Contact]) -> Iterator[ContactTag]:
    for contact in contacts:
        for tag in setting.rng.sample(setting.tags, k=setting.rng.choice([0, 1, 1, 2])):
            yield ContactTag(organization=setting.number.organization, contact=contact, tag=tag)


def _threads(setting: Setting, contact: Contact) -> Iterator[tuple[Conversation, list[Message]]]:
    """Yield one to three threads of a contact; only the last one may still be live."""
    rng = setting.rng
    count = rng.choice([1, 1, 1, 2, 2, 3])
    finished = [story for story in STORIES if story.ending not in LIVE]
    for position in range(count):
        last = position == count - 1
        pool = list(STORIES) if last else finished
        story = rng.choices(pool, weights=[item.weight for item in pool])[0]
        if story.ending in LIVE:
            started = setting.now - timedelta(minutes=rng.randint(6, 180))
        else:
            days_ago = DAYS * (count - position) / (count + 1) - rng.random() * 4
            started = setting.now - timedelta(days=max(days_ago, 0.3), minutes=rng.randint(0, 500))
        yield _thread(setting, contact, story, started)


def _thread(setting: Setting, contact: Contact, story: Story, started: datetime) -> tuple[Conversation, list[Message]]:
    conversation = Conversation(
        organization=setting.number.organization,
        number=setting.number,
        contact=contact,
        status=story.ending,
        first_message_at=started,
    )
    messages = [_message(setting, conversation, line) for line in _spoken(setting, contact, story, started)]
    _summarise(setting, conversation, story, messages)
    return conversation, messages


@dataclass(frozen=True, slots=True)
class _Line:
    who: str
    text: str
    at: datetime


def _spoken(setting: Setting, contact: Contact, story: Story, started: datetime) -> Iterator[_Line]:
    name = contact.name or contact.profile_name
    words = {"name": name, "first": name.split()[0], "protocol": f"CA-{setting.rng.randint(10000, 99999)}"}
    at = started
    for who, text in story.lines:
        # A line may offer several ways to say it.
        said = setting.rng.choice(text.split(" | "))
        yield _Line(who, said.format_map(words), at)
        at += timedelta(seconds=2 if who == "b" else setting.rng.randint(8, 90))


def _message(setting: Setting, conversation: Conversation, line: _Line) -> Message:
    inbound = line.who == "c"
    note = line.who.startswith("note:")
    agent = setting.users.get(line.who.removeprefix("note:"))
    message = Message(
        organization=conversation.organization,
        conversation=conversation,
        number=conversation.number,
        contact=conversation.contact,
        direction=Message.Direction.INBOUND if inbound else Message.Direction.OUTBOUND,
        sender_type="contact" if inbound else ("bot" if line.who == "b" else "agent"),
        sender_user=agent,
        message_type="text",
        content={"type": "text", "text": {"body": line.text}} if inbound else content.Text(body=line.text).as_dict(),
        text=line.text,
        is_internal_note=note,
        status=Message.Status.RECEIVED if inbound else Message.Status.READ,
        dispatch_state="none" if inbound or note else "accepted",
        created_at=line.at,
    )
    if not note:
        message.whatsapp_message_id = f"wamid.DEMO{message.pk.hex.upper()}"
        message.whatsapp_timestamp = line.at
    if not inbound and not note:
        message.sent_at = line.at + timedelta(seconds=1)
        message.delivered_at = line.at + timedelta(seconds=2)
        message.read_at = line.at + timedelta(seconds=20)
    return message


def _summarise(setting: Setting, conversation: Conversation, story: Story, messages: list[Message]) -> None:
    """Fill the columns that the inbox lists read."""
    spoken = [message for message in messages if not message.is_internal_note]
    last, inbound = spoken[-1], [message for message in spoken if message.direction == "inbound"]
    agents = [message.sender_user for message in spoken if message.sender_user]
    conversation.last_message_at = last.created_at
    conversation.last_message_preview = last.text[:160]
    conversation.last_message_sender = last.sender_type
    conversation.last_inbound_message_at = inbound[-1].created_at
    conversation.window_expires_at = inbound[-1].created_at + timedelta(hours=24)
    conversation.total_messages = len(spoken)
    conversation.messages_from_contact = len(inbound)
    conversation.messages_from_bot = sum(message.sender_type == "bot" for message in spoken)
    conversation.messages_from_agent = len(agents)
    conversation.department = setting.departments.get(story.department)
    conversation.is_bot_active = story.ending == "open" or not story.department
    if story.department:
        conversation.is_human_requested = True
        conversation.handoff_at = conversation.queued_at = inbound[-1].created_at
    if agents:
        conversation.current_agent = agents[-1]
        conversation.assigned_at = last.created_at
    if story.ending in {"queued", "active"}:
        conversation.waiting_since = inbound[-1].created_at
        conversation.unread_count = sum(message.created_at >= inbound[-1].created_at for message in inbound)
        conversation.priority = 100 if conversation.contact.is_vip else 50
    if story.ending == "resolved":
        conversation.resolved_at = last.created_at + timedelta(minutes=5)
    if story.ending == "closed":
        conversation.closed_at = last.created_at + timedelta(minutes=5)


def _insert(threads: list[Conversation], messages: list[Message]) -> None:
    Conversation.objects.bulk_create(threads, batch_size=500)
    said_at = {message.pk: message.created_at for message in messages}
    Message.objects.bulk_create(messages, batch_size=1000)
    # bulk_create stamps the present; the story happened earlier.
    for message in messages:
        message.created_at = said_at[message.pk]
    Message.objects.bulk_update(messages, ["created_at"], batch_size=1000)
    _count_per_contact(threads, messages)


def _count_per_contact(threads: list[Conversation], messages: list[Message]) -> None:
    contacts = {thread.contact_id: thread.contact for thread in threads}
    for thread in threads:
        contacts[thread.contact_id].total_conversations += 1
    for message in messages:
        if message.is_internal_note:
            continue
        contact = contacts[message.contact_id]
        contact.last_message_at = message.whatsapp_timestamp
        if message.direction == "inbound":
            contact.total_messages_received += 1
            contact.last_message_received_at = message.whatsapp_timestamp
        else:
            contact.total_messages_sent += 1
            contact.last_message_sent_at = message.whatsapp_timestamp
    Contact.objects.bulk_update(
        list(contacts.values()),
        [
            "total_conversations",
            "total_messages_received",
            "total_messages_sent",
            "last_message_at",
            "last_message_received_at",
            "last_message_sent_at",
        ],
        batch_size=500,
    )
