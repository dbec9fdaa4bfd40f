"""Every URL, every method, people of another organization: nobody sees or changes a row that is not theirs.

The walk follows the URL resolver, so that a new route is included by itself. A route with a parameter
that this file does not know fails the walk: add a sample, a row of the organization under test.
"""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern, RoutePattern
from rest_framework.test import APIClient

from conversations.inbox.actions import VERBS
from conversations.models import ContactImport, CustomField, Tag
from conversations.people.deeds import DEEDS
from pytake.accounts.models import ApiToken, Organization, RefreshToken, Role
from pytake.infra import redis_client, tenancy
from pytake.infra.ids import new_id
from tests import make

pytestmark = pytest.mark.slow

MARKER = "Segredo7f3a"
METHODS = ("get", "post", "put", "patch", "delete", "options")
# What visitors may reach without signing in, by name of the route.
PUBLIC = {
    "account_login", "account_logout", "account_signup", "account_inactive", "account_reset_password",
    "account_reset_password_done", "account_reset_password_from_key", "account_reset_password_from_key_done",
    "account_confirm_email", "account_email_verification_sent", "mfa_authenticate", "admin:login", "admin:jsi18n",
    "accounts-api:register", "accounts-api:login", "accounts-api:refresh", "accounts-api:password-forgot",
    "accounts-api:password-reset", "accounts-api:email-verify", "accounts-api:live", "accounts-api:ping",
    "accounts-api:schema", "accounts-api:docs", "accounts:health",
    "conversations-api:webhook", "conversations-api:webhook-meta", "conversations-api:webhook-verify",
}  # fmt: skip
# Routes that are left out, and why.
SKIPPED = {
    "metrics": "has a token of its own; without one, it answers this machine",
}
# Of which model the key in a page's path is: the first prefix that fits.
KEYS_OF_PAGES = {
    "/admin/r/": "accounts.User",
    "/inbox/contacts/setup/tags/": "conversations.Tag",
    "/inbox/contacts/setup/fields/": "conversations.CustomField",
    "/inbox/contacts/import/": "conversations.ContactImport",
    "/inbox/contacts/": "conversations.Contact",
    "/inbox/media/": "conversations.Message",
    "/inbox/numbers/": "conversations.WhatsAppNumber",
    "/inbox/": "conversations.Conversation",
    "/flows/": "flows.Flow",
    "/templates/": "conversations.WhatsAppTemplate",
}
# Parameters that are not keys of rows.
PLAIN: dict[str, tuple[str, ...]] = {
    "app_label": ("accounts", "conversations"),
    "format": ("json",),
    "url": ("nowhere",),
    "uidb36": ("x",),
    "key": ("y",),
    "verb": tuple(VERBS),
    "deed": tuple(DEEDS),
    "token": ("nothing",),
}


@dataclass(frozen=True)
class Route:
    """A URL pattern: its path with {parameters}, its name and view."""

    path: str
    name: str
    view: Any
    parameters: tuple[str, ...]


def routes(patterns: Any = None, prefix: str = "/", namespace: str = "") -> Iterator[Route]:
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + _path_of(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from routes(entry.url_patterns, path, inner)
        elif isinstance(entry, URLPattern):
            found = tuple(re.findall(r"{(\w+)}", path))
            yield Route(path, namespace + (entry.name or ""), entry.callback, found)


def _path_of(pattern: Any) -> str:
    if isinstance(pattern, RoutePattern):
        return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern))
    assert isinstance(pattern, RegexPattern), pattern
    text = re.sub(r"\(\?P<(\w+)>[^()]*(?:\([^()]*\)[^()]*)*\)", r"{\1}", pattern.regex.pattern)
    return text.replace("^", "").replace("$", "").replace("\\", "").replace("/?", "/")


def model_of(route: Route) -> type[models.Model] | None:
    """Return the model whose key a `pk` or `object_id` of the route is."""
    admin = getattr(route.view, "model_admin", None)
    if admin is not None:
        found: type[models.Model] = admin.model
        return found
    view = getattr(route.view, "cls", None) or getattr(route.view, "view_class", None)
    queryset = getattr(view, "queryset", None)
    if queryset is not None:
        return queryset.model  # type: ignore[no-any-return]  # a model
    return next((apps.get_model(label) for start, label in KEYS_OF_PAGES.items() if route.path.startswith(start)), None)


class Rows:
    """Rows of the organization under test: one of every model that can be made."""

    def __init__(self, organization: Organization) -> None:
        self.organization = organization
        with tenancy.organization_context(organization.pk):
            self._make(organization)
            self.by_model = {model: row for model in apps.get_models() if (row := self._first(model)) is not None}

    def _make(self, organization: Organization) -> None:
        owner = make.user(organization, "org_admin", full_name=f"{MARKER} owner", email=f"{MARKER.lower()}@example.com")
        number = make.number(organization, display_name=MARKER, phone_number="551140047777")
        contact = make.contact(organization, name=MARKER, wa_id="5511987659999")
        conversation = make.conversation(number, contact)
        make.media(make.message(conversation, text=MARKER), filename=MARKER)
        Tag.objects.create(organization=organization, name=MARKER)
        CustomField.objects.create(organization=organization, key="k", label=MARKER)
        ContactImport.objects.create(organization=organization, filename=MARKER, headers=[MARKER])
        make.department(organization, name=MARKER)
        make.flow(make.chatbot(organization, name=MARKER), name=MARKER)
        make.template(organization, name="segredo7f3a", body=MARKER)
        ApiToken.objects.create(
            organization=organization, name=MARKER, prefix="abc", token_hash="x" * 64, created_by=owner
        )
        Role.objects.create(organization=organization, name=MARKER)
        RefreshToken.objects.create(
            user=owner, family_id=new_id(), token_hash="y" * 64, expires_at="2099-01-01T00:00Z", user_agent=MARKER
        )

    def _first(self, model: type[models.Model]) -> models.Model | None:
        if model is Organization:
            return self.organization
        rows = model._default_manager.get_queryset()
        names = {field.name for field in model._meta.fields}
        if "organization" in names:
            rows = rows.filter(organization_id=self.organization.pk)
        elif "user" in names:
            rows = rows.filter(user__organization_id=self.organization.pk)
        else:
            return None
        return rows.order_by("pk").first()

    def named(self, parameter: str) -> str | None:
        """Return the key of the model that `<model>_id` or `<model>` names."""
        word = parameter.removesuffix("_id").removesuffix("_pk").replace("_", "")
        aliases = {
            "number": "whatsappnumber",
            "template": "whatsapptemplate",
            "identity": "contactidentity",
            "merge": "contactmerge",
            "agent": "user",
            "member": "user",
            "session": "conversationstate",
            "version": "flowversion",
        }
        for model, row in self.by_model.items():
            if model._meta.model_name == aliases.get(word, word):
                return str(row.pk)
        known = {model._meta.model_name for model in apps.get_models()}
        # A model without a row yet: any key must be refused.
        return str(uuid.uuid4()) if aliases.get(word, word) in known else None

    def sample(self, route: Route, parameter: str) -> str:
        """Return a key for a parameter of a route."""
        if parameter in {"pk", "object_id", "id"}:
            model = model_of(route)
            assert model is not None, (
                f"{route.path}: of which model is {parameter}? Add a queryset to the view or the path to KEYS_OF_PAGES."
            )
            if model is RefreshToken and "auth/sessions" in route.path:
                return str(RefreshToken.objects.get(pk=self.by_model[model].pk).family_id)
            row = self.by_model.get(model)
            return str(row.pk) if row is not None else str(uuid.uuid4())
        if parameter == "content_type_id":
            return "1"
        named = self.named(parameter)
        assert named is not None, f"{route.path}: no sample for the parameter {parameter!r}: add one to PLAIN or KEYS"
        return named

    def urls(self, route: Route) -> Iterator[str]:
        """Yield the route's path with samples filled in, once for each value of its plain parameters."""
        choices = [PLAIN.get(name) or (self.sample(route, name),) for name in route.parameters]
        for values in itertools.product(*choices):
            yield route.path.format(**dict(zip(route.parameters, values, strict=True)))

    def snapshot(self) -> dict[str, str]:
        """Return a digest of every table's rows of the organization."""
        found = {}
        with tenancy.platform_scope("test"), connection.cursor() as cursor:
            for model in apps.get_models():
                columns = {field.column for field in model._meta.fields}
                table = model._meta.db_table
                if "organization_id" in columns:
                    where = "organization_id = %s"
                elif model is Organization:
                    where = "id = %s"
                else:
                    continue
                cursor.execute(
                    f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM \"{table}\" t WHERE {where}",
                    [self.organization.pk],
                )
                found[table] = str(cursor.fetchone())
        return found


@pytest.fixture
def rows(organization: Organization) -> Rows:
    organization.name, organization.description = MARKER, MARKER
    organization.save()
    return Rows(organization)


def forget_windows() -> None:
    for counted in ("window:*", "*:allauth:rl:*"):
        for key in redis_client.client().scan_iter(redis_client.key(counted)):
            redis_client.client().delete(key)


BODY = {"name": "taken", "full_name": "taken", "status": "online", "text": "taken"}


def walk(rows: Rows, sign_in: Callable[[type[Client]], Client], *, visitor: bool) -> list[str]:
    """Call everything; return what should not have happened."""
    wrong, calls = [], 0
    places = [(url, route) for route in routes() if route.name not in SKIPPED for url in rows.urls(route)]
    for url, route in places:
        api = url.startswith("/api/")
        client = sign_in(APIClient if api else Client)  # anew for each route: some of them end the session
        for method in ("get", "post") if url.startswith("/admin/") else METHODS:
            calls += 1
            if calls % 100 == 1 or url.startswith("/accounts/"):
                forget_windows()
            kwargs: dict[str, Any] = {"data": BODY, "format": "json"} if api else {"data": BODY}
            if method in {"get", "options"} or (not api and method in {"put", "patch", "delete"}):
                kwargs = {}
            response = getattr(client, method)(url, **kwargs)
            if problem := judge(route, method, response, visitor=visitor):
                wrong.append(f"{method.upper()} {url} ({route.name}): {problem}")
    assert calls > 300, "the walk found too few routes: it is broken"
    return wrong


def judge(route: Route, method: str, response: Any, *, visitor: bool) -> str:
    """Say what is wrong with an answer."""
    body = b"".join(response.streaming_content) if response.streaming else response.content
    if MARKER.lower().encode() in body.lower():
        return "the answer shows the organization's data"
    status = response.status_code
    if status >= 500 and status != 503:
        return f"answers {status}"
    if status == 429:
        return "was limited, so nothing was tested"
    succeeded = 200 <= status < 300
    if visitor and succeeded and route.name not in PUBLIC:
        return f"a visitor gets {status}"
    keys = [name for name in route.parameters if name not in PLAIN]
    if keys and succeeded and method != "options" and route.name not in PUBLIC:
        return f"answers {status} for a row of another organization"
    return ""


def test_visitors_reach_what_is_public_and_nothing_else(rows: Rows) -> None:
    before = rows.snapshot()

    wrong = walk(rows, lambda kind: kind(raise_request_exception=False), visitor=True)

    assert wrong == []
    assert rows.snapshot() == before


@pytest.mark.parametrize("role", ["viewer", "agent", "org_admin"])
def test_people_of_another_organization_see_and_change_nothing(
    rows: Rows, other_organization: Organization, role: str
) -> None:
    person = make.user(other_organization, role)
    before = rows.snapshot()

    def sign_in(kind: type[Client]) -> Client:
        client = kind(raise_request_exception=False)
        client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    wrong = walk(rows, sign_in, visitor=False)

    assert wrong == []
    assert rows.snapshot() == before


@pytest.mark.parametrize("role", ["viewer", "agent", "org_admin"])
def test_members_without_the_permission_are_refused(rows: Rows, organization: Organization, role: str) -> None:
    person = make.user(organization, role)
    client = APIClient(raise_request_exception=False)
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    before, refused = rows.snapshot(), 0

    for route in routes():
        needs: dict[str, str] = getattr(getattr(route.view, "cls", None), "route_permissions", {})
        actions: dict[str, str] = getattr(route.view, "actions", None) or {name: name for name in needs}
        for method, action in list(actions.items()):  # REST framework adds HEAD to its own meanwhile
            code = needs.get(action, "")
            if code in {"", "public", "member"} or (code != "super" and person.can(code)):
                continue
            forget_windows()
            response = getattr(client, method)(next(rows.urls(route)), **({} if method == "get" else {"data": BODY}))
            assert response.status_code == 403, f"{role}: {method} {route.path} needs {code}"
            refused += 1

    assert refused > (0 if role == "org_admin" else 5)
    assert rows.snapshot() == before


def test_every_public_route_exists() -> None:
    names = {route.name for route in routes()}

    assert {name for name in PUBLIC if name not in names} == set()
