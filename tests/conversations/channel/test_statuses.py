"""What the provider says became of messages: only upwards, in any order, each rung once."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import pytest

from conversations.models import Conversation, Message, MessageStatusEvent, WebhookItem
from notifications.models import RealtimeEvent
from pytake.accounts.models import Organization
from pytake.infra import tenancy
from tests import make
from tests.conversations.channel.conftest import Provider, add_number, change, process, status, text

pytestmark = pytest.mark.django_db
RUNGS = ["queued", "sent", "delivered", "read"]
ERROR: dict[str, Any] = {"errors": [{"code": 131026, "title": "Message undeliverable"}]}


def sent(thread: Conversation, wamid: str | None = "wamid.OUT", *, state: str = "accepted", **fields: Any) -> Message:
    return make.message(
        thread,
        "Até amanhã!",
        direction="outbound",
        sender_type="bot",
        status="queued",
        dispatch_state=state,
        whatsapp_message_id=wamid,
        **fields,
    )


def facts(message: Message) -> dict[str, Any]:
    message.refresh_from_db()
    names = ("status", "dispatch_state", "error_code", "error_title", "sent_at", "delivered_at", "read_at", "failed_at")
    return {name: getattr(message, name) for name in names}


def reports(*kinds: str) -> list[dict[str, Any]]:
    """Return statuses of one message as the provider timed them, whatever the order in which they come."""
    times = {"sent": 1, "delivered": 5, "read": 9, "played": 10, "failed": 11}
    return [
        status("wamid.OUT", kind, at=1795000000 + times[kind], **(ERROR if kind == "failed" else {})) for kind in kinds
    ]


@pytest.mark.parametrize("order", list(permutations(["sent", "delivered", "read"])), ids="-".join)
def test_a_message_never_goes_back(provider: Provider, thread: Conversation, order: tuple[str, ...]) -> None:
    message = sent(thread)
    reached = 0
    for report in reports(*order):
        provider.report(report)
        now = RUNGS.index(facts(message)["status"])
        assert now >= reached
        reached = now

    last = facts(message)
    assert (last["status"], last["dispatch_state"]) == ("read", "accepted")
    assert last["sent_at"] < last["delivered_at"] < last["read_at"]


@pytest.mark.parametrize(
    ("kinds", "ends_as"),
    [
        (["sent", "delivered", "read", "failed"], ("read", "accepted")),
        (["sent", "delivered", "failed"], ("delivered", "accepted")),
        (["sent", "failed"], ("failed", "failed")),
        (["failed"], ("failed", "failed")),
        (["delivered", "played"], ("read", "accepted")),
    ],
)
@pytest.mark.parametrize("state_before", ["accepted", "unknown"])
def test_any_order_ends_as_the_ordered_run(
    provider: Provider, thread: Conversation, kinds: list[str], ends_as: tuple[str, str], state_before: str
) -> None:
    ends = []
    orders = list(permutations(kinds))
    for number, (order, together) in enumerate(product(orders, [False, True])):
        message = sent(thread, f"wamid.{number}", state=state_before)
        rows = [{**row, "id": f"wamid.{number}"} for row in reports(*order)]
        for batch in [rows] if together else [[row] for row in rows]:
            provider.report(*batch)
        ends.append(facts(message))

    assert all(end == ends[0] for end in ends)
    assert (ends[0]["status"], ends[0]["dispatch_state"]) == ends_as
    assert (ends[0]["error_code"] == "131026") == (ends_as[0] == "failed")
    assert (ends[0]["failed_at"] is not None) == (ends_as[0] == "failed")


@pytest.mark.parametrize("state", ["queued", "sending", "unknown", "abandoned"])
def test_a_status_that_names_our_id_proves_the_send(provider: Provider, thread: Conversation, state: str) -> None:
    message = sent(thread, None, state=state)

    provider.report(status("wamid.LEARNT", "sent", biz_opaque_callback_data=str(message.pk)))

    message.refresh_from_db()
    assert (message.dispatch_state, message.status) == ("accepted", "sent")
    assert message.whatsapp_message_id == "wamid.LEARNT"


def test_a_failure_that_names_our_id_settles_an_unknown_outcome(provider: Provider, thread: Conversation) -> None:
    message = sent(thread, None, state="unknown", error_code="no_answer", error_title="TimeoutError")

    provider.report(status("wamid.X", "failed", biz_opaque_callback_data=str(message.pk), **ERROR))

    assert facts(message)["dispatch_state"] == "failed"
    assert (message.error_code, message.error_title) == ("131026", "Message undeliverable")


def test_a_status_before_its_message_waits(provider: Provider, number: Any) -> None:
    provider.report(status("wamid.EARLY", "delivered", biz_opaque_callback_data="not-an-id"))

    early = MessageStatusEvent.objects.get()
    assert (early.message_id, early.status, early.whatsapp_message_id) == (None, "delivered", "wamid.EARLY")


def test_repeats_leave_one_status_and_tell_the_pages_once(provider: Provider, thread: Conversation) -> None:
    sent(thread)
    for _ in range(10):
        provider.report(*reports("delivered"), *reports("delivered"))

    assert MessageStatusEvent.objects.count() == 1
    assert RealtimeEvent.objects.filter(event_type="message:status").count() == 1


def test_participants_of_a_group_have_a_status_each(provider: Provider, thread: Conversation) -> None:
    sent(thread)
    for who in ("a", "b", "a"):
        provider.report(status("wamid.OUT", "delivered", recipient_participant_id=who))
    assert MessageStatusEvent.objects.count() == 2


def test_a_status_cannot_change_what_a_customer_wrote(provider: Provider, thread: Conversation) -> None:
    provider.bring(text("wamid.IN"))

    provider.report(status("wamid.IN", "read"))

    message = Message.objects.get(whatsapp_message_id="wamid.IN")
    assert (message.status, message.read_at) == ("received", None)


def test_a_status_of_another_number_or_organization_changes_nothing(
    provider: Provider, thread: Conversation, other_organization: Organization
) -> None:
    message = sent(thread)
    before = facts(message)
    add_number(thread.organization, phone_id="100000000000002")
    add_number(other_organization, phone_id="100000000000009", secret="theirs")
    forged = status("wamid.OUT", "read", biz_opaque_callback_data=str(message.pk))

    provider.report(forged, phone_id="100000000000002")
    provider.report(forged, phone_id="100000000000009", secret="theirs")

    assert facts(message) == before
    with tenancy.organization_context(other_organization.pk):
        assert MessageStatusEvent.objects.get().message_id is None


@pytest.mark.parametrize(
    "odd",
    [
        {"id": None, "status": "sent"},
        {"id": 5, "status": "sent"},
        {"id": "wamid.OUT"},
        {"id": "wamid.OUT", "status": ["sent"]},
        {"id": "wamid.OUT", "status": "teleported"},
        {},
    ],
)
def test_a_status_without_sense_is_kept_and_the_next_is_applied(
    provider: Provider, thread: Conversation, odd: dict[str, Any]
) -> None:
    message = sent(thread)

    provider.post(change(statuses=[odd, *reports("delivered")]))
    process()

    assert facts(message)["status"] == "delivered"
    item = WebhookItem.objects.get()
    assert (item.payload["item"], item.state) == (odd, "parked")


@pytest.mark.parametrize("timestamp", [None, "", "soon", "nan", "1e400", "-1e15", [], "99999999999999999999", True])
def test_an_odd_time_does_not_stop_a_status(provider: Provider, thread: Conversation, timestamp: Any) -> None:
    message = sent(thread)
    provider.report({**status("wamid.OUT", "sent"), "timestamp": timestamp})
    assert facts(message)["status"] == "sent"


@pytest.mark.parametrize("errors", [None, {}, "x", [], [None], ["x"], [{}], [{"code": None, "title": {"a": 1}}]])
def test_odd_errors_do_not_stop_a_failure(provider: Provider, thread: Conversation, errors: Any) -> None:
    message = sent(thread)
    provider.report(status("wamid.OUT", "failed", errors=errors, pricing=errors))
    assert facts(message)["status"] == "failed"
