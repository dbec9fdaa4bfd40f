"""Webhooks about numbers and accounts: applied once each, never an older one over a newer one, and told to people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from django.db import transaction

from conversations import number_line, payloads
from conversations.inbound_items import Entry
from conversations.models import NumberEvent, WhatsAppNumber
from conversations.number_line import Happening
from conversations.official import state
from pytake.accounts import audit
from pytake.infra.nudge import nudge

_INFO, _WARNING, _CRITICAL = NumberEvent.Severity.INFO, NumberEvent.Severity.WARNING, NumberEvent.Severity.CRITICAL
_H, _S = WhatsAppNumber.Health, WhatsAppNumber.Status
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a notice means: its severity, what people are told of it, the columns to write.

    `about` names what it decides: of two notices about the same thing the later one counts.
    """

    severity: str = _INFO
    data: Values = field(default_factory=dict)
    columns: Values = field(default_factory=dict)
    about: str = ""


def apply(number: WhatsAppNumber, entries: Sequence[Entry], *, now: datetime) -> list[Entry]:
    """Apply notices about a number in the order of their time; return entries that nobody here understands."""
    if not entries:
        return []
    keys = {entry.item.key for entry in entries}
    done = number_line.known([number.pk], list(keys))
    fresh = {entry.item.key: entry for entry in entries if (number.pk, entry.item.key) not in done}
    read = [(_at(entry, now), entry, _meaning(number, entry)) for entry in fresh.values()]
    odd = [entry for _, entry, meaning in read if meaning is None]
    known = sorted(((at, entry, meaning) for at, entry, meaning in read if meaning), key=lambda row: row[0])
    if known:
        _write(number, known, now=now)
    return odd


def _write(number: WhatsAppNumber, read: Sequence[tuple[datetime, Entry, Meaning]], *, now: datetime) -> None:
    newest = _newest(number, {meaning.about for _, _, meaning in read})
    happened: list[Happening] = []
    columns: dict[str, Any] = {}
    for at, entry, meaning in read:
        is_late = meaning.about != "" and at < newest.get(meaning.about, at)
        if not is_late:
            columns |= meaning.columns
            for name, value in meaning.columns.items():
                setattr(number, name, value)
        data = {**meaning.data, "about": meaning.about, **({"late": True} if is_late else {})}
        kind = str(entry.item.payload["field"])[:40]
        happened.append(
            Happening(number=number, kind=kind, at=at, severity=meaning.severity, data=data, key=entry.item.key)
        )
    with transaction.atomic():
        if columns:
            WhatsAppNumber.objects.filter(pk=number.pk).update(**columns)
            audit.record(action="number.changed_by_whatsapp", entity=number, by="WhatsApp", changes=columns, now=now)
        number_line.record(happened, now=now)
    # What notices leave out (the rating, the exact limit) is asked for; what they mean for the risk is judged at once.
    nudge("conversations.refresh_numbers", number_id=str(number.pk))
    nudge("conversations.watch_numbers", organization_id=str(number.organization_id))


def _newest(number: WhatsAppNumber, subjects: set[str]) -> dict[str, datetime]:
    """Return when something was last decided, by subject."""
    rows = NumberEvent.objects.filter(number=number, data__about__in=[name for name in subjects if name])
    newest: dict[str, datetime] = {}
    for about, at in rows.order_by("-occurred_at").values_list("data__about", "occurred_at")[:200]:
        newest.setdefault(str(about), at)
    return newest


def _at(entry: Entry, now: datetime) -> datetime:
    """Return when it happened: a clock that goes ahead must not outlive what comes later."""
    return min(payloads.timestamp(entry.item.payload.get("time"), otherwise=now), now)


def _meaning(number: WhatsAppNumber, entry: Entry) -> Meaning | None:
    value = entry.item.payload["value"]
    reader = _READERS.get(str(entry.item.payload["field"]))
    return reader(number, value) if reader else None


def _quality(number: WhatsAppNumber, value: Values) -> Meaning:
    """Read `phone_number_quality_update`: the limit of people a day, the throughput, and (legacy) the flag."""
    event = str(value.get("event") or "").upper()
    limit = state.tier(value.get("max_daily_conversations_per_business") or value.get("current_limit"))
    columns: dict[str, Any] = {"messaging_limit_tier": limit} if limit else {}
    if event == "THROUGHPUT_UPGRADE":
        columns["throughput_level"] = "HIGH"
    if event == "FLAGGED":
        columns["quality_rating"] = "FLAGGED"
    if event == "UNFLAGGED" and number.quality_rating == "FLAGGED":
        columns["quality_rating"] = "UNKNOWN"
    severity = {"FLAGGED": _CRITICAL, "DOWNGRADE": _WARNING}.get(event, _INFO)
    return Meaning(severity, {"event": event, "tier": limit}, columns, about="quality")


def _capability(number: WhatsAppNumber, value: Values) -> Meaning:
    """Read `business_capability_update`: how many people the portfolio may begin talking to in 24 hours."""
    limit = state.tier(
        value.get("max_daily_conversations_per_business") or value.get("max_daily_conversation_per_phone")
    )
    before, after = state.people_a_day(number.messaging_limit_tier), state.people_a_day(limit)
    is_less = after is not None and (before is None or after < before) and number.messaging_limit_tier != ""
    columns = {"messaging_limit_tier": limit} if limit else {}
    return Meaning(_WARNING if is_less else _INFO, {"tier": limit}, columns, about="capability")


def _name(number: WhatsAppNumber, value: Values) -> Meaning:
    """Read `phone_number_name_update`."""
    decision = str(value.get("decision") or "").upper()
    name = str(value.get("requested_verified_name") or "")[:120]
    columns: dict[str, Any] = {"name_state": decision[:32]} if decision else {}
    if decision == "APPROVED" and name:
        columns["verified_name"] = name
    reason = value.get("rejection_reason")
    data = {"decision": decision, "name": name, "reason": "" if reason in (None, "NONE") else str(reason)[:200]}
    return Meaning(_WARNING if decision == "REJECTED" else _INFO, data, columns, about="name")


def _review(number: WhatsAppNumber, value: Values) -> Meaning:
    """Read `account_review_update`."""
    decision = str(value.get("decision") or "").upper()[:40]
    return Meaning(_CRITICAL if decision == "REJECTED" else _INFO, {"decision": decision}, about="review")


def _alert(number: WhatsAppNumber, value: Values) -> Meaning:
    """Read `account_alerts`: told, and nothing else follows."""
    names = ("entity_type", "alert_severity", "alert_status", "alert_type", "alert_description")
    data = {name: str(value.get(name) or "")[:500] for name in names}
    return Meaning({"CRITICAL": _CRITICAL, "WARNING": _WARNING}.get(data["alert_severity"].upper(), _INFO), data)


def _security(number: WhatsAppNumber, value: Values) -> Meaning:
    """Read `security`: somebody touched the PIN of the number."""
    return Meaning(_WARNING, {"event": str(value.get("event") or "")[:60]})


def _account(number: WhatsAppNumber, value: Values) -> Meaning:
    """Read `account_update`: bans, restrictions, violations and the rest."""
    event = str(value.get("event") or "").upper()
    match event:
        case "DISABLED_UPDATE":
            return _ban(number, value)
        case "ACCOUNT_RESTRICTION":
            found = _restrictions(value.get("restriction_info"))
            data = {"event": event, "restrictions": found}
            health = _health_under(found, number)
            return Meaning(_CRITICAL if found else _INFO, data, {"restrictions": found, **health}, about="restriction")
        case "ACCOUNT_VIOLATION":
            info = value.get("violation_info")
            kind = str(info.get("violation_type") or "")[:80] if isinstance(info, Mapping) else ""
            return Meaning(_CRITICAL, {"event": event, "violation": kind})
        case "ACCOUNT_DELETED" | "ACCOUNT_OFFBOARDED" | "PARTNER_REMOVED" | "PARTNER_APP_UNINSTALLED":
            columns = {"status": _S.ERROR, "status_reason": f"WhatsApp: {event}"}
            return Meaning(_CRITICAL, {"event": event}, columns, about="connection")
        case "ACCOUNT_RECONNECTED" | "PARTNER_ADDED" | "PARTNER_APP_INSTALLED":
            return Meaning(_INFO, {"event": event}, {"status": _S.CONNECTED, "status_reason": ""}, about="connection")
        case _:
            return Meaning(_INFO, {"event": event[:80]})


def _health_under(found: list[dict[str, str]], number: WhatsAppNumber) -> dict[str, Any]:
    """Return the health to write: degraded by restrictions, well again when they are lifted, blocked stays."""
    if found:
        return {} if number.health_state == _H.BLOCKED else {"health_state": _H.DEGRADED}
    is_over = bool(number.restrictions) and number.health_state == _H.DEGRADED
    return {"health_state": _H.OK} if is_over else {}


def _ban(number: WhatsAppNumber, value: Values) -> Meaning:
    info = value.get("ban_info")
    info = info if isinstance(info, Mapping) else {}
    verdict = str(info.get("waba_ban_state") or "").upper()[:40]
    data = {"event": "DISABLED_UPDATE", "ban": verdict, "date": str(info.get("waba_ban_date") or "")[:40]}
    match verdict:
        case "DISABLE":
            columns: dict[str, Any] = {
                "status": _S.ERROR, "status_reason": "WhatsApp: DISABLED", "health_state": _H.BLOCKED,
                "health_reasons": [{"code": "banned", "detail": data["date"]}],
            }  # fmt: skip
            return Meaning(_CRITICAL, data, columns, about="ban")
        case "REINSTATE":
            columns = {"status": _S.CONNECTED, "status_reason": "", "health_state": _H.OK, "health_reasons": []}
            return Meaning(_INFO, data, columns, about="ban")
        case _:
            return Meaning(_CRITICAL, data, about="ban")


def _restrictions(info: Any) -> list[dict[str, str]]:
    return [
        {"type": str(row["restriction_type"])[:80], "until": _until(row.get("expiration"))}
        for row in (info if isinstance(info, list) else [])
        if isinstance(row, Mapping) and row.get("restriction_type")
    ]


def _until(value: Any) -> str:
    """Return the end of a restriction as an ISO instant; empty when it does not say."""
    if value in (None, ""):
        return ""
    if isinstance(value, str) and not value.replace(".", "", 1).isdecimal():
        try:
            end = datetime.fromisoformat(value)
        except ValueError:
            return ""
        return (end if end.tzinfo else end.replace(tzinfo=UTC)).isoformat()
    end = payloads.timestamp(value, otherwise=datetime.min.replace(tzinfo=UTC))
    return "" if end.year == 1 else end.isoformat()


def active_restrictions(number: WhatsAppNumber, *, now: datetime) -> list[dict[str, str]]:
    """Return what the account may not do at present; those without an end hold until WhatsApp lifts them."""
    return [row for row in number.restrictions if not row.get("until") or datetime.fromisoformat(row["until"]) > now]


_READERS: Final[Mapping[str, Callable[[WhatsAppNumber, Values], Meaning]]] = {
    "phone_number_quality_update": _quality,
    "phone_number_name_update": _name,
    "account_update": _account,
    "account_alerts": _alert,
    "account_review_update": _review,
    "business_capability_update": _capability,
    "security": _security,
}
