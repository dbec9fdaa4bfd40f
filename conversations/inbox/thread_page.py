"""What the page of one thread shows: bubbles, events, days; ticks, failures and their advice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.inbox import arrived, bonds, failures, files, sent
from conversations.inbox.arrived import Arrived
from conversations.inbox.bonds import Bonds, Quote
from conversations.models import Conversation, ConversationEvent, Message
from pytake.infra import marks

PAGE: Final = 50
PAGE_MAX: Final = 1000
# More messages than a turn can have; more than this the database cannot compare.
_SEQUENCES: Final = 1_000_000
_D = Message.DispatchState

ADVICE: Final[dict[str, str | Promise]] = {
    "131047": gettext_lazy("More than 24 hours passed since the customer's last message. Wait for an answer."),
    "131026": gettext_lazy("The number may not have WhatsApp, or did not accept the terms. Check the number."),
    "131056": gettext_lazy("Too many messages to this person in a short time. Try again in a minute."),
    "130429": gettext_lazy("The number sends too fast. Try again in a minute."),
    "131048": gettext_lazy("WhatsApp limits this number because people reported it. Talk to an administrator."),
    "131042": gettext_lazy("There is a problem with the payment of the WhatsApp account. Talk to an administrator."),
    "190": gettext_lazy("The access token of the number is not valid any more. Talk to an administrator."),
    "131051": gettext_lazy("WhatsApp does not accept this kind of message."),
    "131053": gettext_lazy("WhatsApp could not use the file. Send it again, or save it in another format."),
    "100": gettext_lazy("WhatsApp did not accept the file or the message. Try another format."),
    "no_file": gettext_lazy("The file is not here any more. Attach it again."),
}


@dataclass(slots=True, kw_only=True)
class Bubble:
    """A message as the thread shows it."""

    message: Message
    side: str
    who: str
    options: list[str] = field(default_factory=list)
    header: str = ""
    footer: str = ""
    menu: str = ""
    link: tuple[str, str] | None = None
    arrived: Arrived | None = None
    file: files.Shown | None = None
    quote: Quote | None = None
    reactions: list[str] = field(default_factory=list)
    former: Arrived | None = None
    is_edited: bool = False
    is_deleted: bool = False
    tick: str = ""
    tick_label: str | Promise = ""
    problem: str = ""
    advice: str | Promise = ""
    can_retry: bool = False
    can_edit: bool = False
    can_quote: bool = False
    can_react: bool = False
    our_reaction: str = ""
    kind: str = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """A line of the timeline."""

    at: datetime
    key: str
    icon: str
    text: str
    kind: str = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A separator between days."""

    day: date
    kind: str = "day"


Item = Bubble | Happening | Day


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Items oldest first. `first` marks the oldest message shown; `older` is set when there are earlier ones."""

    items: list[Item]
    first: str
    older: str


def read(conversation: Conversation, *, before: str = "", since: str = "") -> Page:
    """Return the last messages, those before a mark, or all since a mark; events in between."""
    rows = Message.objects.filter(conversation=conversation).select_related("sender_user", "media")
    found = _messages(rows, before=before, since=since)
    more = len(found) > PAGE and not since
    if more:
        found = found[:PAGE]
    found.reverse()
    first = mark(found[0]) if found else ""
    events = ConversationEvent.objects.filter(conversation=conversation).order_by("created_at")
    if found and (more or since):
        events = events.filter(created_at__gte=found[0].created_at)
    if before and (point := _point(before)):
        events = events.filter(created_at__lt=point[0])
    more = more or (bool(since) and _messages(rows, before=since, since="") != [])
    return Page(
        items=_woven(found, list(events[:PAGE_MAX]), bonds.of(conversation, found)),
        first=first,
        older=first if more else "",
    )


def _messages(rows: QuerySet[Message], *, before: str, since: str) -> list[Message]:
    rows = rows.order_by("-created_at", "-sequence", "-pk")
    if (point := _point(since)) is not None:
        at, sequence, pk = point
        later = Q(created_at=at, sequence__gt=sequence) | Q(created_at=at, sequence=sequence, pk__gte=pk)
        return list(rows.filter(Q(created_at__gt=at) | later)[:PAGE_MAX])
    if (point := _point(before)) is not None:
        at, sequence, pk = point
        earlier = Q(created_at=at, sequence__lt=sequence) | Q(created_at=at, sequence=sequence, pk__lt=pk)
        rows = rows.filter(Q(created_at__lt=at) | earlier)
    return list(rows[: PAGE + 1])


def mark(message: Message) -> str:
    """Return the place of a message in its thread, for addresses."""
    return f"{message.created_at.isoformat()}~{message.sequence}~{message.pk}"


def _point(text: str) -> tuple[datetime, int, uuid.UUID] | None:
    try:
        at, sequence, pk = text.replace(" ", "+").split("~")
        place = marks.instant(at), int(sequence), uuid.UUID(pk)
    except ValueError:
        return None
    return place if abs(place[1]) < _SEQUENCES else None


def _woven(messages: list[Message], events: list[ConversationEvent], tied: Bonds) -> list[Item]:
    shared = sent.files_of(messages)
    lines: list[tuple[datetime, Item]] = [
        (message.created_at, bubble(message, tied, shared)) for message in messages if message.pk not in tied.absorbed
    ]
    lines += [(event.created_at, happening(event)) for event in events]
    lines.sort(key=lambda pair: pair[0])
    items: list[Item] = []
    day: date | None = None
    for at, item in lines:
        if (local := timezone.localdate(at)) != day:
            day = local
            items.append(Day(day=local))
        items.append(item)
    return items


def bubble(message: Message, tied: Bonds | None = None, shared: sent.Files | None = None) -> Bubble:
    """Say how a message is shown."""
    tied = tied or Bonds()
    item = Bubble(message=message, side="in" if message.direction == "inbound" else "out", who=_who(message))
    if message.is_internal_note:
        item.side = "note"
        return item
    item.quote = tied.quotes.get(message.pk)
    item.reactions = tied.reactions.get(message.pk, [])
    item.our_reaction = tied.ours.get(message.pk, "")
    item.can_quote = bool(message.whatsapp_message_id) and message.message_type not in arrived.EFFECTS
    item.can_react = item.can_quote and message.direction == "inbound"
    if message.direction == "inbound":
        _receive(item, tied)
        return item
    shown = sent.read(message, shared or {})
    item.header, item.footer, item.options, item.menu = shown.header, shown.footer, shown.options, shown.menu
    item.arrived, item.file, item.link = shown.parts, shown.file, shown.link
    _judge(item)
    return item


def _receive(item: Bubble, tied: Bonds) -> None:
    """Fill in a message of the customer, in its last version."""
    message = item.message
    item.file = files.of(message)
    item.arrived = arrived.read(message.content, text=message.text, has_file=item.file is not None)
    item.is_deleted = message.pk in tied.deleted
    edit = tied.edits.get(message.pk)
    if edit is not None:
        item.former, item.is_edited = item.arrived, True
        item.file = files.of(edit) or item.file
        item.arrived = arrived.read(edit.content, has_file=item.file is not None)
        item.arrived.said = ""


def _who(message: Message) -> str:
    if message.sender_user:
        return str(message.sender_user)
    return "" if message.direction == "inbound" else str(message.get_sender_type_display())


def _judge(item: Bubble) -> None:
    """Set tick, reason and advice of an outgoing message."""
    message = item.message
    if message.dispatch_state in {_D.UNKNOWN, _D.ABANDONED}:
        item.tick = "circle-help"
        item.tick_label = _("Not confirmed")
        item.problem = _("WhatsApp did not say whether it arrived. It is not sent again by itself.")
    elif message.status == Message.Status.FAILED or message.dispatch_state == _D.CANCELLED:
        item.tick = "circle-alert"
        item.tick_label = _("Not sent")
        item.problem = failures.reason(message)
        item.advice = ADVICE.get(message.error_code, "")
        item.can_retry = message.message_type not in {"reaction", "template"}
        item.can_edit = message.message_type == "text"
    else:
        item.tick = {"sent": "check", "delivered": "check-check", "read": "check-check"}.get(message.status, "clock")
        item.tick_label = message.get_status_display()


_ICONS: Final = {
    "assigned": "user-check", "transferred": "arrow-right-left", "handoff": "hand", "queued": "hourglass",
    "resolved": "circle-check", "closed": "archive", "reopened": "rotate-ccw", "flow_started": "workflow",
    "flow_ended": "workflow", "opened": "message-square", "snoozed": "clock",
}  # fmt: skip


def happening(event: ConversationEvent) -> Happening:
    """Say how a line of the timeline reads."""
    return Happening(at=event.created_at, key=str(event.pk), icon=_ICONS.get(event.kind, "info"), text=_sentence(event))


_SENTENCES: Final[dict[str, str | Promise]] = {
    "assigned": gettext_lazy("%(who)s took the conversation"),
    "transferred to": gettext_lazy("%(who)s transferred it to %(department)s"),
    "transferred": gettext_lazy("%(who)s took it over from %(former)s"),
    "handoff bot": gettext_lazy("%(who)s gave it back to the bot"),
    "handoff to": gettext_lazy("The bot passed it to %(department)s"),
    "handoff": gettext_lazy("The bot passed it to people"),
    "queued to": gettext_lazy("No bot answered: queued for %(department)s"),
    "queued": gettext_lazy("No bot answered: waiting for a person"),
    "resolved": gettext_lazy("%(who)s resolved the conversation"),
    "closed": gettext_lazy("%(who)s closed the conversation"),
    "reopened": gettext_lazy("%(who)s reopened the conversation"),
    "reopened by": gettext_lazy("The customer wrote again: reopened"),
    "flow_started": gettext_lazy("The flow %(flow)s began"),
    "flow_ended": gettext_lazy("The flow %(flow)s ended"),
    "opened": gettext_lazy("The conversation began"),
}


def _sentence(event: ConversationEvent) -> str:
    data: dict[str, Any] = event.data
    key = event.kind
    if data.get("to") == "bot":
        key = f"{key} bot"
    elif data.get("department") and f"{key} to" in _SENTENCES:
        key = f"{key} to"
    elif event.kind == "reopened" and not event.actor_label:
        key = "reopened by"
    values = {name: data.get(name, "") for name in ("department", "former", "flow")}
    return str(_SENTENCES.get(key, key)) % {**values, "who": event.actor_label or _("The system")}
