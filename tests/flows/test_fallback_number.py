"""The number flagged as fallback: what it answers with is used where nothing else answers."""

from __future__ import annotations

from conversations.models import WhatsAppNumber
from flows import routing
from pytake.accounts.models import Organization, User
from tests import make
from tests.flows import world


def test_its_default_flow_answers_on_numbers_without_one(in_organization: Organization, admin: User) -> None:
    spare, flow = world.answering(in_organization, admin)
    bare = make.conversation(make.number(in_organization))
    WhatsAppNumber.objects.filter(pk=spare.pk).update(default_flow=flow)
    routing.forget()
    before = world.say(bare, "oi")

    WhatsAppNumber.objects.filter(pk=spare.pk).update(is_fallback=True)
    routing.forget()
    other = make.conversation(make.number(in_organization))

    assert (before, world.say(other, "oi")) == ([], ["Qual é o seu nome?"])
