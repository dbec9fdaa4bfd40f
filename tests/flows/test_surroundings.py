"""What a turn may know: globals of the chatbot, tags of the contact, after a message as after a timer."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from conversations.models import ContactTag, Message, Tag
from flows import timers
from flows.models import Chatbot
from pytake.accounts.models import Organization, User
from tests import make
from tests.flows import world
from tests.flows.engine.play import graph, node


def test_globals_of_the_chatbot_are_known(in_organization: Organization, admin: User) -> None:
    raw = graph([node("s", "start"), node("m", "message", text="Fone: {{clinic_phone}}")], ("s", "next", "m"))
    number, _ = world.answering(in_organization, admin, raw)
    Chatbot.objects.update(global_variables={"clinic_phone": "3322-1100"})

    assert world.say(make.conversation(number)) == ["Fone: 3322-1100"]


def test_a_timer_knows_what_a_message_knows(in_organization: Organization, admin: User) -> None:
    raw = graph(
        [
            node("s", "start"),
            node("d", "delay", mode="duration", amount=60, unit="seconds"),
            node("m", "message", text="{{clinic_phone}} {{contact.tags}}"),
        ],
        ("s", "next", "d"),
        ("d", "next", "m"),
    )
    number, _ = world.answering(in_organization, admin, raw)
    Chatbot.objects.update(global_variables={"clinic_phone": "3322-1100"})
    thread = make.conversation(number)
    tag = Tag.objects.create(organization=in_organization, name="vip")
    ContactTag.objects.create(organization=in_organization, contact=thread.contact, tag=tag)
    world.say(thread)

    later = timezone.now() + timedelta(seconds=61)
    timers.fire_due(until=later + timedelta(seconds=1), clock=lambda: later)

    said = Message.objects.get(conversation=thread, direction="outbound").text
    assert said.startswith("3322-1100")
    assert "vip" in said
