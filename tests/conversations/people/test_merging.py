"""Merging contacts, undoing it, and contacts that the provider proves to be one."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from conversations import contacts
from conversations.consent import ledger
from conversations.contacts import Sender
from conversations.models import (
    ConsentEvent,
    Contact,
    ContactIdentity,
    ContactMatch,
    ContactMerge,
    ContactTag,
    Conversation,
    Tag,
    WhatsAppNumber,
)
from conversations.people import merge_queue, merging
from pytake.accounts.models import Organization, User
from pytake.core.errors import ConflictError
from pytake.infra import tenancy
from tests import make


@pytest.fixture
def number(in_organization: Organization) -> WhatsAppNumber:
    return make.number(in_organization)


def history(number: WhatsAppNumber, contact: Contact, *, received: int, sent: int) -> Conversation:
    thread = make.conversation(number, contact)
    for _ in range(received):
        make.message(thread, whatsapp_timestamp=timezone.now())
    for _ in range(sent):
        make.message(thread, direction="outbound", sender_type="bot", status="delivered", sent_at=timezone.now())
    return thread


def opted_out(contact: Contact) -> None:
    now = timezone.now()
    fact = ledger.Fact(contact_id=contact.pk, purpose="marketing", action="opt_out", source="keyword", at=now)
    ledger.record([fact], now=now)


def test_everything_moves_and_everything_comes_back(
    in_organization: Organization, number: WhatsAppNumber, agent: User
) -> None:
    keep = make.contact(in_organization, name="Joana", wa_id="5511987654321")
    gone = make.contact(in_organization, name="Jô", email="jo@exemplo.com.br", wa_id="552133334444", is_vip=True)
    tag = Tag.objects.create(organization=in_organization, name="Cliente")
    ContactTag.objects.create(organization=in_organization, contact=gone, tag=tag)
    first, second = history(number, keep, received=2, sent=1), history(number, gone, received=3, sent=2)
    opted_out(gone)

    row = merging.merge(keep.pk, gone.pk, reason="mesma pessoa", by=agent, request=None, now=timezone.now())

    keep.refresh_from_db()
    second.refresh_from_db()
    assert (keep.name, keep.email, keep.is_vip, keep.opt_in) == ("Joana", "jo@exemplo.com.br", True, False)
    assert (keep.total_messages_received, keep.total_messages_sent, keep.total_conversations) == (5, 3, 2)
    assert set(keep.identities.values_list("value", flat=True)) == {"5511987654321", "552133334444"}
    assert (second.contact_id, second.status, second.messages.values_list("contact_id").distinct().get()) == (
        keep.pk, "closed", (keep.pk,),
    )  # fmt: skip
    assert [tag.name for tag in keep.tags.all()] == ["Cliente"]
    assert not Contact.objects.filter(pk=gone.pk, deleted_at=None).exists()

    merging.undo(row, by=agent, request=None, now=timezone.now())

    keep.refresh_from_db()
    gone.refresh_from_db()
    second.refresh_from_db()
    first.refresh_from_db()
    assert (keep.email, keep.is_vip, keep.opt_in, gone.opt_in) == ("", False, True, False)
    assert (keep.total_messages_received, gone.total_messages_received, gone.deleted_at) == (2, 3, None)
    assert (first.contact_id, second.contact_id, second.status) == (keep.pk, gone.pk, "open")
    assert (gone.identities.get().value, gone.identities.get().is_primary) == ("552133334444", True)
    assert ConsentEvent.objects.get().contact_id == gone.pk
    with pytest.raises(ConflictError):
        merging.undo(ContactMerge.objects.get(pk=row.pk), by=agent, request=None, now=timezone.now())


def test_people_choose_whose_value_wins_and_later_edits_survive_the_undo(
    in_organization: Organization, agent: User
) -> None:
    keep = make.contact(in_organization, name="Joana", company="Velha")
    gone = make.contact(in_organization, name="Joana Prado", company="Nova")
    choice = {"name": "merge", "company": "keep"}

    row = merging.merge(keep.pk, gone.pk, winners=choice, by=agent, request=None, now=timezone.now())
    keep.refresh_from_db()
    assert (keep.name, keep.company) == ("Joana Prado", "Velha")
    Contact.objects.filter(pk=keep.pk).update(name="Joana P.")
    merging.undo(row, by=agent, request=None, now=timezone.now())

    keep.refresh_from_db()
    assert keep.name == "Joana P."


def test_undo_ends_after_thirty_days(in_organization: Organization, agent: User) -> None:
    keep, gone = make.contact(in_organization), make.contact(in_organization)
    row = merging.merge(keep.pk, gone.pk, by=agent, request=None, now=timezone.now() - timedelta(days=31))

    with pytest.raises(ConflictError):
        merging.undo(row, by=agent, request=None, now=timezone.now())


@pytest.mark.parametrize("second", [("bsuid", "BR.abc123"), ("lid", "123456789012345@lid"), ("wa_id", "552133334444")])
def test_a_payload_with_addresses_of_two_contacts_makes_them_one(
    in_organization: Organization, number: WhatsAppNumber, second: tuple[str, str]
) -> None:
    phone = ("wa_id", "5511987654321")
    now = timezone.now()
    one, other = contacts.resolve(
        [Sender(addresses=(phone,)), Sender(addresses=(second,))], organization_id=in_organization.pk, now=now
    )
    assert one is not None
    assert other is not None

    contacts.resolve([Sender(addresses=(second, phone))], organization_id=in_organization.pk, now=now)
    done = merge_queue.merge_waiting(until=now + timedelta(minutes=1), clock=timezone.now)

    assert (done, ContactMatch.objects.get().state) == (1, "merged")
    assert {row.contact_id for row in ContactIdentity.objects.all()} == {one.pk}
    assert ContactMerge.objects.get().evidence["source"] == "provider"


@pytest.mark.parametrize("spelling", ["551187654321", "5511987654321"])
def test_a_person_with_or_without_the_ninth_digit_is_one_contact(in_organization: Organization, spelling: str) -> None:
    known = make.contact(in_organization, wa_id="5511987654321")

    found = contacts.resolve(
        [Sender(addresses=(("wa_id", spelling),))], organization_id=in_organization.pk, now=timezone.now()
    )

    assert [contact.pk for contact in found if contact] == [known.pk]


def test_what_arrives_late_for_a_merged_contact_is_brought_home(
    in_organization: Organization, number: WhatsAppNumber, agent: User
) -> None:
    keep, gone = make.contact(in_organization), make.contact(in_organization)
    merging.merge(keep.pk, gone.pk, by=agent, request=None, now=timezone.now())
    late = history(number, gone, received=1, sent=0)

    merge_queue.merge_waiting(until=timezone.now() + timedelta(minutes=1), clock=timezone.now)

    late.refresh_from_db()
    keep.refresh_from_db()
    assert (late.contact_id, keep.total_messages_received) == (keep.pk, 1)


@pytest.mark.django_db(transaction=True)
def test_two_merges_of_the_same_pair_at_once_make_one(organization: Organization) -> None:
    with tenancy.organization_context(organization.pk):
        one, other = make.contact(organization), make.contact(organization)
    outcomes: list[str] = []
    ready = threading.Barrier(2)

    def run(keep: Contact, gone: Contact) -> None:
        try:
            with tenancy.organization_context(organization.pk):
                ready.wait()
                merging.merge(keep.pk, gone.pk, by=None, request=None, now=timezone.now())
            outcomes.append("merged")
        except Exception as exc:  # noqa: BLE001  # whatever it is, the test shows it
            outcomes.append(type(exc).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in ((one, other), (other, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["NotFoundError", "merged"]
