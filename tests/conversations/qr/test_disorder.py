"""Faults by a seed: nothing leaves twice, nothing that people wrote is lost or doubled, statuses only rise."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from conversations.models import Message, WhatsAppNumber
from conversations.qr import watch
from tests import make
from tests.conversations.qr.conftest import Evolution, Say, drain

RANK = {"queued": 0, "sent": 1, "delivered": 2, "read": 3}
FAULTS = ({"do": "reset_after"}, {"do": "reset_before"}, {"do": "error_after"}, {"do": "http", "status": 500})


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_or_doubled(evolution: Evolution, number: WhatsAppNumber, say: Say, seed: int) -> None:
    rng = random.Random(seed)
    evolution.configure(duplicate=0.3, pending=0.1, lid=0.3)
    for fault in FAULTS:
        evolution.sim("faults", match={"p": 0.12}, seed=seed, **fault)
    threads = [
        make.conversation(number, make.contact(number.organization, wa_id=f"55119876501{n:02}")) for n in range(4)
    ]
    written: list[str] = []
    shown: dict[object, int] = {}
    for step in range(5):
        for n in range(3):
            say(f"{step}.{n}", to=rng.choice(threads))
        written.append(evolution.write(number, f"oi {step}", sender=f"55119876501{rng.randrange(4):02}"))
        drain(number, after=step * 20)
        evolution.advance(rng.choice([1, 30, 4000]))
        rng.shuffle(evolution.letters.kept)
        evolution.deliver(keep=rng.random() < 0.2)
        watch.watch(now=timezone.now() + timedelta(seconds=step * 20))
        for message in Message.objects.filter(direction="outbound"):
            assert RANK[message.status] >= shown.get(message.pk, 0)
            shown[message.pk] = RANK[message.status]
    evolution.call("DELETE", "/_sim/faults")
    drain(number, after=1000)
    watch.watch(now=timezone.now() + timedelta(seconds=1100))

    ledger = {row["text"]: row["wamid"] for row in evolution.ledger()}
    assert Counter(row["text"] for row in evolution.ledger()).most_common(1)[0][1] == 1
    ours = Message.objects.filter(direction="outbound")
    assert ours.count() == 15
    for message in ours:
        if message.dispatch_state == "accepted":
            assert message.whatsapp_message_id == ledger[message.text]
        else:
            assert message.dispatch_state == "unknown"
            assert message.whatsapp_message_id in {None, ledger.get(message.text)}
    # What left is known to have left, save what nobody acknowledges.
    assert all(m.whatsapp_message_id for m in ours if m.text in ledger)
    heard = Counter(Message.objects.filter(direction="inbound").values_list("whatsapp_message_id", flat=True))
    assert heard == Counter(written)
