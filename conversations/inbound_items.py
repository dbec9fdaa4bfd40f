"""Items of deliveries: whose they are, and keeping those that are not messages or statuses of ours."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from conversations import payloads
from conversations.models import WebhookEvent, WebhookItem, WhatsAppNumber
from conversations.payloads import Item
from conversations.qr import reading
from pytake.core import phones


@dataclass(frozen=True, slots=True)
class Entry:
    """An item, the delivery it came in, and its number (None: not ours, or not covered by the signature)."""

    item: Item
    delivery_id: int
    number: WhatsAppNumber | None


def read(delivery: WebhookEvent) -> list[Item]:
    """Take a delivery apart, in the dialect of its provider; raises UnreadableError."""
    raw = bytes(delivery.raw_body)
    if delivery.provider == WebhookEvent.EVOLUTION:
        return reading.read(raw, number_id=delivery.number_id)
    return payloads.read(raw)


def of_delivery(
    items: Sequence[Item], delivery: WebhookEvent, numbers: Mapping[str | None, WhatsAppNumber]
) -> Iterator[Entry]:
    """Give the items of a delivery that concern its organization.

    What a delivery brings for several organizations is stored once for each: `elsewhere` lists the numbers whose
    items another one takes, and only one of them, the first, keeps what belongs to nobody.
    """
    covered = set(delivery.verified_number_ids)
    elsewhere = set(delivery.headers.get("elsewhere", ())) - {""}
    is_first = delivery.headers.get("first", True)
    accounts = {row.whatsapp_business_account_id: row for row in numbers.values() if str(row.pk) in covered}
    for item in items:
        if item.kind == "account" and (theirs := _of_account(item, numbers, covered)):
            yield from (Entry(item, delivery.pk, number) for number in theirs)
            continue
        number = accounts.get(item.account_id) if item.account_id else numbers.get(item.phone_number_id)
        if item.kind != "account" and number is not None and str(number.pk) in covered:
            yield Entry(item, delivery.pk, number)
        elif is_first and elsewhere.isdisjoint({item.phone_number_id, item.account_id}):
            yield Entry(item, delivery.pk, None)


def _of_account(item: Item, numbers: Mapping[str | None, WhatsAppNumber], covered: set[str]) -> list[WhatsAppNumber]:
    """Return the numbers that news of an account concern: the one whose phone it names, else all of the account."""
    mine = [
        number
        for number in numbers.values()
        if str(number.pk) in covered and item.account_id and number.whatsapp_business_account_id == item.account_id
    ]
    phone = "".join(filter(str.isdigit, str(item.payload["value"].get("display_phone_number") or "")))
    if not phone:
        return mine
    key = phones.canonical_key("phone", phone)
    return [number for number in mine if phones.canonical_key("phone", number.phone_number) == key]


def set_aside(entries: Sequence[Entry], organization_id: uuid.UUID, *, now: datetime, state: str, error: str) -> None:
    """Keep items whole; repeats fall out."""
    WebhookItem.objects.bulk_create(
        [
            WebhookItem(
                organization_id=organization_id,
                event_id=entry.delivery_id,
                number=entry.number,
                created_at=now,
                kind=entry.item.kind,
                dedupe_key=f"{organization_id.hex}:{entry.item.key}",
                payload={
                    "phone_number_id": entry.item.phone_number_id,
                    **({"account_id": entry.item.account_id} if entry.item.account_id else {}),
                    "item": entry.item.payload,
                },
                state=state,
                error=error[:2000],
            )
            for entry in entries
        ],
        ignore_conflicts=True,
    )
