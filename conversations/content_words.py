"""Errors of content in the reader's language: which field, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from conversations.content import ContentError, limits
from pytake.core.errors import DomainError

WORDS: Final[Mapping[str, Promise]] = {
    limits.EMPTY: _("must not be empty"),
    limits.TOO_LONG: _("at most %(limit)d characters, not %(found)d"),
    limits.COUNT: _("%(low)d to %(limit)d, not %(found)d"),
    limits.OUT_OF_RANGE: _("from -%(limit)d to %(limit)d"),
    limits.REPEATED: _("must not repeat"),
    limits.ONE_SOURCE: _("needs exactly one of a media id, a link and a file"),
    limits.NOT_UPLOADED: _("the file has not been uploaded yet"),
    limits.NOT_ALLOWED: _("is not possible here"),
    limits.NOT_A_LINK: _("must begin with http:// or https://"),
    limits.NOT_ONE_LINE: _("must not contain line breaks, tabs or more than %(limit)d spaces in a row"),
    limits.ALIKE: _("must all be of the same kind"),
    limits.UNREADABLE: _("cannot be read"),
}
# By the last word of a field's name, numbers left out.
FIELDS: Final[Mapping[str, Promise]] = {
    "address": _("Address"),
    "body": _("Text"),
    "button": _("Button"),
    "buttons": _("Buttons"),
    "caption": _("Caption"),
    "cards": _("Cards"),
    "description": _("Description"),
    "emoji": _("Emoji"),
    "file": _("File"),
    "filename": _("File name"),
    "flow_id": _("Form"),
    "footer": _("Footer"),
    "header": _("Header"),
    "id": _("Identifier"),
    "kind": _("Kind"),
    "language": _("Language"),
    "latitude": _("Latitude"),
    "link": _("Link"),
    "longitude": _("Longitude"),
    "name": _("Name"),
    "people": _("Contacts"),
    "rows": _("Rows"),
    "screen": _("Screen"),
    "sections": _("Sections"),
    "title": _("Title"),
    "url": _("Link"),
    "value": _("Value"),
}


def sentence(error: ContentError) -> str:
    """Return what is wrong, for people."""
    words = [word for word in error.field.split(".") if not word.isdecimal()]
    label = FIELDS.get(words[-1], error.field) if words else error.field
    return f"{label}: {WORDS[error.message] % error.params}"


def as_domain_error(error: ContentError) -> DomainError:
    """Return the error that pages and endpoints show."""
    text = sentence(error)
    return DomainError(text, code="CONTENT_INVALID", fields={error.field: [text]})
