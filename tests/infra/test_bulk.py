"""Inserting as JSON: the same rows as the ORM would write, and the same walls."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from conversations.models import Contact, Conversation, Message, Tag
from notifications.models import RealtimeEvent
from pytake.accounts.models import Organization
from pytake.infra import bulk, tenancy
from tests import make

ODD = "aspas \" e ' e \\ e {chaves} e %s e 👍🏽 e\nlinha"


@pytest.fixture
def thread(in_organization: Organization) -> Conversation:
    return make.conversation(make.number(in_organization))


def test_instances_arrive_as_they_are(thread: Conversation) -> None:
    sent = datetime(2026, 11, 21, 9, 30, 15, 123456, tzinfo=UTC)
    rows = [
        Message(
            organization_id=thread.organization_id,
            conversation=thread,
            number_id=thread.number_id,
            contact_id=thread.contact_id,
            direction="inbound",
            sender_type="contact",
            status=Message.Status.RECEIVED,
            content={"text": {"body": ODD}, "n": [1, 2.5, None, True]},
            text=f"{index} {ODD}",
            whatsapp_timestamp=sent,
        )
        for index in range(3)
    ]

    with CaptureQueriesContext(connection) as queries:
        bulk.insert(Message, rows)

    assert len(queries) == 1
    stored = list(Message.objects.order_by("created_at"))
    assert [row.pk for row in stored] == [row.pk for row in rows]
    assert stored[1].text == f"1 {ODD}"
    assert stored[1].content == {"text": {"body": ODD}, "n": [1, 2.5, None, True]}
    assert (stored[2].whatsapp_timestamp, stored[2].status, stored[2].not_before) == (sent, "received", None)


def test_mappings_get_defaults_and_keys(in_organization: Organization) -> None:
    bulk.insert(Tag, [{"organization_id": in_organization.pk, "name": f"t{i}"} for i in range(2)])
    event = {"organization_id": in_organization.pk, "room": "r", "event_type": "e", "created_at": datetime.now(UTC)}
    bulk.insert(RealtimeEvent, [{**event, "data": {"a": 1}}, {**event, "data": {}}])

    tags = list(Tag.objects.order_by("created_at"))
    assert [(tag.name, tag.color, tag.description) for tag in tags] == [("t0", "#64748B", ""), ("t1", "#64748B", "")]
    assert tags[0].pk != tags[1].pk
    assert list(RealtimeEvent.objects.order_by("id").values_list("data", "seq")) == [({"a": 1}, None), ({}, None)]


def test_nothing_is_no_statement(in_organization: Organization) -> None:
    with CaptureQueriesContext(connection) as queries:
        bulk.insert(Tag, [])

    assert len(queries) == 0


def test_rows_of_others_are_refused(in_organization: Organization, other_organization: Organization) -> None:
    with pytest.raises(tenancy.OrganizationContextError):
        bulk.insert(Tag, [{"organization_id": other_organization.pk, "name": "x"}])


def test_the_database_refuses_links_into_other_organizations(
    in_organization: Organization, other_organization: Organization
) -> None:
    with tenancy.organization_context(other_organization.pk):
        foreign = make.contact(other_organization)
    number = make.number(in_organization)
    row = Conversation(organization_id=in_organization.pk, number=number, contact=foreign)

    bulk.insert(Conversation, [row])

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    transaction.set_rollback(True)


def test_conflicts_are_ignored_on_request(in_organization: Organization) -> None:
    key = uuid.uuid4()
    bulk.insert(Contact, [Contact(id=key, organization_id=in_organization.pk, name="a")])
    again = [Contact(id=key, organization_id=in_organization.pk, name="b")]

    bulk.insert(Contact, again, ignore_conflicts=True)

    assert Contact.objects.get(pk=key).name == "a"


def test_a_fresh_row_is_what_the_constructor_makes(thread: Conversation) -> None:
    values = {
        "organization_id": thread.organization_id,
        "conversation": thread,
        "number_id": thread.number_id,
        "contact_id": thread.contact_id,
        "sender_user": None,
        "direction": "outbound",
        "text": ODD,
    }

    row, usual = bulk.fresh(Message, **values), Message(**values)

    own = {"id", "callback_data", "_state"}
    assert {k: v for k, v in row.__dict__.items() if k not in own} == {
        k: v for k, v in usual.__dict__.items() if k not in own
    }
    assert (row.conversation, row.sender_user, row._state.adding) == (thread, None, True)
    assert row.extra is not bulk.fresh(Message, **values).extra
    row.save()
    assert Message.objects.get(pk=row.pk).text == ODD


def test_a_fresh_row_knows_its_fields(thread: Conversation) -> None:
    with pytest.raises(TypeError, match="no field mood"):
        bulk.fresh(Message, mood="good")
