"""Where templates are used. Flows, automations and campaigns stand above this app: settings name who is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from django.conf import settings
from django.utils.functional import Promise
from django.utils.module_loading import import_string

from conversations.models import Message, WhatsAppTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A thing that sends a template. `is_live`: it does so now, not only in a draft."""

    kind: str
    id: str
    label: str
    url: str
    detail: str | Promise = ""
    is_live: bool = False


class Finder(Protocol):
    """A function that settings name, called inside the organization's context."""

    def __call__(self, name: str, language: str) -> list[Use]:
        """Return what uses the template."""


def of(template: WhatsAppTemplate) -> list[Use]:
    """Return everything that uses a template, what is live first."""
    found: list[Use] = []
    for path in settings.TEMPLATE_USES:
        finder: Finder = import_string(path)
        found += finder(template.name, template.language)
    return sorted(found, key=lambda use: (not use.is_live, use.label.lower()))


def waiting(template: WhatsAppTemplate) -> int:
    """Return how many messages with this template wait to be sent."""
    return Message.objects.filter(
        dispatch_state=Message.DispatchState.QUEUED,
        message_type="template",
        content__name=template.name,
        content__language=template.language,
    ).count()


def affected(template: WhatsAppTemplate, uses: Sequence[Use]) -> list[Use]:
    """Return what cannot do its work while the template cannot be sent."""
    return [] if template.is_usable else [use for use in uses if use.is_live]
