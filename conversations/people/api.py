"""`/contacts`: people, their addresses, tags and consent. Thin: the verbs are beside this file."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from conversations.consent import by_people
from conversations.models import Contact, ContactIdentity, Tag
from conversations.people import addresses, contacts, editing, history, tags
from conversations.people import api_shapes as shapes
from pytake.accounts.api_base import ApiViewSet


class ContactFilter(django_filters.FilterSet):
    """Filters of the list."""

    q = django_filters.CharFilter(method="by_text", help_text="Name, e-mail, or phone in any spelling.")
    tag = django_filters.UUIDFilter(method="by_tag", help_text="Id of a tag.")
    is_vip = django_filters.BooleanFilter()
    is_blocked = django_filters.BooleanFilter()
    opt_in = django_filters.BooleanFilter()
    assigned_agent_id = django_filters.UUIDFilter(method="by_agent", help_text="Who has a conversation with them.")

    class Meta:
        model = Contact
        fields = ("q", "tag", "is_vip", "is_blocked", "opt_in", "assigned_agent_id")

    def by_text(self, rows: QuerySet[Contact], name: str, value: str) -> QuerySet[Contact]:
        """Search as the pages do."""
        text = value.replace("\x00", "").strip()[:80]
        return self._only(rows, contacts.Wanted(search=text)) if text else rows

    def by_tag(self, rows: QuerySet[Contact], name: str, value: UUID) -> QuerySet[Contact]:
        """Leave those who carry the tag."""
        return self._only(rows, contacts.Wanted(tag=value))

    def by_agent(self, rows: QuerySet[Contact], name: str, value: UUID) -> QuerySet[Contact]:
        """Leave those who talk to the agent."""
        return self._only(rows, contacts.Wanted(agent=value))

    def _only(self, rows: QuerySet[Contact], wanted: contacts.Wanted) -> QuerySet[Contact]:
        user: Any = self.request.user  # type: ignore[union-attr]  # the view gives it
        return rows.filter(pk__in=contacts.chosen(user, wanted).values("pk"))


class Contacts(ApiViewSet):
    """`/contacts`."""

    queryset = Contact.objects.none()
    serializer_class = shapes.ContactShape
    route_permissions = {
        "list": "contacts.view", "retrieve": "contacts.view", "totals": "contacts.view", "figures": "contacts.view",
        "timeline": "contacts.view", "create": "contacts.create", "update": "contacts.edit",
        "destroy": "contacts.delete", "block": "contacts.edit", "unblock": "contacts.edit", "mark": "contacts.edit",
        "unmark": "contacts.edit", "replace_tags": "contacts.edit", "add_tags": "contacts.edit",
        "remove_tags": "contacts.edit",
    }  # fmt: skip
    filter_backends = (DjangoFilterBackend,)
    filterset_class = ContactFilter
    schema_tag = "contacts"
    sort_fields = {"created_at": "created_at", "updated_at": "updated_at", "name": "name"}

    def get_queryset(self) -> QuerySet[Contact]:
        """Return the organization's contacts."""
        rows = Contact.objects.visible_to(self.request.user).alive()
        return rows.prefetch_related("identities", "tags")

    def _by(self) -> dict[str, Any]:
        return {"by": self.request.user, "request": self.request._request}

    def _shown(self, contact: Contact, status: int = 200) -> Response:
        row = self.get_queryset().get(pk=contact.pk)
        context = self.get_serializer_context()
        return Response(shapes.ContactDetailShape(row, context=context).data, status=status)

    @extend_schema(responses={200: shapes.ContactShape(many=True)})
    def list(self, request: Request) -> Response:
        """List and search contacts.

        By text (names, e-mail, phones in any spelling), tag, VIP, block, consent or agent.
        """
        return self.page(shapes.ContactShape)

    @extend_schema(responses={200: shapes.ContactDetailShape})
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Show a contact.

        With addresses, tags and the newest consent events.
        """
        return self._shown(self.get_object())

    @extend_schema(request=shapes.NewContact, responses={201: shapes.ContactDetailShape})
    def create(self, request: Request) -> Response:
        """Create a contact.

        With `phone` (in any spelling), `whatsapp_id` or `identities`. When an address is known the answer is
        409 `CONTACT_EXISTS` with `contact_id`.
        """
        data = self.checked(shapes.NewContact, request)
        given = [("phone", data.pop("phone", None)), ("whatsapp_id", data.pop("whatsapp_id", None))]
        listed = [(f"identities.{n}", row["value"]) for n, row in enumerate(data.pop("identities", []))]
        read = [addresses.read_or_refuse(value, field=field) for field, value in [*given, *listed] if value]
        contact = editing.create(
            given=read,
            attributes=data.pop("attributes", None),
            tag_names=data.pop("tags", ()),
            data=data,
            source="api",
            now=timezone.now(),
            **self._by(),
        )
        return self._shown(contact, status=201)

    @extend_schema(request=shapes.ContactData, responses={200: shapes.ContactDetailShape})
    def update(self, request: Request, pk: UUID) -> Response:
        """Edit a contact.

        Only the keys that are sent change; of `attributes`, too: null removes a key.
        """
        contact = self.get_object()
        data = self.checked(shapes.ContactData, request)
        editing.change(contact, attributes=data.pop("attributes", None), data=data, **self._by())
        return self._shown(contact)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Delete a contact.

        Conversations and the consent ledger stay; whoever writes again is back.
        """
        editing.delete(self.get_object(), now=timezone.now(), **self._by())
        return Response(status=204)

    @extend_schema(responses={200: shapes.TotalsShape}, filters=False)
    def totals(self, request: Request) -> Response:
        """Count contacts.

        All, with tags, blocked, and those of the last seven days.
        """
        user: Any = request.user
        return Response(history.totals(user, now=timezone.now()))

    @extend_schema(operation_id="contact_stats_retrieve", responses={200: shapes.ContactStatsShape})
    def figures(self, request: Request, pk: UUID) -> Response:
        """Show a contact's figures.

        Conversations, messages, the average first answer, the last interaction.
        """
        user: Any = request.user
        return Response(history.figures(self.get_object(), user=user))

    @extend_schema(responses={200: shapes.TimelineShape})
    def timeline(self, request: Request, pk: UUID) -> Response:
        """Show a contact's history.

        Conversations, consent and merges, newest first, at most 100.
        """
        user: Any = request.user
        return Response({"items": history.timeline(self.get_object(), user=user)})

    @extend_schema(request=shapes.ReasonInput, responses={200: shapes.ContactDetailShape})
    def block(self, request: Request, pk: UUID) -> Response:
        """Block a contact.

        Nothing automatic is sent any more and what waits is cancelled; what the person writes is still stored.
        """
        contact = self.get_object()
        editing.block(contact, now=timezone.now(), **self.checked(shapes.ReasonInput, request), **self._by())
        return self._shown(contact)

    @extend_schema(request=shapes.ReasonInput, responses={200: shapes.ContactDetailShape})
    def unblock(self, request: Request, pk: UUID) -> Response:
        """Take a block back.

        Automatic messages may be sent again, if the person agrees to them.
        """
        contact = self.get_object()
        editing.unblock(contact, now=timezone.now(), **self.checked(shapes.ReasonInput, request), **self._by())
        return self._shown(contact)

    @extend_schema(request=None, responses={200: shapes.ContactDetailShape})
    def mark(self, request: Request, pk: UUID) -> Response:
        """Mark a contact as VIP.

        Its conversations go to the head of queues.
        """
        return self._vip(is_vip=True)

    @extend_schema(responses={200: shapes.ContactDetailShape})
    def unmark(self, request: Request, pk: UUID) -> Response:
        """Take the VIP mark away.

        The contact is served in turn again.
        """
        return self._vip(is_vip=False)

    def _vip(self, *, is_vip: bool) -> Response:
        contact = self.get_object()
        editing.change(contact, data={"is_vip": is_vip}, **self._by())
        return self._shown(contact)

    @extend_schema(
        operation_id="contact_tags_replace", request=shapes.TagsInput, responses={200: shapes.ContactDetailShape}
    )
    def replace_tags(self, request: Request, pk: UUID) -> Response:
        """Replace a contact's tags.

        By ids or names; names that are new become tags.
        """
        return self._tags(request, "replace")

    @extend_schema(
        operation_id="contact_tags_add", request=shapes.TagsInput, responses={200: shapes.ContactDetailShape}
    )
    def add_tags(self, request: Request, pk: UUID) -> Response:
        """Add tags to a contact.

        By ids or names; names that are new become tags.
        """
        return self._tags(request, "add")

    @extend_schema(
        operation_id="contact_tags_remove", request=shapes.TagsInput, responses={200: shapes.ContactDetailShape}
    )
    def remove_tags(self, request: Request, pk: UUID) -> Response:
        """Remove tags from a contact.

        By ids or names.
        """
        return self._tags(request, "remove")

    def _tags(self, request: Request, mode: str) -> Response:
        contact = self.get_object()
        given = self.checked(shapes.TagsInput, request)["tags"]
        tags.put(contact, tags.found(given, make=mode != "remove"), mode=mode, **self._by())
        return self._shown(contact)


class _OfContact(ApiViewSet):
    """Routes below one contact."""

    queryset = Contact.objects.none()
    schema_tag = "contacts"

    def get_queryset(self) -> QuerySet[Contact]:
        """Return the organization's contacts."""
        return Contact.objects.visible_to(self.request.user).alive()

    def _by(self) -> dict[str, Any]:
        return {"by": self.request.user, "request": self.request._request}


class Identities(_OfContact):
    """`/contacts/{id}/identities`."""

    serializer_class = shapes.IdentityShape
    route_permissions = {"list": "contacts.view", "create": "contacts.edit", "destroy": "contacts.edit"}

    @extend_schema(responses={200: shapes.IdentityShape(many=True)})
    def list(self, request: Request, pk: UUID) -> Response:
        """List a contact's addresses.

        The primary one first. Members without `contacts.view_full` see them masked.
        """
        rows = self.get_object().identities.order_by("-is_primary", "created_at", "pk")
        return Response(shapes.IdentityShape(rows, many=True, context=self.get_serializer_context()).data)

    @extend_schema(request=shapes.IdentityInput, responses={201: shapes.IdentityShape})
    def create(self, request: Request, pk: UUID) -> Response:
        """Add an address to a contact.

        409 `CONTACT_EXISTS` with `contact_id` when somebody has it: merge the two, perhaps.
        """
        contact = self.get_object()
        address = addresses.read_or_refuse(self.checked(shapes.IdentityInput, request)["value"], field="value")
        row = addresses.add(contact, address, now=timezone.now(), **self._by())
        return Response(shapes.IdentityShape(row, context=self.get_serializer_context()).data, status=201)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID, identity_id: UUID) -> Response:
        """Remove an address.

        Not the last one (409).
        """
        row = ContactIdentity.objects.filter(contact=self.get_object(), pk=identity_id).first()
        if row is None:
            raise NotFound
        addresses.remove(row, **self._by())
        return Response(status=204)


class Consents(_OfContact):
    """`/contacts/{id}/consents`."""

    serializer_class = shapes.ConsentShape
    route_permissions = {"list": "contacts.view", "create": "contacts.edit"}

    @extend_schema(responses={200: shapes.ConsentShape(many=True)})
    def list(self, request: Request, pk: UUID) -> Response:
        """List a contact's consent events.

        Newest first, at most 50. The newest of each purpose is the state.
        """
        return Response(shapes.ConsentShape(by_people.history(self.get_object()), many=True).data)

    @extend_schema(request=shapes.ConsentInput, responses={201: shapes.ContactDetailShape})
    def create(self, request: Request, pk: UUID) -> Response:
        """Record a consent event.

        Messages that the person no longer wants are cancelled. `evidence` says how it is known.
        """
        contact, now = self.get_object(), timezone.now()
        said = self.checked(shapes.ConsentInput, request)
        said["at"] = min(said.pop("occurred_at", now), now)
        by_people.record_event(contact, **said, **self._by(), now=now)
        contact = Contact.objects.prefetch_related("identities", "tags").get(pk=contact.pk)
        return Response(shapes.ContactDetailShape(contact, context=self.get_serializer_context()).data, status=201)


class Tags(ApiViewSet):
    """`/contacts/tags`."""

    queryset = Tag.objects.none()
    serializer_class = shapes.TagShape
    route_permissions = {
        "list": "contacts.view", "retrieve": "contacts.view", "create": "contacts.edit", "update": "contacts.edit",
        "destroy": "contacts.edit",
    }  # fmt: skip
    schema_tag = "contacts"
    sort_fields = {"created_at": "created_at", "name": "name"}
    default_sort = "name"

    def get_queryset(self) -> QuerySet[Tag]:
        """Return the organization's tags."""
        return tags.counted(tags.alive().visible_to(self.request.user))

    def _by(self) -> dict[str, Any]:
        return {"by": self.request.user, "request": self.request._request}

    @extend_schema(responses={200: shapes.TagShape(many=True)})
    def list(self, request: Request) -> Response:
        """List tags.

        With the number of contacts that carry each.
        """
        return self.page(shapes.TagShape)

    @extend_schema(responses={200: shapes.TagShape})
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Show a tag.

        With the number of contacts that carry it.
        """
        return Response(shapes.TagShape(self.get_object()).data)

    @extend_schema(request=shapes.NewTag, responses={201: shapes.TagShape})
    def create(self, request: Request) -> Response:
        """Create a tag.

        409 `DUPLICATE` when there is one of this name, in any case of letters.
        """
        tag = tags.create(**self.checked(shapes.NewTag, request), **self._by())
        return Response(shapes.TagShape(self.get_queryset().get(pk=tag.pk)).data, status=201)

    @extend_schema(request=shapes.TagData, responses={200: shapes.TagShape})
    def update(self, request: Request, pk: UUID) -> Response:
        """Edit a tag.

        Only the keys that are sent change.
        """
        tag = self.get_object()
        tags.change(tag, changes=self.checked(shapes.TagData, request), **self._by())
        return Response(shapes.TagShape(self.get_queryset().get(pk=tag.pk)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Delete a tag.

        Contacts lose it. System tags stay (409).
        """
        tags.delete(self.get_object(), now=timezone.now(), **self._by())
        return Response(status=204)
