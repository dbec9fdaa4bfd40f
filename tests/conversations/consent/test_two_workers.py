"""One person says stop on two numbers at once, and two workers hear it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from conversations import handling
from conversations.models import ConsentEvent, Contact, Message
from pytake.infra import tenancy
from tests import make
from tests.conversations.channel.conftest import ANA, Provider, add_number, text
from tests.conversations.channel.test_concurrency import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
SECOND = "100000000000002"


def test_both_are_recorded_and_one_is_confirmed(transactional_db: None) -> None:
    organization = make.organization(name="Clínica Aurora")
    with tenancy.organization_context(organization.pk):
        add_number(organization)
        add_number(organization, phone_id=SECOND)
        provider = Provider(Client())
        provider.bring(text("wamid.1", "sair"))
        provider.bring(text("wamid.2", "sair"), phone_id=SECOND)
        now = timezone.now()

        def handle_one() -> int:
            return handling.handle_slice(organization.pk, now=now)

        assert sum(at_once(handle_one)) == 2

        assert ConsentEvent.objects.count() == 4
        assert Message.objects.filter(direction="outbound").count() == 1
        contact = Contact.objects.get(identities__value=ANA)
        assert (contact.opt_in, contact.accepts_bot) == (False, False)
