"""`/users` and `/roles`."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

import django_filters
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from pytake.accounts import people
from pytake.accounts.access import MEMBER
from pytake.accounts.api.auth import strong
from pytake.accounts.api.shapes import MeShape, RoleShape, UserShape
from pytake.accounts.api_base import ApiViewSet
from pytake.accounts.models import Organization, Role, User
from pytake.core.errors import DomainError
from pytake.infra.paging import TextSearch
from pytake.infra.serializing import StrictSerializer

MEMBER_ROLES = [
    (User.Role.ORG_ADMIN, _("Administrator")),
    (User.Role.AGENT, _("Agent")),
    (User.Role.VIEWER, _("Viewer")),
]


class ProfileInput(StrictSerializer):
    """What people edit of themselves."""

    full_name = serializers.CharField(max_length=150, required=False)
    phone = serializers.CharField(max_length=32, required=False, allow_blank=True)
    bio = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    language = serializers.ChoiceField(choices=settings.LANGUAGES, required=False, allow_blank=True)
    timezone = serializers.ChoiceField(choices=sorted(available_timezones()), required=False, allow_blank=True)
    agent_greeting_message = serializers.CharField(max_length=1000, required=False, allow_blank=True)
    preferences = serializers.DictField(required=False)


class UserInput(ProfileInput):
    """What administrators edit of members."""

    role = serializers.ChoiceField(choices=MEMBER_ROLES, required=False)
    max_conversations = serializers.IntegerField(min_value=0, max_value=1000, required=False, allow_null=True)


class NewUserInput(UserInput):
    """A new member; without a password an invitation is mailed."""

    email = serializers.EmailField(max_length=254)
    full_name = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=128, trim_whitespace=False, required=False, default="")


class StatusInput(StrictSerializer):
    """The own presence."""

    status = serializers.ChoiceField(choices=User.Status.choices)


class UserFilter(django_filters.FilterSet):
    """Filters of the list."""

    role = django_filters.ChoiceFilter(choices=User.Role.choices)
    is_active = django_filters.BooleanFilter()
    status = django_filters.ChoiceFilter(choices=User.Status.choices)

    class Meta:
        model = User
        fields = ("role", "is_active", "status")


class Users(ApiViewSet):
    """`/users`."""

    queryset = User.objects.none()
    serializer_class = UserShape
    route_permissions = {
        "list": "users.view", "retrieve": "users.view", "create": "users.create", "update": "users.edit",
        "destroy": "users.deactivate", "activate": "users.deactivate", "deactivate": "users.deactivate",
        "me": MEMBER, "edit_me": MEMBER, "status": MEMBER,
    }  # fmt: skip
    filter_backends = (DjangoFilterBackend, TextSearch)
    filterset_class = UserFilter
    search_fields = ("full_name", "email")
    sort_fields = {"created_at": "created_at", "full_name": "full_name", "email": "email"}

    def get_queryset(self) -> QuerySet[User]:
        """Return the colleagues."""
        return User.objects.get_queryset().visible_to(self.request.user).select_related("organization")

    def _context(self) -> dict[str, Any]:
        return {"by": self.request.user, "now": timezone.now(), "request": self.request._request}

    def _assigning(self, data: dict[str, Any]) -> dict[str, Any]:
        """Refuse a role from people who may not assign any."""
        user: Any = self.request.user
        if "role" in data and not user.can("users.assign_roles"):
            self.permission_denied(self.request)
        return data

    @extend_schema(responses={200: UserShape(many=True)})
    def list(self, request: Request) -> Response:
        """List members.

        Of the own organization, by role, activity, presence or text.
        """
        return self.page(UserShape)

    @extend_schema(responses={200: UserShape})
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Show one member.

        Of the own organization.
        """
        return Response(UserShape(self.get_object()).data)

    @extend_schema(request=NewUserInput, responses={201: UserShape})
    def create(self, request: Request) -> Response:
        """Add a member.

        Within the plan (402 beyond it). Without a password an invitation is mailed.
        """
        data = self._assigning(self.checked(NewUserInput, request))
        organization = Organization.objects.of_context()
        if organization is None:
            raise DomainError(_("Say for which organization (X-Organization-Id)."))
        if data["password"]:
            strong(data["password"])
        user = people.create(organization, **self._context(), **data)
        return Response(UserShape(user).data, status=201)

    @extend_schema(request=UserInput, responses={200: UserShape})
    def update(self, request: Request, pk: UUID) -> Response:
        """Edit a member.

        Replaces the fields that are sent. Nobody changes the own role; the last administrator keeps it.
        """
        data = self._assigning(self.checked(UserInput, request))
        return Response(UserShape(people.edit(self.get_object(), data, **self._context())).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Delete a member.

        Not oneself, not the last administrator. What the person wrote stays.
        """
        people.delete(self.get_object(), **self._context())
        return Response(status=204)

    @extend_schema(request=None, responses={200: UserShape})
    def activate(self, request: Request, pk: UUID) -> Response:
        """Enable a member.

        Within the plan.
        """
        return Response(UserShape(people.activate(self.get_object(), **self._context())).data)

    @extend_schema(request=None, responses={200: UserShape})
    def deactivate(self, request: Request, pk: UUID) -> Response:
        """Disable a member.

        Ends every session and integration token of the person at once. Not oneself, not the last administrator.
        """
        return Response(UserShape(people.deactivate(self.get_object(), **self._context())).data)

    @extend_schema(responses={200: MeShape})
    def me(self, request: Request) -> Response:
        """Show the own profile.

        The same as `/auth/me`.
        """
        user: Any = request.user
        return Response(MeShape(user, context={"request": request}).data)

    @extend_schema(request=ProfileInput, responses={200: MeShape})
    def edit_me(self, request: Request) -> Response:
        """Edit the own profile.

        Replaces the fields that are sent.
        """
        user: Any = request.user
        data = self.checked(ProfileInput, request)
        return Response(MeShape(people.edit(user, data, **self._context()), context={"request": request}).data)

    @extend_schema(request=StatusInput, responses={200: MeShape})
    def status(self, request: Request) -> Response:
        """Set the own presence.

        A chosen one stays until it is changed.
        """
        user: Any = request.user
        changed = people.set_status(user, self.checked(StatusInput, request)["status"], now=timezone.now())
        return Response(MeShape(changed, context={"request": request}).data)


class Roles(ApiViewSet):
    """`/roles`."""

    queryset = Role.objects.none()
    serializer_class = RoleShape
    route_permissions = {"list": "users.view"}
    sort_fields = {"created_at": "created_at", "name": "name"}
    default_sort = "created_at"

    def get_queryset(self) -> QuerySet[Role]:
        """Return system roles and own ones."""
        return Role.objects.visible_to(self.request.user).prefetch_related("permissions")

    @extend_schema(responses={200: RoleShape(many=True)})
    def list(self, request: Request) -> Response:
        """List roles.

        The system roles and those of the own organization, each with its permissions.
        """
        return self.page(RoleShape)
