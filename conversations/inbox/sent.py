"""What a message of ours is, as people see it: the same parts as of a received one."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from conversations import content as model
from conversations.content import Attachment, Content
from conversations.inbox.arrived import Arrived, Card, Place
from conversations.inbox.files import Shown, of_shared
from conversations.models import Message, SharedFile

Files = Mapping[str, SharedFile]


@dataclass(slots=True, kw_only=True)
class Sent:
    """The parts of a message of ours. Without `parts` it is text with a header, a footer and options."""

    parts: Arrived | None = None
    file: Shown | None = None
    header: str = ""
    footer: str = ""
    options: list[str] = field(default_factory=list)
    menu: str = ""
    link: tuple[str, str] | None = None


def files_of(messages: Iterable[Message]) -> dict[str, SharedFile]:
    """Return the files of ours that messages name, with one query, none without such messages."""
    wanted: set[str] = set()
    for message in messages:
        if message.direction == Message.Direction.OUTBOUND and message.message_type != "text":
            wanted |= model.assets_of(message.content)
    if not wanted:
        return {}
    return {str(row.pk): row for row in SharedFile.objects.filter(pk__in=[uuid.UUID(key) for key in wanted])}


def read(message: Message, files: Files) -> Sent:
    """Return what to show of a message of ours; what cannot be read is shown as its words."""
    try:
        content = model.parse(message.content)
    except model.ContentError:
        return Sent()
    shown = Sent()
    header = getattr(content, "header", "")
    if isinstance(header, str):
        shown.header = header
    elif isinstance(header, Attachment):
        shown.file = _file(message, header, files)
    shown.footer = getattr(content, "footer", "")
    _fill(shown, message, content, files)
    return shown


def _fill(shown: Sent, message: Message, content: Content, files: Files) -> None:
    match content:
        case model.File():
            shown.parts = Arrived(text=content.caption)
            shown.file = _file(message, content, files)
        case model.Location():
            point = f"{content.latitude:.6f}, {content.longitude:.6f}"
            place = Place(name=content.name, address=content.address, map_url=content.line(), coordinates=point)
            shown.parts = Arrived(place=place)
        case model.Contacts():
            shown.parts = Arrived(cards=[_card(person) for person in content.people])
        case model.Reaction():
            said = _("Reacted with %(emoji)s") % {"emoji": content.emoji}
            shown.parts = Arrived(said=said if content.emoji else _("Took a reaction back"), icon="message-circle")
        case _:
            _options(shown, content)


def _options(shown: Sent, content: Content) -> None:
    match content:
        case model.Buttons():
            shown.options = [button.title for button in content.buttons]
        case model.ListMenu():
            shown.options, shown.menu = [row.title for row in content.rows], content.button
        case model.LinkButton():
            shown.link = (content.title, content.url)
        case model.LocationRequest():
            shown.options = [_("Send location")]
        case model.FlowForm():
            shown.options = [content.button]
        case model.Template():
            shown.options = [button.title for button in content.buttons if button.title]


def _file(message: Message, attached: Attachment, files: Files) -> Shown:
    row = files.get(attached.asset)
    if row is not None:
        return of_shared(row, message)
    # With the provider, or at an address of somebody: there is nothing of ours to show.
    name = attached.filename or attached.link.rsplit("/", 1)[-1]
    return Shown(view="named", name=name, size=None, pk=message.pk, reason=attached.link)


def _card(person: Any) -> Card:
    lines = [("phone", phone, f"tel:{phone.replace(' ', '')}") for phone in person.phones]
    lines += [("mail", email, "") for email in person.emails]
    return Card(name=person.name, company=person.company, lines=lines)
