"""Custom fields: what an organization keeps of its contacts, and how typed values become stored ones."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.formats import date_format
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.models import CustomField
from conversations.people import owner
from pytake.accounts import audit
from pytake.accounts.models import User
from pytake.core.errors import ConflictError, DomainError
from pytake.core.text import fold

FIELDS_MAX: Final = 50
TEXT_MAX: Final = 500
_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
YES: Final = frozenset({"sim", "s", "yes", "y", "true", "verdadeiro", "1", "x", "on"})
_NO: Final = frozenset({"nao", "n", "no", "false", "falso", "0", "off"})
_DATES: Final = ("%Y-%m-%d", "%d/%m/%Y", "%d/%m/%y", "%d-%m-%Y", "%d.%m.%Y")


class InvalidValueError(ValueError):
    """The text is no value of the field; the message says what is expected."""


def defined() -> list[CustomField]:
    """Return the organization's fields in their order."""
    return list(CustomField.objects.filter(deleted_at=None).order_by("position", "created_at", "pk"))


def cleaned(field: CustomField, given: object) -> Any:
    """Return what is stored for a typed or given value; None for nothing. Raises InvalidValueError."""
    text = "" if given is None else str(given).strip()
    if not text:
        return None
    match field.kind:
        case CustomField.Kind.NUMBER:
            return _number(text)
        case CustomField.Kind.DATE:
            return _date(text)
        case CustomField.Kind.CHOICE:
            return _choice(field, text)
        case CustomField.Kind.YES_NO:
            return _yes_no(text)
    if len(text) > TEXT_MAX:
        raise InvalidValueError(_("At most %(most)d characters.") % {"most": TEXT_MAX})
    return text


def _number(text: str) -> int | float:
    plain = re.sub(r"[\sR$]", "", text)
    if "," in plain:
        # Whichever comes last marks the decimals: 1.234,50 and 1,234.50.
        comma_last = plain.rfind(",") > plain.rfind(".")
        plain = plain.replace(".", "").replace(",", ".") if comma_last else plain.replace(",", "")
    try:
        number = Decimal(plain)
    except InvalidOperation as exc:
        raise InvalidValueError(_("A number is expected.")) from exc
    if not number.is_finite() or abs(number) >= 10**15:
        raise InvalidValueError(_("A number is expected."))
    return int(number) if number == number.to_integral_value() else float(number)


def _date(text: str) -> str:
    for form in _DATES:
        try:
            return datetime.strptime(text[:10], form).date().isoformat()  # noqa: DTZ007  # a day has no zone
        except ValueError:
            continue
    raise InvalidValueError(_("A date is expected, such as 31/12/2026."))


def _choice(field: CustomField, text: str) -> str:
    for choice in field.choices:
        if fold(str(choice)) == fold(text):
            return str(choice)
    raise InvalidValueError(_("One of these is expected: %(names)s.") % {"names": ", ".join(map(str, field.choices))})


def _yes_no(text: str) -> bool:
    word = fold(text)
    if word in YES:
        return True
    if word in _NO:
        return False
    raise InvalidValueError(_("Yes or no is expected."))


def shown(field: CustomField, stored: Any) -> str:
    """Return a stored value as people read it; whatever it is, since flows write attributes, too."""
    if stored is None or stored == "":
        return ""
    if isinstance(stored, bool):
        return _("Yes") if stored else _("No")
    if field.kind == CustomField.Kind.DATE:
        try:
            return date_format(date.fromisoformat(str(stored)), "SHORT_DATE_FORMAT")
        except ValueError:
            pass
    return str(stored)


def merged(attributes: Mapping[str, Any], given: Mapping[str, object]) -> dict[str, Any]:
    """Return attributes with the given values; an empty one removes its key. Raises DomainError naming the fields."""
    known = {field.key: field for field in defined()}
    result = dict(attributes)
    problems: dict[str, list[object]] = {}
    for key, value in given.items():
        try:
            stored = cleaned(known[key], value) if key in known else _free(key, value)
        except InvalidValueError as exc:
            problems[f"attributes.{key}"] = [str(exc)]
            continue
        if stored is None:
            result.pop(key, None)
        else:
            result[key] = stored
    if problems:
        raise DomainError(gettext_lazy("Check the fields."), fields=problems)
    return result


def _free(key: str, value: object) -> Any:
    if not _KEY.fullmatch(key):
        raise InvalidValueError(_("Keys are letters, digits and underscores, at most 40."))
    if value is None or value == "":
        return None
    if isinstance(value, bool | int | float):
        return value
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        raise InvalidValueError(_("A text, a number, or true or false is expected."))
    return value


def define(*, label: str, kind: str, choices: Sequence[str], by: User, request: Any) -> CustomField:
    """Add a field; its key is made from the label."""
    organization_id = owner.of_new_rows()
    key = slugify(label).replace("-", "_")[:40] or "campo"
    key = key if key[0].isalpha() else f"campo_{key}"[:40]
    existing = CustomField.objects.filter(deleted_at=None)
    if existing.count() >= FIELDS_MAX:
        raise ConflictError(gettext_lazy("No more fields can be added."))
    try:
        with transaction.atomic():
            field = CustomField.objects.create(
                organization_id=organization_id,
                key=key,
                label=label,
                kind=kind,
                choices=list(choices),
                position=existing.count(),
            )
            audit.record(action="contact_field.added", entity=field, by=by, changes={"label": label}, request=request)
    except IntegrityError as exc:
        raise ConflictError(gettext_lazy("There is a field of this name already."), code="DUPLICATE") from exc
    return field


def change(field: CustomField, *, label: str, choices: Sequence[str], by: User, request: Any) -> None:
    """Rename a field or change its choices; values that contacts have stay as they are."""
    with transaction.atomic():
        field.label, field.choices = label, list(choices)
        field.save(update_fields=["label", "choices", "updated_at"])
        audit.record(action="contact_field.changed", entity=field, by=by, changes={"label": label}, request=request)


def remove(field_id: uuid.UUID, *, by: User, request: Any, now: datetime) -> None:
    """Take a field away; what contacts have under its key stays and is shown with the other attributes."""
    with transaction.atomic():
        field = CustomField.objects.get(pk=field_id)
        field.deleted_at = now
        field.save(update_fields=["deleted_at", "updated_at"])
        audit.record(action="contact_field.removed", entity=field, by=by, request=request)
