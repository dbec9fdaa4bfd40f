"""What each row of an import will do: the same calculation for the preview and for the import itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from conversations.models import Contact, ContactImport, ContactImportRow, CustomField
from conversations.people import addresses, fields
from conversations.people.addresses import Address
from pytake.core.text import fold

_O = ContactImportRow.Outcome
CUSTOM: Final = "custom:"
TARGETS: Final[Mapping[str, Promise]] = {
    "phone": _("Phone"),
    "name": _("Name"),
    "email": _("E-mail"),
    "company": _("Company"),
    "document": _("Document"),
    "notes": _("Notes"),
    "tags": _("Tags"),
    "vip": "VIP",  # type: ignore[dict-item]  # the same in every language
}
_LENGTHS: Final = {"name": 150, "email": 254, "company": 150, "document": 20, "notes": 5_000}
# Headers as people write them, folded.
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "phone": (
        "telefone", "celular", "whatsapp", "fone", "tel", "numero", "phone", "mobile", "cell", "number", "contato",
        "telefone celular", "phone number", "wa id", "whatsapp id", "telefone 1", "phone 1 value",
    ),
    "name": ("nome", "nome completo", "cliente", "name", "full name", "razao social", "first name"),
    "email": ("email", "e mail", "e mail 1 value", "correio", "mail"),
    "company": ("empresa", "company", "organization", "organizacao"),
    "document": ("cpf", "cnpj", "cpf cnpj", "documento", "document"),
    "notes": ("observacao", "observacoes", "obs", "notas", "anotacoes", "notes", "comments"),
    "tags": ("tags", "tag", "etiquetas", "etiqueta", "marcadores", "labels"),
    "vip": ("vip",),
}  # fmt: skip
PROBLEMS: Final[Mapping[str, str | Promise]] = {
    **addresses.PROBLEMS,
    "repeated": _("This phone is in an earlier row of the file."),
    "email": _("The e-mail address is not valid."),
    "long": _("A value is too long for its field."),
    "value": _("A value does not fit its custom field."),
    "plan": _("Your plan allows no more contacts."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a row will do. `data` and `attributes` hold only what the row says."""

    number: int
    outcome: str = ""
    problem: str = ""
    address: Address | None = None
    data: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    contact_id: uuid.UUID | None = None


def guess(headers: Sequence[str], rows: Iterable[Sequence[str]], custom: Sequence[CustomField]) -> dict[str, str]:
    """Return a mapping for the headers; without a phone column, the one whose values are phones."""
    found: dict[str, str] = {}
    own = {fold(name): f"{CUSTOM}{row.key}" for row in custom for name in (row.label, row.key)}
    for index, header in enumerate(headers):
        word = " ".join(fold(header).replace("_", " ").replace("-", " ").split())
        target = next((name for name, words in _WORDS.items() if word in words), own.get(fold(header), ""))
        if target and target not in found.values():
            found[str(index)] = target
    if "phone" not in found.values():
        likely = _column_of_phones(list(rows)[:50], len(headers))
        if likely is not None:
            found[str(likely)] = "phone"
    return found


def _column_of_phones(rows: Sequence[Sequence[str]], width: int) -> int | None:
    def hits(column: int) -> int:
        return sum(1 for row in rows if column < len(row) and _is_phone(row[column]))

    best = max(range(width), key=hits, default=None)
    return best if best is not None and rows and hits(best) * 2 > len(rows) else None


def _is_phone(text: str) -> bool:
    try:
        addresses.read(text)
    except addresses.AddressError:
        return False
    return True


class Reader:
    """Reads rows under a mapping."""

    def __init__(self, job: ContactImport, custom: Sequence[CustomField]) -> None:
        self._columns = [(int(index), target) for index, target in job.mapping.items()]
        self._custom = {row.key: row for row in custom}

    def read(self, number: int, values: Sequence[str]) -> Planned:
        """Return what the row says, or why it is refused."""
        said = {target: values[index] for index, target in self._columns if index < len(values)}
        try:
            address = addresses.read(said.pop("phone", ""))
        except addresses.AddressError as exc:
            return Planned(number=number, outcome=_O.REFUSED, problem=exc.code)
        plan = Planned(number=number, address=address, tags=tags_of(said.pop("tags", "")))
        return self._with_data(plan, said)

    def _with_data(self, plan: Planned, said: Mapping[str, str]) -> Planned:
        for target, text in said.items():
            if not text:
                continue
            if problem := self._take(plan, target, text):
                return replace(plan, outcome=_O.REFUSED, problem=problem)
        return plan

    def _take(self, plan: Planned, target: str, text: str) -> str:
        """Take one value into the plan; return what is wrong with it."""
        if target.startswith(CUSTOM):
            known = self._custom.get(target.removeprefix(CUSTOM))
            if known is None:
                return ""
            try:
                plan.attributes[known.key] = fields.cleaned(known, text)
            except fields.InvalidValueError:
                return "value"
            return ""
        if target == "vip":
            plan.data["is_vip"] = fold(text) in fields.YES
            return ""
        if len(text) > _LENGTHS[target]:
            return "long"
        if target == "email":
            try:
                validate_email(text)
            except ValidationError:
                return "email"
        plan.data[target] = text
        return ""


def tags_of(text: str) -> tuple[str, ...]:
    """Return the names of tags in a text, between commas, semicolons or bars."""
    parts = (" ".join(part.split())[:60] for part in text.replace(";", ",").replace("|", ",").split(","))
    return tuple(sorted({part for part in parts if part}))


def settle(
    plans: Iterable[Planned], known: Mapping[str, Contact], *, taken: set[uuid.UUID], mode: str, room: int | None
) -> list[Planned]:
    """Decide each row's outcome: who is known by which key, who came earlier in the file, how many may be new."""
    seen: set[str] = set()
    settled = []
    for plan in plans:
        if plan.address is None or plan.outcome:
            settled.append(plan)
            continue
        key = plan.address.key
        contact = known.get(key)
        if key in seen or (contact is not None and contact.pk in taken):
            settled.append(replace(plan, outcome=_O.REFUSED, problem="repeated"))
            continue
        seen.add(key)
        if contact is not None and contact.deleted_at is None:
            is_same = mode == "skip" or not changes(contact, plan, overwrite=mode == "overwrite")
            outcome = _O.UNCHANGED if is_same and not (plan.tags and mode != "skip") else _O.UPDATED
            settled.append(replace(plan, outcome=outcome, contact_id=contact.pk))
            continue
        if room is not None and room <= 0:
            settled.append(replace(plan, outcome=_O.REFUSED, problem="plan"))
            continue
        room = room - 1 if room is not None else None
        settled.append(replace(plan, outcome=_O.CREATED, contact_id=contact.pk if contact else None))
    return settled


def changes(contact: Contact, plan: Planned, *, overwrite: bool) -> dict[str, Any]:
    """Return what the row changes of a known contact: what is empty, or with `overwrite` what differs."""
    found: dict[str, Any] = {}
    for name, value in plan.data.items():
        old = getattr(contact, name)
        if value != old and (overwrite or not old):
            found[name] = value
    fresh = {
        key: value
        for key, value in plan.attributes.items()
        if value is not None and contact.attributes.get(key) != value and (overwrite or key not in contact.attributes)
    }
    if fresh:
        found["attributes"] = {**contact.attributes, **fresh}
    return found
