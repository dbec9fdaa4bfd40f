"""The inbox's actions by name, and what a row and a header say about a thread's state."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.inbox import people, sending, threads
from conversations.inbox.forms import ActionForm, ReactForm, TransferForm, WriteForm
from conversations.models import Conversation, Message
from conversations.models.threads import LIVE
from pytake.accounts.member_request import MemberRequest
from pytake.accounts.models import User
from pytake.core.errors import DomainError, NotFoundError

NOT_ALLOWED: Final = gettext_lazy("Your role does not include this action.")
# What is offered for reacting; those that WhatsApp offers first.
EMOJIS: Final = ("👍", "❤️", "😂", "😮", "😢", "🙏")
_S = Conversation.Status
Said = str | Promise


@dataclass(frozen=True, slots=True)
class Action:
    """A verb of the inbox; `run` returns what to tell the person (empty: nothing)."""

    permission: str
    run: Callable[[Conversation, MemberRequest, datetime], Said]


def _take(row: Conversation, request: MemberRequest, now: datetime) -> Said:
    threads.take(row, by=request.user, now=now, version=_version(request))
    return _("The conversation is yours")


def _hand_back(row: Conversation, request: MemberRequest, now: datetime) -> Said:
    threads.hand_back(row, by=request.user, now=now, version=_version(request))
    return _("The bot answers again")


def _resolve(row: Conversation, request: MemberRequest, now: datetime) -> Said:
    threads.close(row, by=request.user, now=now, resolved=True, version=_version(request))
    return _("Conversation resolved")


def _close(row: Conversation, request: MemberRequest, now: datetime) -> Said:
    threads.close(row, by=request.user, now=now, resolved=False, version=_version(request))
    return _("Conversation closed")


def _reopen(row: Conversation, request: MemberRequest, now: datetime) -> Said:
    reopened = threads.reopen(row, by=request.user, now=now, version=_version(request))
    threads.take(reopened, by=request.user, now=now)
    return _("Conversation reopened")


def _transfer(row: Conversation, request: MemberRequest, now: datetime) -> Said:
    data = _clean(TransferForm(request.POST))
    department = data["department"]
    threads.transfer(row, department=department, by=request.user, now=now, note=data["note"], version=data["version"])
    return _("Transferred to %(department)s") % {"department": department}


def _reply(row: Conversation, request: MemberRequest, now: datetime) -> Said:
    form = WriteForm(request.POST, request.FILES)
    data = _clean(form)
    key, quoted = data["client_key"] or None, _message(row, data["reply_to"])
    if data["file"]:
        sending.send_file(
            row, data["file"], text=data["text"], by=request.user, now=now, client_key=key, reply_to=quoted
        )
    else:
        threads.reply(row, text=data["text"], by=request.user, now=now, client_key=key, reply_to=quoted)
    return ""


def _react(row: Conversation, request: MemberRequest, now: datetime) -> Said:
    data = _clean(ReactForm(request.POST))
    message = _message(row, data["message"])
    if message is None:
        raise NotFoundError(_("There is no such message in this conversation."))
    threads.react(row, message, emoji=data["emoji"], by=request.user, now=now)
    return ""


def _message(row: Conversation, pk: uuid.UUID | None) -> Message | None:
    """Return a message of the thread that can be named to the provider."""
    found = Message.objects.filter(pk=pk, conversation=row, is_internal_note=False) if pk else Message.objects.none()
    return found.first()


def _note(row: Conversation, request: MemberRequest, now: datetime) -> Said:
    data = _clean(WriteForm(request.POST))
    threads.add_note(row, text=data["text"], by=request.user, now=now, client_key=data["client_key"] or None)
    return ""


def _retry(row: Conversation, request: MemberRequest, now: datetime) -> Said:
    wanted = request.POST.get("message", "")
    failed = Message.objects.filter(
        pk=_uuid_or_none(wanted) or row.pk, conversation=row, direction="outbound", status=Message.Status.FAILED
    ).first()
    if failed is None:
        raise NotFoundError(_("There is no failed message to send again."))
    # The key names the failed message: pressing twice sends once.
    sending.send_again(row, failed, by=request.user, now=now, client_key=f"retry-{failed.pk.hex}")
    return _("Sent again")


VERBS: Final = {
    "take": Action("conversations.reply", _take),
    "hand-back": Action("conversations.reply", _hand_back),
    "resolve": Action("conversations.reply", _resolve),
    "close": Action("conversations.reply", _close),
    "reopen": Action("conversations.reply", _reopen),
    "transfer": Action("conversations.assign", _transfer),
    "reply": Action("conversations.reply", _reply),
    "react": Action("conversations.reply", _react),
    "note": Action("conversations.reply", _note),
    "retry": Action("conversations.reply", _retry),
}
# What the toast offers for a while after an action.
UNDO: Final = {"resolve": "reopen", "close": "reopen"}


def _clean(form: forms.Form) -> dict[str, Any]:
    if not form.is_valid():
        fields = {name: [str(text) for text in texts] for name, texts in form.errors.items()}
        raise DomainError(next(iter(fields.values()))[0], fields={name: list(texts) for name, texts in fields.items()})
    return form.cleaned_data


def _version(request: MemberRequest) -> int | None:
    version: int | None = _clean(ActionForm(request.POST))["version"]
    return version


def _uuid_or_none(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


_CHIPS: Final = {
    _S.OPEN: ("bot", "", gettext_lazy("Bot")),
    _S.QUEUED: ("hourglass", "is-warn", gettext_lazy("Waiting")),
    _S.ACTIVE: ("headset", "is-accent", gettext_lazy("In progress")),
    _S.PENDING: ("clock", "", gettext_lazy("Waits for the customer")),
    _S.RESOLVED: ("circle-check", "is-ok", gettext_lazy("Resolved")),
    _S.CLOSED: ("archive", "", gettext_lazy("Closed")),
    _S.ARCHIVED: ("archive", "", gettext_lazy("Archived")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a person sees and may do about a thread now."""

    icon: str
    colour: str
    label: Said
    window: str
    is_live: bool
    is_mine: bool
    can_take: bool
    can_hand_back: bool
    can_write: bool
    can_reopen: bool
    can_send_template: bool
    blocked: str


def state(row: Conversation, user: User, *, now: datetime) -> State:
    """Judge the thread for this person."""
    icon, colour, label = _CHIPS[_S(row.status)]
    if row.status == _S.OPEN and not row.is_bot_active:
        icon, colour, label = "circle-alert", "is-warn", gettext_lazy("Nobody answers")
    live = row.status in LIVE
    mine = row.status == _S.ACTIVE and row.current_agent_id == user.pk
    may = user.can("conversations.reply")
    ended = row.closed_at or row.resolved_at
    blocked = _blocked(row, user, now=now)
    return State(
        icon=icon,
        colour=colour,
        label=label,
        window=window(row, now=now),
        is_live=live,
        is_mine=mine,
        can_take=may and live and not mine,
        can_hand_back=may and live and not (row.status == _S.OPEN and row.is_bot_active),
        can_write=not blocked,
        can_reopen=may and not live and ended is not None and now - ended <= timedelta(hours=threads.REOPEN_HOURS),
        can_send_template=may_send_template(row, user),
        blocked=blocked,
    )


def may_send_template(row: Conversation, user: User) -> bool:
    """Return whether this person may send a template: that needs no open window, only a live thread of theirs."""
    is_others = row.status == _S.ACTIVE and row.current_agent_id not in {None, user.pk}
    official = row.number.connection_type == row.number.ConnectionType.OFFICIAL
    return official and row.status in LIVE and not is_others and user.can("conversations.reply")


def _blocked(row: Conversation, user: User, *, now: datetime) -> str:
    """Return why this person cannot write now; empty when nothing stands in the way."""
    if not user.can("conversations.reply"):
        return _("You may read this conversation. Your role does not include answering.")
    if row.status not in LIVE:
        return _("This conversation has ended. Reopen it, or wait for the customer's next message.")
    if row.status == _S.ACTIVE and row.current_agent_id not in {None, user.pk}:
        return _("%(agent)s is answering. Take the conversation over if you need to write.") % {
            "agent": row.current_agent
        }
    if window(row, now=now) == "closed":
        return _(
            "The 24-hour window is closed: WhatsApp accepts free text only within 24 hours of the customer's last "
            "message. Send an approved template, or wait until the customer answers."
        )
    return ""


def window(row: Conversation, *, now: datetime) -> str:
    """Return the level of the 24-hour window: none, closed, bad (under 30 min), warn (under 4 h), ok."""
    if row.number.connection_type != "official":
        return "none"
    if row.window_expires_at is None or row.window_expires_at <= now:
        return "closed"
    left = row.window_expires_at - now
    if left < timedelta(minutes=30):
        return "bad"
    return "warn" if left < timedelta(hours=4) else "ok"


_SENDERS: Final = {
    "contact": "",
    "bot": "bot",
    "agent": "headset",
    "system": "zap",
    "api": "code",
    "campaign": "megaphone",
}


def row(row: Conversation, user: User, *, now: datetime, chosen: uuid.UUID | None, base: str) -> dict[str, Any]:
    """Return what a row of the list shows."""
    query = base.split("&c=", maxsplit=1)[0]
    return {
        "conversation": row,
        "title": people.title(row.contact, user),
        "state": state(row, user, now=now),
        "sender_icon": _SENDERS.get(row.last_message_sender, ""),
        "url": f"{query}&c={row.pk}",
        "here": row.pk == chosen,
    }
