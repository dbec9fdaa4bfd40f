"""Reading answers: what a contact wrote, as the typed value that the question asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from flows.engine.events import Reply
from pytake.core import documents, patterns, phones
from pytake.core.expressions.values import number_of, plain
from pytake.core.text import fold

TEXT_MAX: Final = 1000
YES: Final = {"sim", "s", "yes", "y", "ok", "claro", "1"}
NO: Final = {"nao", "n", "no", "2"}
SKIP: Final = {"pular", "skip"}
MEDIA: Final = {"image", "video", "audio", "document", "sticker"}
_EMAIL: Final = re.compile(r"^[^\s@]+@[^\s@]+\.[^\s@.]{2,}$")
_URL: Final = re.compile(r"^https?://[^\s/$.?#][^\s]*$", re.IGNORECASE)
_TIME: Final = re.compile(r"^(\d{1,2})\s*(?::|h|H)\s*(\d{2})?\s*(?:min|m)?$")
_DAY: Final = re.compile(r"^(\d{1,2})[/.-](\d{1,2})(?:[/.-](\d{2}|\d{4}))?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Limits that the author gave."""

    required: bool = True
    min_length: int | None = None
    max_length: int | None = None
    min: Any = None
    max: Any = None
    regex: str = ""
    integer: bool = False


NO_RULES: Final = Rules()


@dataclass(frozen=True, slots=True)
class Moment:
    """When and where the answer is read."""

    now: datetime
    zone: ZoneInfo

    @property
    def today(self) -> date:
        """The local day."""
        return self.now.astimezone(self.zone).date()


class WrongAnswerError(ValueError):
    """The answer is not what was asked; `key` names a phrase, `values` fill it."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


def read(kind: str, reply: Reply, rules: Rules, moment: Moment) -> Any:
    """Return the typed value, None for a skipped one; raises WrongAnswerError."""
    if not rules.required and (fold(reply.text) in SKIP or (not reply.text.strip() and reply.kind == "text")):
        return None
    if kind in {"media", "location", "contact"}:
        return _payload(kind, reply)
    if kind == "any" and reply.kind not in {"text", "button", "list"}:
        return {"kind": reply.kind, **reply.payload}
    if reply.kind not in {"text", "button", "list"}:
        raise WrongAnswerError(kind if kind in READERS and kind != "any" else "text")
    return READERS[kind](reply.text.strip(), rules, moment)


def _payload(kind: str, reply: Reply) -> Any:
    wanted = MEDIA if kind == "media" else {"contacts"} if kind == "contact" else {kind}
    if reply.kind not in wanted:
        raise WrongAnswerError(kind)
    return {"kind": reply.kind, "message_id": reply.message_id, **reply.payload}


def _text(answer: str, rules: Rules, _: Moment) -> str:
    low, high = rules.min_length or 1, rules.max_length or TEXT_MAX
    if not low <= len(answer) <= high:
        raise WrongAnswerError("length", min=low, max=high)
    if rules.regex and not patterns.matches(rules.regex, answer):
        raise WrongAnswerError("regex")
    return answer


def _any(answer: str, _rules: Rules, _: Moment) -> str:
    return answer


def _email(answer: str, _rules: Rules, _: Moment) -> str:
    if len(answer) > 254 or answer.count("@") != 1 or not _EMAIL.match(answer):
        raise WrongAnswerError("email")
    local, _at, domain = answer.partition("@")
    if ".." in domain or domain.startswith((".", "-")):
        raise WrongAnswerError("email")
    return f"{local}@{domain.lower()}"


def _phone(answer: str, _rules: Rules, _: Moment) -> str:
    try:
        digits = phones.normalize_phone(answer)
    except phones.InvalidPhoneError as exc:
        raise WrongAnswerError("phone") from exc
    if not 10 <= len(digits) <= 15 or re.search(r"[A-Za-z]", answer):
        raise WrongAnswerError("phone")
    return digits


def _number(answer: str, rules: Rules, _: Moment) -> Any:
    number = number_of(re.sub(r"^R\$\s*", "", answer))
    if number is None or (rules.integer and number != number.to_integral_value()):
        raise WrongAnswerError("number")
    low, high = number_of(rules.min), number_of(rules.max)
    if (low is not None and number < low) or (high is not None and number > high):
        raise WrongAnswerError("range", min=_bound(low, "-∞"), max=_bound(high, "∞"))
    return plain(number)


def _bound(value: object, otherwise: str) -> object:
    return otherwise if value is None else plain(value)


def _yes_no(answer: str, _rules: Rules, _: Moment) -> bool:
    word = fold(answer)
    if word in YES:
        return True
    if word in NO:
        return False
    raise WrongAnswerError("yes_no")


def _date(answer: str, rules: Rules, moment: Moment) -> str:
    day = parse_day(answer, moment.today)
    if day is None:
        raise WrongAnswerError("date")
    low, high = parse_day(str(rules.min or ""), moment.today), parse_day(str(rules.max or ""), moment.today)
    if (low and day < low) or (high and day > high):
        raise WrongAnswerError("range", min=_shown(low), max=_shown(high))
    return day.isoformat()


def _shown(day: date | None) -> str:
    return day.strftime("%d/%m/%Y") if day else "…"


def parse_day(answer: str, today: date) -> date | None:
    """Return the day that a text means: DD/MM/YYYY, DD/MM (the next such day), ISO, hoje, amanhã."""
    words = {"hoje": 0, "today": 0, "amanha": 1, "tomorrow": 1, "depois de amanha": 2}
    if (shift := words.get(fold(answer))) is not None:
        return today + timedelta(days=shift)
    try:
        return date.fromisoformat(answer.strip())
    except ValueError:
        pass
    match = _DAY.match(answer.strip())
    if match is None:
        return None
    try:
        return _calendar_day(match, today)
    except ValueError:
        return None


def _calendar_day(match: re.Match[str], today: date) -> date:
    day, month, year = int(match[1]), int(match[2]), match[3]
    if year:
        return date(int(year) if len(year) == 4 else 2000 + int(year), month, day)
    this_year = date(today.year, month, day)
    return this_year if this_year >= today else date(today.year + 1, month, day)


def _time(answer: str, rules: Rules, _: Moment) -> str:
    match = _TIME.match(answer.strip())
    hour, minute = (int(match[1]), int(match[2] or 0)) if match else (99, 0)
    if hour > 23 or minute > 59:
        raise WrongAnswerError("time")
    value = f"{hour:02d}:{minute:02d}"
    if (rules.min and value < str(rules.min)) or (rules.max and value > str(rules.max)):
        raise WrongAnswerError("range", min=rules.min or "00:00", max=rules.max or "23:59")
    return value


def _document(name: str, check: Callable[[str], str | None]) -> Callable[[str, Rules, Moment], str]:
    def reader(answer: str, _rules: Rules, _: Moment) -> str:
        value = check(answer)
        if value is None:
            raise WrongAnswerError(name)
        return value

    return reader


def _url(answer: str, _rules: Rules, _: Moment) -> str:
    if len(answer) > 2000 or not _URL.match(answer):
        raise WrongAnswerError("url")
    return answer


READERS: Final[Mapping[str, Callable[[str, Rules, Moment], Any]]] = {
    "text": _text,
    "any": _any,
    "email": _email,
    "phone": _phone,
    "number": _number,
    "yes_no": _yes_no,
    "date": _date,
    "time": _time,
    "cpf": _document("cpf", documents.cpf),
    "cnpj": _document("cnpj", documents.cnpj),
    "cep": _document("cep", documents.cep),
    "url": _url,
}
KINDS: Final = (*READERS, "choice", "media", "location", "contact")
