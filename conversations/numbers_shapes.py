"""What the API takes and shows of numbers. Secrets go in and never come out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from conversations import away
from conversations.models import WhatsAppNumber
from conversations.official import capabilities
from conversations.official.registration import KNOWN_ID
from pytake.infra.serializing import StrictSerializer

_TARGETS = ("default_chatbot", "default_flow", "default_department")


class OwnRow(serializers.PrimaryKeyRelatedField[Any]):
    """A row of the caller's organization that a column of numbers points to."""

    def get_queryset(self) -> Any:
        """Return the rows that are not deleted."""
        model: Any = WhatsAppNumber._meta.get_field(str(self.source)).related_model
        fields = {field.name for field in model._meta.get_fields()}
        return model.objects.filter(deleted_at=None) if "deleted_at" in fields else model.objects.all()


def _target() -> OwnRow:
    # The rows are found by `get_queryset`, inside the request's organization.
    return OwnRow(queryset=WhatsAppNumber.objects.none(), required=False, allow_null=True)


def _secret(help_text: str) -> serializers.CharField:
    return serializers.CharField(
        max_length=1000, required=False, write_only=True, trim_whitespace=True, help_text=help_text
    )


class NumberInput(StrictSerializer):
    """What may be edited; fields that are not sent stay. New secrets are tried at WhatsApp before they are stored."""

    display_name = serializers.CharField(max_length=120, required=False)
    default_chatbot = _target()
    default_flow = _target()
    default_department = _target()
    is_fallback = serializers.BooleanField(required=False)
    fallback_message = serializers.CharField(max_length=away.TEXT_MAX, required=False, allow_blank=True)
    limit_per_second = serializers.IntegerField(min_value=0, max_value=1000, required=False)
    limit_per_minute = serializers.IntegerField(min_value=0, max_value=60_000, required=False)
    limit_per_hour = serializers.IntegerField(min_value=0, max_value=3_600_000, required=False)
    limit_per_day = serializers.IntegerField(min_value=0, max_value=86_400_000, required=False)
    min_gap_ms = serializers.IntegerField(min_value=0, max_value=600_000, required=False)
    access_token = _secret("Write-only.")
    app_secret = _secret("Write-only; the previous one stays valid beside it.")
    verify_token = _secret("Write-only.")


class RegisterNumberInput(StrictSerializer):
    """A number of the Cloud API. WhatsApp must confirm that the credentials are the number's."""

    connection_type = serializers.ChoiceField(choices=["official"], default="official")
    phone_number_id = serializers.RegexField(KNOWN_ID, max_length=32)
    whatsapp_business_account_id = serializers.RegexField(KNOWN_ID, max_length=32)
    display_name = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    access_token = serializers.CharField(max_length=1000, write_only=True)
    app_secret = serializers.CharField(max_length=200, write_only=True)
    verify_token = serializers.CharField(max_length=200, write_only=True)


class NodeShape(serializers.Serializer[Any]):
    """A node type that works on the number's connection."""

    type = serializers.CharField()
    name = serializers.CharField()
    note = serializers.CharField()


class ReasonShape(serializers.Serializer[Any]):
    """Why a number is at risk."""

    code = serializers.CharField()
    level = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    name = serializers.CharField()


class NumberShape(serializers.ModelSerializer[WhatsAppNumber]):
    """A number with its state; of its secrets only whether they are there."""

    has_access_token = serializers.SerializerMethodField()
    has_app_secret = serializers.SerializerMethodField()
    fallback_message = serializers.SerializerMethodField()
    available_node_types = serializers.SerializerMethodField()
    node_metadata = serializers.SerializerMethodField()
    risk_reasons = ReasonShape(many=True)

    class Meta:
        model = WhatsAppNumber
        fields = (
            "id", "connection_type", "phone_number", "display_name", "verified_name", "is_active", "status",
            "status_reason", "health_state", "quality_rating", "messaging_limit_tier", "throughput_level", "risk_level",
            "risk_reasons", "braked_at", "connected_at", "verified_at", "last_seen_at", "token_expires_at",
            "phone_number_id", "whatsapp_business_account_id", "has_access_token", "has_app_secret", *_TARGETS,
            "is_fallback", "fallback_message", "limit_per_second", "limit_per_minute", "limit_per_hour",
            "limit_per_day", "min_gap_ms", "available_node_types", "node_metadata", "created_at", "updated_at",
        )  # fmt: skip

    def get_has_access_token(self, number: WhatsAppNumber) -> bool:
        """Return whether a token is stored."""
        return bool(number.access_token_envelope)

    def get_has_app_secret(self, number: WhatsAppNumber) -> bool:
        """Return whether webhooks can be verified."""
        return bool(number.app_secret_envelopes)

    def get_fallback_message(self, number: WhatsAppNumber) -> str:
        """Return what is said when no bot answers."""
        return str((number.settings or {}).get(away.SETTING) or "")

    @extend_schema_field({"type": "array", "items": {"type": "string"}, "examples": [["message", "question"]]})
    def get_available_node_types(self, number: WhatsAppNumber) -> list[str]:
        """Return the node types that work on this connection."""
        return [node["type"] for node in capabilities.node_metadata(number.connection_type)]

    @extend_schema_field(NodeShape(many=True))
    def get_node_metadata(self, number: WhatsAppNumber) -> list[dict[str, Any]]:
        """Return their names, and what is different on this connection."""
        return capabilities.node_metadata(number.connection_type)


class ChatbotRow(serializers.Serializer[Any]):
    """A chatbot that works on the number."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class TestShape(serializers.Serializer[Any]):
    """What WhatsApp answered to the stored credentials."""

    ok = serializers.BooleanField()
    error = serializers.CharField(allow_blank=True)
    phone_number = serializers.CharField()
    verified_name = serializers.CharField()
    quality_rating = serializers.CharField()
    token_expires_at = serializers.DateTimeField(allow_null=True)


class WindowShape(serializers.Serializer[Any]):
    """A limit of the number; null: not known at the moment."""

    window = serializers.CharField(source="name")
    limit = serializers.IntegerField()
    used = serializers.IntegerField(allow_null=True)
    remaining = serializers.IntegerField(allow_null=True)


class PortfolioShape(serializers.Serializer[Any]):
    """People newly written to in 24 hours by all numbers of the portfolio."""

    used = serializers.IntegerField(allow_null=True)
    limit = serializers.IntegerField(allow_null=True)


class LimitsShape(serializers.Serializer[Any]):
    """Limits and what is taken of each."""

    items = WindowShape(many=True)
    portfolio = PortfolioShape()


class FailureShape(serializers.Serializer[Any]):
    """Failures of a week with the same code."""

    code = serializers.CharField(source="group.code")
    count = serializers.IntegerField(source="group.count")
    first_at = serializers.DateTimeField(source="group.first_at")
    last_at = serializers.DateTimeField(source="group.last_at")
    cause = serializers.CharField()
    advice = serializers.CharField()


class QueueShape(serializers.Serializer[Any]):
    """What waits and what is under way."""

    waiting = serializers.IntegerField()
    held = serializers.IntegerField()
    oldest_at = serializers.DateTimeField(allow_null=True)
    in_flight = serializers.IntegerField()
    unknown = serializers.IntegerField()


class NumberHealthShape(serializers.Serializer[Any]):
    """The health of a number. Shares are percentages of the last 24 hours."""

    quality_rating = serializers.CharField(source="number.quality_rating")
    messaging_limit_tier = serializers.CharField(source="number.messaging_limit_tier")
    throughput_level = serializers.CharField(source="number.throughput_level")
    risk = serializers.CharField(source="standing.risk.level")
    reasons = serializers.SerializerMethodField()
    braked_at = serializers.DateTimeField(source="number.braked_at", allow_null=True)
    sent = serializers.IntegerField(source="standing.volume.sent")
    delivered = serializers.IntegerField(source="standing.volume.delivered")
    failed = serializers.IntegerField(source="standing.volume.failed")
    block_share = serializers.FloatField(source="undeliverable_share", allow_null=True)
    opt_out_share = serializers.FloatField(allow_null=True)
    opt_outs_week = serializers.IntegerField(source="standing.opt_outs_week")
    templates = serializers.SerializerMethodField()
    queue = QueueShape()
    limits = WindowShape(source="windows", many=True)
    portfolio = serializers.SerializerMethodField()
    failures = FailureShape(many=True)

    @extend_schema_field({"type": "array", "items": {"type": "string"}, "examples": [["A qualidade está baixa."]]})
    def get_reasons(self, report: Any) -> list[str]:
        """Return the reasons in the caller's language, the heaviest first."""
        return [text for _, text in report.reasons]

    @extend_schema_field(
        {"type": "object", "additionalProperties": {"type": "integer"}, "examples": [{"APPROVED": 3, "PAUSED": 1}]}
    )
    def get_templates(self, report: Any) -> dict[str, int]:
        """Return how many templates are in each state."""
        found: dict[str, int] = report.standing.templates
        return found

    @extend_schema_field(PortfolioShape)
    def get_portfolio(self, report: Any) -> dict[str, int | None]:
        """Return people newly written to in 24 hours."""
        return {"used": report.standing.portfolio_used, "limit": report.standing.portfolio_limit}
