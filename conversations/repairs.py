"""What a person may do about what went wrong: send again, take up again. Nothing here runs by itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from conversations import outbox, service_window
from conversations.models import Message, UnhandledMessage, WebhookEvent, WebhookItem
from pytake.accounts import audit
from pytake.accounts.models import User
from pytake.core.errors import ConflictError
from pytake.infra.nudge import nudge

_ENDED_BADLY: Final = ("failed", "unknown", "abandoned")
# Nobody knows whether these have arrived.
UNCONFIRMED: Final = ("unknown", "abandoned")
# Repeating these within a day only makes things worse.
_SPARED: Final = frozenset({"131049", "130472"})
SPARED_FOR: Final = timedelta(hours=24)

_COPIED: Final = (
    "organization_id", "conversation_id", "number_id", "contact_id", "reply_to_id", "session_id", "sender_type",
    "message_type", "content", "text", "address_kind", "address_value", "priority", "is_test",
)  # fmt: skip


class NotRepeatableError(ConflictError):
    """The message is under way or has arrived, or is being repeated already."""

    code = "NOT_REPEATABLE"


class MayHaveArrivedError(ConflictError):
    """Nobody knows whether the message has arrived; sending it again takes somebody who accepts that."""

    code = "MAY_HAVE_ARRIVED"


def send_again(message: Message, *, by: User, now: datetime, may_repeat: bool = False) -> Message:
    """Write a new intent with the content of one that failed or (with `may_repeat`) has an unknown outcome.

    The old row keeps its story; the new one names it in `retry_of`. Raises NotRepeatableError, MayHaveArrivedError,
    WindowClosedError. With an unknown outcome the customer may get the text twice: people decide that.
    """
    outcome = send_all_again([message], by=by, now=now, may_repeat=may_repeat)
    if outcome.refused:
        raise outcome.refused[0][1]
    return outcome.sent[0]


@dataclass(frozen=True, slots=True)
class SentAgain:
    """What became of a wish to send messages again."""

    sent: Sequence[Message]
    refused: Sequence[tuple[Message, ConflictError]]


@transaction.atomic
def send_all_again(messages: Iterable[Message], *, by: User, now: datetime, may_repeat: bool = False) -> SentAgain:
    """Write new intents for those that may be sent again, in bulk; the others come back with the reason."""
    rows = Message.objects.filter(pk__in=[message.pk for message in messages]).order_by("pk")
    olds = list(rows.select_for_update(of=("self",)).select_related("conversation", "number"))
    under_way = set(
        Message.objects.filter(retry_of__in=olds)
        .exclude(dispatch_state__in=_ENDED_BADLY)
        .values_list("retry_of_id", flat=True)
    )
    pairs: list[tuple[Message, Message]] = []
    refused: list[tuple[Message, ConflictError]] = []
    for old in olds:
        refusal = _refusal(old, under_way=under_way, now=now, may_repeat=may_repeat)
        if refusal is None:
            pairs.append((old, _copy(old, by=by, now=now)))
        else:
            refused.append((old, refusal))
    fresh = [copy for _, copy in pairs]
    outbox.commit(fresh, now=now)
    _record(pairs, by=by)
    return SentAgain(sent=fresh, refused=refused)


def _refusal(old: Message, *, under_way: set[uuid.UUID], now: datetime, may_repeat: bool) -> ConflictError | None:
    if old.dispatch_state not in _ENDED_BADLY:
        return NotRepeatableError(_("Only messages that failed or have an unknown outcome can be sent again."))
    if old.pk in under_way:
        return NotRepeatableError(_("This message has been sent again already."))
    if old.dispatch_state in UNCONFIRMED and not may_repeat:
        return MayHaveArrivedError(_("This message may have arrived: sending it again could show it twice."))
    if old.error_code in _SPARED and old.failed_at is not None and now < old.failed_at + SPARED_FOR:
        return NotRepeatableError(_("WhatsApp spares this person further marketing: try again after 24 hours."))
    if old.message_type != "template" and not service_window.may_write(
        old.number.connection_type, old.conversation.window_expires_at, now
    ):
        return outbox.WindowClosedError(_("The 24-hour window is closed. Only approved templates can be sent."))
    return None


def _record(pairs: Sequence[tuple[Message, Message]], *, by: User) -> None:
    """Write an entry for one message, or one for all of them."""
    if len(pairs) == 1:
        old, fresh = pairs[0]
        changes: dict[str, object] = {"retry_of": str(old.pk), "was": old.dispatch_state}
        audit.record(action="message.sent_again", entity=fresh, by=by, changes=changes)
    elif pairs:
        changes = {"count": len(pairs), "messages": [str(old.pk) for old, _ in pairs]}
        audit.record(action="messages.sent_again", entity=None, by=by, changes=changes)


def _copy(old: Message, *, by: User, now: datetime) -> Message:
    scope = (old.extra or {}).get("scope")
    return Message(
        **{name: getattr(old, name) for name in _COPIED},
        retry_of=old,
        sender_user=by,
        direction=Message.Direction.OUTBOUND,
        status=Message.Status.QUEUED,
        dispatch_state=Message.DispatchState.QUEUED,
        extra={"scope": scope} if scope else {},
        created_at=now,
    )


@transaction.atomic
def handle_again(rows: Iterable[UnhandledMessage], *, by: User) -> int:
    """Put messages whose handling failed for good back into the queue; returns how many."""
    ids = [row.pk for row in rows]
    count = UnhandledMessage.objects.filter(pk__in=ids, is_dead=True).update(
        is_dead=False, attempts=0, not_before=None, error=""
    )
    if count:
        audit.record(action="messages.handled_again", entity=None, by=by, changes={"count": count})
        nudge("conversations.handle_messages")
    return count


@transaction.atomic
def read_again(items: Iterable[WebhookItem], *, by: User) -> int:
    """Read the deliveries of items that were set aside once more; returns the number of deliveries.

    Items that were understood the first time are recognised as repeats, so nothing doubles.
    """
    chosen = list(items)
    events = {item.event_id for item in chosen}
    # Gone before the delivery is read again: an item that fails again is set aside again.
    WebhookItem.objects.filter(pk__in=[item.pk for item in chosen]).delete()
    count = WebhookEvent.objects.filter(pk__in=events).update(state=WebhookEvent.State.NEW, attempts=0, error="")
    audit.record(action="deliveries.read_again", entity=None, by=by, changes={"count": count})
    nudge("conversations.process_webhooks")
    return count
