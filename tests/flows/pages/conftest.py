"""A flow in the organization, and the booking example."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from flows import gallery, publishing
from flows.models import Flow
from pytake.accounts.models import Organization, User
from pytake.infra import tenancy
from tests import make
from tests.flows.engine.play import graph, node

SignIn = Callable[[User], Client]

HELLO = graph(
    [node("s", "start"), node("q", "question", text="Qual é o seu nome?", variable="nome"), node("z", "end")],
    ("s", "next", "q"),
    ("q", "next", "z"),
)
# The question's exit leads nowhere near the end, and nothing leads to the node z.
BROKEN = graph(
    [node("s", "start"), node("q", "question", text="", variable="nome"), node("z", "end")], ("s", "next", "q")
)


def as_text(raw: Any) -> str:
    return json.dumps(raw, ensure_ascii=False)


@pytest.fixture
def client_as() -> SignIn:
    """Sign a person in who reads English."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        client.cookies["django_language"] = "en"
        return client

    return sign_in


@pytest.fixture
def flow(organization: Organization, admin: User) -> Flow:
    """A flow with a draft of three nodes, never published."""
    with tenancy.organization_context(organization.pk):
        row = make.flow(make.chatbot(organization), name="Boas-vindas")
        return publishing.save_draft(row, HELLO, by=admin, now=timezone.now())


@pytest.fixture
def booking(organization: Organization, admin: User) -> Flow:
    """The booking example, published."""
    with tenancy.organization_context(organization.pk):
        bot = gallery.install(organization, "appointment_booking", by=admin, now=timezone.now())
        return Flow.objects.get(chatbot=bot)


@pytest.fixture
def fresh(organization: Organization) -> Callable[[Flow], Flow]:
    """Read a flow again."""

    def read(row: Flow) -> Flow:
        with tenancy.organization_context(organization.pk):
            return Flow.objects.get(pk=row.pk)

    return read
