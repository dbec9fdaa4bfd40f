"""What the API shows and takes of contacts."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from conversations.inbox import people
from conversations.models import ConsentEvent, Contact, ContactIdentity, ContactImport, ContactMerge, Tag
from pytake.infra.serializing import StrictSerializer


class TagShape(serializers.ModelSerializer[Tag]):
    """A tag and how many contacts carry it."""

    contacts_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Tag
        fields = (
            "id", "name", "slug", "description", "color", "is_system", "contacts_count", "created_at", "updated_at",
        )  # fmt: skip


class TagBrief(serializers.ModelSerializer[Tag]):
    """A tag on a contact."""

    class Meta:
        model = Tag
        fields = ("id", "name", "color")


class IdentityShape(serializers.ModelSerializer[ContactIdentity]):
    """An address. Masked for members without `contacts.view_full`."""

    value = serializers.SerializerMethodField(method_name="get_address")
    display = serializers.SerializerMethodField()

    class Meta:
        model = ContactIdentity
        fields = (
            "id", "kind", "value", "display", "is_primary", "source", "first_seen_at", "last_seen_at", "confirmed_at",
            "created_at", "updated_at",
        )  # fmt: skip

    def get_address(self, row: ContactIdentity) -> str:
        """Return the address as the caller may see it."""
        user = self.context["request"].user
        return row.value if user.can("contacts.view_full") else people.shown(row, user)

    def get_display(self, row: ContactIdentity) -> str:
        """Return the address as people write it."""
        return people.shown(row, self.context["request"].user)


class ContactShape(serializers.ModelSerializer[Contact]):
    """A contact with addresses and tags."""

    display_name = serializers.SerializerMethodField()
    identities = serializers.SerializerMethodField()
    tags = serializers.SerializerMethodField()
    attributes = serializers.JSONField()

    class Meta:
        model = Contact
        fields: tuple[str, ...] = (
            "id", "display_name", "name", "profile_name", "username", "email", "company", "document", "language",
            "notes", "attributes", "source", "lifecycle_stage", "is_vip", "is_blocked", "blocked_at",
            "blocked_reason", "opt_in", "accepts_bot", "opted_in_at", "opted_out_at", "last_message_at",
            "last_message_received_at", "total_messages_sent", "total_messages_received", "total_conversations",
            "identities", "tags", "created_at", "updated_at",
        )  # fmt: skip

    def get_display_name(self, contact: Contact) -> str:
        """Return what to call the contact."""
        return people.title(contact, self.context["request"].user)

    @extend_schema_field(IdentityShape(many=True))
    def get_identities(self, contact: Contact) -> Any:
        """Return the addresses, the primary one first."""
        rows = sorted(contact.identities.all(), key=lambda row: (not row.is_primary, row.created_at))
        return IdentityShape(rows, many=True, context=self.context).data

    @extend_schema_field(TagBrief(many=True))
    def get_tags(self, contact: Contact) -> Any:
        """Return the tags by name."""
        rows = sorted((tag for tag in contact.tags.all() if tag.deleted_at is None), key=lambda tag: tag.name)
        return TagBrief(rows, many=True).data


class ConsentShape(serializers.ModelSerializer[ConsentEvent]):
    """An entry of the consent ledger."""

    class Meta:
        model = ConsentEvent
        fields = (
            "id", "purpose", "action", "source", "legal_basis", "wording_version", "number", "evidence", "actor_user",
            "occurred_at", "created_at",
        )  # fmt: skip


class ContactDetailShape(ContactShape):
    """A contact with its newest consent events."""

    consents = serializers.SerializerMethodField()

    class Meta(ContactShape.Meta):
        fields = (*ContactShape.Meta.fields, "consents")

    @extend_schema_field(ConsentShape(many=True))
    def get_consents(self, contact: Contact) -> Any:
        """Return the newest events."""
        return ConsentShape(contact.consents.order_by("-occurred_at", "-pk")[:50], many=True).data


class TotalsShape(serializers.Serializer[Any]):
    """Totals of the organization's contacts."""

    total = serializers.IntegerField()
    with_tags = serializers.IntegerField()
    blocked = serializers.IntegerField()
    last_7_days = serializers.IntegerField(help_text="Created in the last seven days.")


class ContactStatsShape(serializers.Serializer[Any]):
    """Figures of one contact."""

    conversations = serializers.IntegerField()
    messages_received = serializers.IntegerField()
    messages_sent = serializers.IntegerField()
    average_first_response_seconds = serializers.IntegerField(allow_null=True)
    last_interaction_at = serializers.DateTimeField(allow_null=True)


class TimelineEntryShape(serializers.Serializer[Any]):
    """Something that happened with a contact."""

    kind = serializers.ChoiceField(choices=["conversation", "consent", "merge"])
    at = serializers.DateTimeField()
    id = serializers.UUIDField()
    summary = serializers.CharField()


class TimelineShape(serializers.Serializer[Any]):
    """What happened with a contact, newest first."""

    items = TimelineEntryShape(many=True)


class MergeShape(serializers.ModelSerializer[ContactMerge]):
    """A merge of two contacts."""

    class Meta:
        model = ContactMerge
        fields = (
            "id", "kept_contact", "merged_contact_id", "reason", "evidence", "performed_by", "undo_of", "created_at",
        )  # fmt: skip


class ImportShape(serializers.ModelSerializer[ContactImport]):
    """An import and its progress."""

    class Meta:
        model = ContactImport
        fields: tuple[str, ...] = (
            "id", "filename", "reading", "headers", "mapping", "options", "state", "rows_total", "rows_created",
            "rows_updated", "rows_unchanged", "rows_refused", "rows_removed", "started_at", "finished_at",
            "created_at", "updated_at",
        )  # fmt: skip


class ImportReportShape(ImportShape):
    """An import with its refused rows."""

    refused = serializers.SerializerMethodField()

    class Meta(ImportShape.Meta):
        fields = (*ImportShape.Meta.fields, "refused")

    @extend_schema_field(
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "row": {"type": "integer", "examples": [7]},
                    "problem": {"type": "string", "examples": ["short"]},
                    "message": {"type": "string", "examples": ["Too short or too long for a phone."]},
                },
            },
        }
    )
    def get_refused(self, job: ContactImport) -> Any:
        """Return the first 1,000 refused rows with their reasons."""
        return self.context["refused"]


class IdentityInput(StrictSerializer):
    """An address: a phone in any spelling, or a BSUID."""

    value = serializers.CharField(max_length=160)


class ContactData(StrictSerializer):
    """What may be edited; keys that are not sent stay as they are."""

    name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    email = serializers.EmailField(required=False, allow_blank=True)
    company = serializers.CharField(max_length=150, required=False, allow_blank=True)
    document = serializers.CharField(max_length=20, required=False, allow_blank=True)
    language = serializers.CharField(max_length=8, required=False, allow_blank=True)
    notes = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    lifecycle_stage = serializers.CharField(max_length=40, required=False, allow_blank=True)
    is_vip = serializers.BooleanField(required=False)
    attributes = serializers.DictField(required=False, help_text="Custom fields by key; null removes one.")


class NewContact(ContactData):
    """A new contact."""

    phone = serializers.CharField(max_length=40, required=False)
    whatsapp_id = serializers.CharField(max_length=160, required=False)
    identities = IdentityInput(many=True, required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=60), required=False, max_length=50)


class ReasonInput(StrictSerializer):
    """Why."""

    reason = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")


class TagsInput(StrictSerializer):
    """Tags by id or name."""

    tags = serializers.ListField(child=serializers.CharField(max_length=60), max_length=100)


class NewTag(StrictSerializer):
    """A new tag."""

    name = serializers.CharField(max_length=60)
    color = serializers.CharField(max_length=7, required=False, default="#64748B")
    description = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")


class TagData(StrictSerializer):
    """What may be edited of a tag."""

    name = serializers.CharField(max_length=60, required=False)
    color = serializers.CharField(max_length=7, required=False)
    description = serializers.CharField(max_length=255, required=False, allow_blank=True)


class ConsentInput(StrictSerializer):
    """What a person said about receiving messages, and how that is known."""

    purpose = serializers.ChoiceField(choices=ConsentEvent.Purpose.choices)
    action = serializers.ChoiceField(choices=["opt_in", "opt_out"])
    legal_basis = serializers.CharField(max_length=40, required=False, default="consent")
    evidence = serializers.DictField(help_text="How it is known: a form, a call, a document.")
    occurred_at = serializers.DateTimeField(required=False)


class MergeInput(StrictSerializer):
    """Two contacts that are one person."""

    keep_id = serializers.UUIDField()
    merge_id = serializers.UUIDField()
    reason = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
    winners = serializers.DictField(
        child=serializers.ChoiceField(choices=["keep", "merge"]),
        required=False,
        help_text="Whose value wins, by field; else the kept contact's, where it has one.",
    )
