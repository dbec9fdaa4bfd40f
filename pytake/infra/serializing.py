"""Serializers of the API's input: keys that are not known are refused, never ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers


class RefusesUnknownKeys:
    """Mixin: a body with a key that the serializer does not take is invalid."""

    def to_internal_value(self, data: Any) -> Any:
        """Name every unknown (or read-only) key."""
        if isinstance(data, Mapping):
            fields: Any = self.fields  # type: ignore[attr-defined]  # a mixin for serializers
            taken = {name for name, field in fields.items() if not field.read_only}
            unknown = [str(key) for key in data if key not in taken]
            if unknown:
                raise serializers.ValidationError({key: [_("This field is not known here.")] for key in unknown})
        return super().to_internal_value(data)  # type: ignore[misc]  # a mixin for serializers


class StrictSerializer(RefusesUnknownKeys, serializers.Serializer[Any]):
    """Input of an action: a command with named fields."""


class StrictModelSerializer(RefusesUnknownKeys, serializers.ModelSerializer[Any]):
    """Input that maps to a model's fields."""
