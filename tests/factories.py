"""factory-boy factories. Call them inside an organization context (fixtures in conftest provide one)."""

from __future__ import annotations

from datetime import timedelta

import factory
from django.utils import timezone

from conversations.models import Contact, ContactIdentity, Conversation, Department, Message, WhatsAppNumber
from flows.models import Chatbot, Flow
from pytake.accounts.models import Organization, Plan, User
from pytake.core import phones
from pytake.infra.ids import new_id


class PlanFactory(factory.django.DjangoModelFactory[Plan]):
    class Meta:
        model = Plan
        django_get_or_create = ("code",)

    code = "test"
    name = "Test"
    max_users = -1
    max_chatbots = -1
    max_whatsapp_numbers = -1
    max_contacts = -1
    max_departments = -1
    monthly_message_limit = -1
    max_campaigns_per_month = -1
    bot_turns_per_minute = 100_000
    max_automation_rate_per_hour = 100_000
    requests_per_minute = 100_000


class OrganizationFactory(factory.django.DjangoModelFactory[Organization]):
    class Meta:
        model = Organization

    name = factory.Sequence(lambda n: f"Clínica {n}")
    slug = factory.LazyFunction(lambda: f"org-{new_id().hex[-12:]}")
    plan = factory.SubFactory(PlanFactory)


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User

    email = factory.LazyFunction(lambda: f"person-{new_id().hex[-12:]}@example.com")
    full_name = factory.Sequence(lambda n: f"Pessoa {n}")
    role = User.Role.AGENT


class NumberFactory(factory.django.DjangoModelFactory[WhatsAppNumber]):
    class Meta:
        model = WhatsAppNumber

    phone_number = factory.Sequence(lambda n: f"55114004{n:04d}")
    display_name = "Clínica Aurora"
    phone_number_id = factory.LazyFunction(lambda: str(new_id().int % 10**15))
    status = WhatsAppNumber.Status.CONNECTED
    verified_at = factory.LazyFunction(timezone.now)
    limit_per_second = 0
    limit_per_minute = 0
    limit_per_hour = 0
    limit_per_day = 0


class ContactFactory(factory.django.DjangoModelFactory[Contact]):
    class Meta:
        model = Contact

    name = factory.Sequence(lambda n: f"Cliente {n}")


class IdentityFactory(factory.django.DjangoModelFactory[ContactIdentity]):
    class Meta:
        model = ContactIdentity

    kind = "wa_id"
    value = factory.Sequence(lambda n: f"55119{80000000 + n}")
    canonical_key = factory.LazyAttribute(lambda row: phones.canonical_key(row.kind, row.value))
    is_primary = True


class DepartmentFactory(factory.django.DjangoModelFactory[Department]):
    class Meta:
        model = Department

    name = "Atendimento"
    slug = factory.LazyFunction(lambda: f"dep-{new_id().hex[-10:]}")


class ConversationFactory(factory.django.DjangoModelFactory[Conversation]):
    class Meta:
        model = Conversation

    status = Conversation.Status.OPEN
    last_inbound_message_at = factory.LazyFunction(timezone.now)
    window_expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(hours=24))
    last_message_at = factory.LazyFunction(timezone.now)


class MessageFactory(factory.django.DjangoModelFactory[Message]):
    class Meta:
        model = Message

    direction = Message.Direction.INBOUND
    sender_type = Message.SenderType.CONTACT
    status = Message.Status.RECEIVED
    text = "oi"
    content = factory.LazyAttribute(lambda row: {"type": "text", "text": {"body": row.text}})


class ChatbotFactory(factory.django.DjangoModelFactory[Chatbot]):
    class Meta:
        model = Chatbot

    name = "Recepção"
    is_active = True


class FlowFactory(factory.django.DjangoModelFactory[Flow]):
    class Meta:
        model = Flow

    name = "Principal"
    is_main = True
