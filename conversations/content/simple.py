"""Texts, places, people and reactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from conversations.content import limits, reading
from conversations.content.limits import ContentError


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A plain text."""

    message_type: ClassVar[str] = "text"

    body: str
    preview_url: bool = False

    def __post_init__(self) -> None:
        limits.length("body", self.body, limits.TEXT_MAX)

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {"kind": "text", "body": self.body, "preview_url": self.preview_url}

    @classmethod
    def parse(cls, raw: reading.Raw) -> Self:
        """Return what `as_dict` stored."""
        return cls(body=reading.text(raw, "body"), preview_url=bool(raw.get("preview_url", False)))

    def as_cloud_api(self) -> dict[str, Any]:
        """Return the provider's message."""
        return {"type": "text", "text": {"body": self.body, "preview_url": self.preview_url}}

    @property
    def text(self) -> str:
        """Return the words in it, for searching."""
        return self.body

    def preview(self) -> str:
        """Return one line of it for lists."""
        return self.body

    def as_numbered_text(self) -> str:
        """Return the form for channels without menus."""
        return self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A point on the map."""

    message_type: ClassVar[str] = "location"

    latitude: float
    longitude: float
    name: str = ""
    address: str = ""

    def __post_init__(self) -> None:
        for field, value, bound in (("latitude", self.latitude, 90), ("longitude", self.longitude, 180)):
            # Written so that "not a number" is refused as well.
            if not -bound <= value <= bound:
                raise ContentError(field, bound, limits.OUT_OF_RANGE)
        limits.length("name", self.name, limits.PLACE_MAX, required=False)
        limits.length("address", self.address, limits.PLACE_MAX, required=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        point = {"kind": "location", "latitude": self.latitude, "longitude": self.longitude}
        return point | reading.filled(name=self.name, address=self.address)

    @classmethod
    def parse(cls, raw: reading.Raw) -> Self:
        """Return what `as_dict` stored."""
        return cls(
            latitude=reading.number(raw, "latitude"),
            longitude=reading.number(raw, "longitude"),
            name=reading.text(raw, "name"),
            address=reading.text(raw, "address"),
        )

    def as_object(self) -> dict[str, Any]:
        """Return the provider's location object."""
        point = {"latitude": f"{self.latitude:.6f}", "longitude": f"{self.longitude:.6f}"}
        return point | reading.filled(name=self.name, address=self.address)

    def as_parameter(self) -> dict[str, Any]:
        """Return it as the header of a template."""
        return {"type": "location", "location": self.as_object()}

    def as_cloud_api(self) -> dict[str, Any]:
        """Return the provider's message."""
        return self.as_parameter()

    @property
    def text(self) -> str:
        """Return the words in it, for searching."""
        return " · ".join(part for part in (self.name, self.address) if part)

    def preview(self) -> str:
        """Return one line of it for lists."""
        return f"[location] {self.text}".rstrip()

    def line(self) -> str:
        """Return a link to the map."""
        return f"https://www.google.com/maps/search/?api=1&query={self.latitude:.6f},{self.longitude:.6f}"

    def as_numbered_text(self) -> str:
        """Return the form for channels without maps."""
        return "\n".join(part for part in (self.name, self.address, self.line()) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person of a contact card. The provider wants a name that is more than the whole one."""

    name: str
    first_name: str
    last_name: str = ""
    company: str = ""
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return reading.filled(
            name=self.name,
            first_name=self.first_name,
            last_name=self.last_name,
            company=self.company,
            phones=list(self.phones),
            emails=list(self.emails),
        )

    @classmethod
    def parse(cls, raw: reading.Raw) -> Self:
        """Return what `as_dict` stored."""
        name = reading.text(raw, "name")
        return cls(
            name=name,
            first_name=reading.text(raw, "first_name") or name,
            last_name=reading.text(raw, "last_name"),
            company=reading.text(raw, "company"),
            phones=tuple(map(str, raw.get("phones") or ())),
            emails=tuple(map(str, raw.get("emails") or ())),
        )

    def as_object(self) -> dict[str, Any]:
        """Return the provider's contact object."""
        name = {"formatted_name": self.name, "first_name": self.first_name} | reading.filled(last_name=self.last_name)
        return {"name": name} | reading.filled(
            org=reading.filled(company=self.company),
            phones=[_phone(phone) for phone in self.phones],
            emails=[{"email": email, "type": "WORK"} for email in self.emails],
        )


def _phone(phone: str) -> dict[str, str]:
    digits = "".join(char for char in phone if char.isdigit())
    return {"phone": phone, "type": "CELL", "wa_id": digits}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts:
    """One or more contact cards."""

    message_type: ClassVar[str] = "contacts"

    people: tuple[Person, ...]

    def __post_init__(self) -> None:
        limits.count("people", self.people, low=1, high=limits.CONTACTS_MAX)
        for index, person in enumerate(self.people):
            limits.length(f"people.{index}.name", person.name, limits.NAME_MAX)
            limits.length(f"people.{index}.first_name", person.first_name, limits.NAME_MAX)

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {"kind": "contacts", "people": [person.as_dict() for person in self.people]}

    @classmethod
    def parse(cls, raw: reading.Raw) -> Self:
        """Return what `as_dict` stored."""
        return cls(people=tuple(Person.parse(item) for item in reading.items(raw, "people")))

    def as_cloud_api(self) -> dict[str, Any]:
        """Return the provider's message."""
        return {"type": "contacts", "contacts": [person.as_object() for person in self.people]}

    @property
    def text(self) -> str:
        """Return the words in it, for searching."""
        return ", ".join(person.name for person in self.people)

    def preview(self) -> str:
        """Return one line of it for lists."""
        return f"[contacts] {self.text}"

    def as_numbered_text(self) -> str:
        """Return the form for channels without contact cards."""
        lines = [[person.name, person.company, *person.phones, *person.emails] for person in self.people]
        return "\n\n".join("\n".join(part for part in person if part) for person in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """An emoji on a message of the person, named by the provider's id; an empty one takes it back."""

    message_type: ClassVar[str] = "reaction"

    message_id: str
    emoji: str = ""

    def __post_init__(self) -> None:
        limits.length("message_id", self.message_id, limits.MESSAGE_ID_MAX)
        limits.length("emoji", self.emoji, limits.EMOJI_MAX, required=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {"kind": "reaction", "message_id": self.message_id, "emoji": self.emoji}

    @classmethod
    def parse(cls, raw: reading.Raw) -> Self:
        """Return what `as_dict` stored."""
        return cls(message_id=reading.text(raw, "message_id"), emoji=reading.text(raw, "emoji"))

    def as_cloud_api(self) -> dict[str, Any]:
        """Return the provider's message."""
        return {"type": "reaction", "reaction": {"message_id": self.message_id, "emoji": self.emoji}}

    @property
    def text(self) -> str:
        """Return the words in it, for searching."""
        return self.emoji

    def preview(self) -> str:
        """Return one line of it for lists."""
        return f"[reaction] {self.emoji}".rstrip()

    def as_numbered_text(self) -> str:
        """Return the form for channels without reactions."""
        return self.emoji
