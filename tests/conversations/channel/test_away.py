"""The fallback message of a number: once, when nobody but people will answer."""

from __future__ import annotations

import pytest

from conversations.models import Message, WhatsAppNumber
from tests import make
from tests.conversations.channel.conftest import Provider, handle, text

pytestmark = pytest.mark.django_db


def said() -> list[str]:
    return list(Message.objects.filter(direction="outbound").values_list("text", flat=True))


def test_it_is_said_once_when_a_thread_begins_to_wait(provider: Provider, number: WhatsAppNumber) -> None:
    make.department(number.organization)
    WhatsAppNumber.objects.filter(pk=number.pk).update(settings={"fallback_message": "Já vem alguém."})

    for wamid in ("wamid.A", "wamid.B"):
        provider.bring(text(wamid))
        handle()

    assert said() == ["Já vem alguém."]


def test_without_a_text_nothing_is_said(provider: Provider, number: WhatsAppNumber) -> None:
    make.department(number.organization)
    provider.bring(text("wamid.A"))
    handle()

    assert said() == []
