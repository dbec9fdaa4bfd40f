"""`{% load previews %}`: lines of messages in lists."""

from __future__ import annotations

from django import template

from conversations.inbox import previews

register = template.Library()


@register.filter
def readable(preview: str | None) -> str:
    """Say in words what a stored line of a list names in brackets."""
    return previews.readable(preview or "")
