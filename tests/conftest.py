"""Who and with what: people, clients, the organization context."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

import pytest
from django.apps import apps
from django.test import Client, RequestFactory
from django.utils import timezone, translation
from rest_framework.test import APIClient

from pytake.accounts import sessions
from pytake.accounts.models import Organization, User
from pytake.infra import redis_client, tenancy
from tests import make


@pytest.fixture(autouse=True)
def _nobody_speaks_yet() -> Iterator[None]:
    """Forget the language and zone that a request of the test has activated in this thread."""
    yield
    translation.deactivate()
    timezone.deactivate()


@pytest.fixture
def organization(db: None) -> Organization:
    """The organization that most tests are about."""
    return make.organization(name="Clínica Aurora")


@pytest.fixture
def other_organization(db: None) -> Organization:
    """Somebody else's organization."""
    return make.organization(name="Outra Empresa")


@pytest.fixture
def in_organization(organization: Organization) -> Iterator[Organization]:
    """Run the test inside the organization's context."""
    with tenancy.organization_context(organization.pk):
        yield organization


@pytest.fixture
def admin(organization: Organization) -> User:
    """An administrator of the organization."""
    return make.user(organization, "org_admin", full_name="Alice Admin")


@pytest.fixture
def agent(organization: Organization) -> User:
    """An agent of the organization."""
    return make.user(organization, "agent", full_name="Bruno Agente")


@pytest.fixture
def viewer(organization: Organization) -> User:
    """Somebody who may only look."""
    return make.user(organization, "viewer", full_name="Vera Leitora")


@pytest.fixture
def stranger(other_organization: Organization) -> User:
    """An administrator of another organization."""
    return make.user(other_organization, "org_admin", full_name="Estranho")


@pytest.fixture
def client_as() -> Callable[[User], Client]:
    """Sign a person in to the pages."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return sign_in


@pytest.fixture
def api_as() -> Callable[[User], APIClient]:
    """Give a person a client of the API with an access token."""

    def sign_in(user: User) -> APIClient:
        pair = sessions.begin(user, request=RequestFactory().get("/"), now=timezone.now())
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access_token}")
        return client

    return sign_in


@pytest.fixture
def system_rows(db: None) -> None:
    """Write the plans and roles of the first migration again: transactional tests empty every table."""
    import_module("pytake.accounts.migrations.0004_system_rows").write(apps, None)


@pytest.fixture
def no_windows() -> None:
    """Forget what the rate limits have counted."""
    for counted in ("window:*", "*:allauth:rl:*"):
        for key in redis_client.client().scan_iter(redis_client.key(counted)):
            redis_client.client().delete(key)
