"""What a person may do about what went wrong: send again, take up again. Nothing here runs by itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
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

_COPIED: Final = (
    "organization_id", "conversation_id", "number_id", "contact_id", "reply_to_id", "session_id", "sender_type",
    "message_type", "content", "text", "address_kind", "address_value", "priority", "is_test",
)  # fmt: skip


class NotRepeatableError(ConflictError):
    """The message is under way or has arrived, or is being repeated already."""

    code = "NOT_REPEATABLE"


@transaction.atomic
def send_again(message: Message, *, by: User, now: datetime) -> Message:
    """Write a new intent with the content of one that failed or has an unknown outcome.

    The old row keeps its story; the new one names it in `retry_of`. Raises NotRepeatableError,
    WindowClosedError. With an unknown outcome the customer may get the text twice: people decide that.
    """
    old = Message.objects.select_for_update(of=("self",)).select_related("conversation", "number").get(pk=message.pk)
    if old.dispatch_state not in _ENDED_BADLY:
        raise NotRepeatableError(_("Only messages that failed or have an unknown outcome can be sent again."))
    if Message.objects.filter(retry_of=old).exclude(dispatch_state__in=_ENDED_BADLY).exists():
        raise NotRepeatableError(_("This message has been sent again already."))
    if not service_window.may_write(old.number.connection_type, old.conversation.window_expires_at, now):
        raise outbox.WindowClosedError(_("The 24-hour window is closed. Only approved templates can be sent."))
    fresh = _copy(old, by=by, now=now)
    outbox.commit([fresh], now=now)
    changes = {"retry_of": str(old.pk), "was": old.dispatch_state}
    audit.record(action="message.sent_again", entity=fresh, by=by, changes=changes)
    return fresh


def _copy(old: Message, *, by: User, now: datetime) -> Message:
    return Message(
        **{name: getattr(old, name) for name in _COPIED},
        retry_of=old,
        sender_user=by,
        direction=Message.Direction.OUTBOUND,
        status=Message.Status.QUEUED,
        dispatch_state=Message.DispatchState.QUEUED,
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
