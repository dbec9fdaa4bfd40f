"""Health in words: reasons of a risk, what happened to a number, failures with their cause and what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from conversations.consent import rules
from conversations.gateway import error_classes
from conversations.health.figures import FailureGroup
from conversations.inbox import failures
from conversations.models import NumberEvent, WhatsAppNumber
from conversations.official import state

RESTRICTIONS: Final[Mapping[str, Promise]] = {
    "RESTRICTED_BIZ_INITIATED_MESSAGING": _("The account may not begin conversations; answering customers works."),
    "RESTRICTED_CUSTOMER_INITIATED_MESSAGING": _("The account may not answer customers."),
    "RESTRICTED_ADD_PHONE_NUMBER_ACTION": _("The account may not add phone numbers."),
    "RESTRICTED_UTILITY_TEMPLATES": _("The account may not send utility templates."),
}
QUALITIES: Final[Mapping[str, Promise]] = {
    "GREEN": _("Green (high)"),
    "YELLOW": _("Yellow (medium)"),
    "RED": _("Red (low)"),
    "FLAGGED": _("Flagged"),
    "UNKNOWN": _("Not rated yet"),
}


MOVED: Final = _("The number was registered in another organization.")
TEMPLATES: Final[Mapping[str, Promise]] = {
    "DRAFT": _("Draft"),
    "PENDING": _("In review"),
    "APPROVED": _("Approved"),
    "REJECTED": _("Rejected"),
    "PAUSED": _("Paused"),
    "DISABLED": _("Disabled"),
    "DELETED": _("Deleted"),
}


def template(state: str) -> str:
    """Return the state of a template in words."""
    return str(TEMPLATES.get(state, state))


def quality(rating: str) -> str:
    """Return a quality rating in words."""
    return str(QUALITIES.get(rating or "UNKNOWN", rating))


def tier(text: str) -> str:
    """Return how many people a day a messaging limit allows."""
    amount = text.removeprefix("TIER_")
    if not amount:
        return gettext("not known")
    if amount == "UNLIMITED":
        return gettext("no limit")
    people = state.people_a_day(text)
    number = number_format(people, force_grouping=True) if people else amount
    return gettext("%(number)s people in 24 h") % {"number": number}


def restriction(name: str) -> str:
    """Return a restriction in words; unknown ones by their name."""
    return str(RESTRICTIONS.get(name) or gettext("WhatsApp restricted the account (%(name)s).") % {"name": name})


_REASONS: Final[Mapping[str, Promise]] = {
    "banned": _("WhatsApp disabled the account."),
    "spam": _("WhatsApp limits the number because people report or block it."),
    "blocked": _("WhatsApp refuses every message of this number at present."),
    "connection": _("The number is not connected."),
    "undeliverable": _("%(share)s%% of the messages reach nobody: blocked, or not on WhatsApp."),
    "failed": _("%(share)s%% of the messages failed."),
    "opt_outs": _("%(share)s%% of the people written to asked to stop."),
    "portfolio": _("%(share)s%% of the people allowed in 24 h are used."),
}


def reason(found: Mapping[str, Any]) -> str:
    """Return a reason of the risk in words."""
    code, name, value = str(found.get("code")), str(found.get("name") or ""), float(found.get("value") or 0)
    match code:
        case "restricted":
            return restriction(name)
        case "quality":
            return gettext("WhatsApp rates the number's quality: %(quality)s.") % {"quality": quality(name)}
        case "templates":
            text = ngettext("%(count)d template is paused.", "%(count)d templates are paused.", int(value))
            return text % {"count": int(value)}
        case "token":
            text = ngettext("The token ends in %(count)d day.", "The token ends in %(count)d days.", int(value))
            return text % {"count": int(value)}
    return str(_REASONS[code] % {"share": f"{value * 100:.0f}"}) if code in _REASONS else code


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A class of failures as people see it."""

    group: FailureGroup
    cause: str
    advice: str
    is_ours: bool


_TOKEN: Final = _("Replace the token under “Credentials”.")
_WAIT: Final = _("Nothing: it is tried again, or it was a moment's trouble at WhatsApp.")
_PERSON: Final = _("Nothing to repair: it concerns this person. Remove the address from lists if it stays so.")
_PAYLOAD: Final = _("Look at the message or the flow that made it: something in it is not allowed.")
_PAY: Final = _("Repair the payment method in Meta's billing settings.")
_META: Final = _("Look into the account in Meta Business Manager; appeal there if it is a mistake.")
ADVICE: Final[Mapping[str, Promise]] = {
    "0": _TOKEN,
    "190": _TOKEN,
    "no_token": _TOKEN,
    "WINDOW_CLOSED": _("Answer within 24 hours, or send an approved template."),
    "131047": _("Answer within 24 hours, or send an approved template."),
    "131042": _PAY,
    "131048": _("Stop promotions for some days; write only to people who asked for it."),
    "131049": _("Wait at least 24 hours; WhatsApp spares people who get many promotions."),
    "131050": _("Nothing: the person stopped promotions, and they are not sent any more."),
    "130472": _("Nothing: WhatsApp leaves some people out as an experiment."),
    "131030": _("Add the person to the test number's recipients in Meta, or use a real number."),
    "131026": _("Check the number; the person may have blocked you or may not use WhatsApp."),
    "130429": _("Lower the messages per second of the number, or spread campaigns."),
    "131056": _("Send fewer messages in a row to the same person."),
    "132015": _("The template is paused: improve it, or choose another one."),
    "132016": _("The template is disabled: make a new one."),
    "132001": _("The template does not exist in this language: synchronise the templates."),
    "133010": _("Register the number in Meta again."),
    rules.OPTED_OUT: _("Nothing: the person asked to stop."),
    rules.STOPPED: _("Nothing: the person stopped promotions, and they are not sent any more."),
    rules.BLOCKED: _("Unblock the contact if it was a mistake."),
}
_BY_CLASS: Final[Mapping[str, Promise]] = {
    "T": _("Nothing: it waits and is tried again."),
    "U": _WAIT,
    "R": _PERSON,
    "M": _PAYLOAD,
    "P": _("Look at the template: WhatsApp refuses it for everybody."),
    "A": _META,
}
# Not sent because people do not want it: our doing, and right.
_OURS: Final = frozenset({rules.OPTED_OUT, rules.STOPPED, rules.BLOCKED, "WINDOW_CLOSED"})


def failure(group: FailureGroup) -> Failure:
    """Return a class of failures with its cause and what to do."""
    code = group.code
    cause = failures.REASONS.get(code) or group.title or gettext("No reason was given")
    kind = error_classes.classify(int(code), 400) if code.isdecimal() else "U"
    advice = ADVICE.get(code) or _BY_CLASS[kind]
    return Failure(group=group, cause=str(cause), advice=str(advice), is_ours=code in _OURS)


_FIELDS: Final[Mapping[str, Promise]] = {
    "quality_rating": _("Quality"),
    "messaging_limit_tier": _("Messaging limit"),
    "throughput_level": _("Throughput"),
    "status": _("Connection"),
    "name_state": _("State of the name"),
}


def event(row: NumberEvent) -> str:
    """Return what happened to a number in one sentence."""
    data = row.data if isinstance(row.data, dict) else {}
    teller = _TELLERS.get(row.kind)
    return teller(data) if teller else row.kind


def _reasons(data: Mapping[str, Any]) -> str:
    return " ".join(reason(item) for item in data.get("reasons") or [])


def _changed(data: Mapping[str, Any]) -> str:
    name = str(data.get("field"))
    old, new = (_value(name, str(data.get(key) or "")) for key in ("from", "to"))
    return gettext("%(name)s: from %(old)s to %(new)s.") % {"name": _FIELDS.get(name, name), "old": old, "new": new}


def _value(name: str, value: str) -> str:
    match name:
        case "quality_rating":
            return quality(value)
        case "messaging_limit_tier":
            return tier(value)
        case "status" if value in WhatsAppNumber.Status.values:
            return str(WhatsAppNumber.Status(value).label)
    return value or "—"


def _account(data: Mapping[str, Any]) -> str:
    match data.get("event"):
        case "DISABLED_UPDATE":
            return _ban(data)
        case "ACCOUNT_RESTRICTION":
            found = data.get("restrictions") or []
            if not found:
                return gettext("WhatsApp lifted the restrictions.")
            return " ".join(restriction(str(row.get("type"))) + _until(row.get("until")) for row in found)
        case "ACCOUNT_VIOLATION":
            return gettext("WhatsApp found a violation of its policy: %(name)s.") % {"name": data.get("violation")}
        case "ACCOUNT_DELETED" | "ACCOUNT_OFFBOARDED" | "PARTNER_REMOVED" | "PARTNER_APP_UNINSTALLED":
            return gettext("The account was taken off this app.")
        case "ACCOUNT_RECONNECTED" | "PARTNER_ADDED" | "PARTNER_APP_INSTALLED":
            return gettext("The account was connected to this app again.")
        case "VERIFIED_ACCOUNT":
            return gettext("The business was verified.")
        case other:
            return gettext("News of the account: %(name)s.") % {"name": other}


def _ban(data: Mapping[str, Any]) -> str:
    match data.get("ban"):
        case "DISABLE":
            return gettext("WhatsApp disabled the account.")
        case "REINSTATE":
            return gettext("WhatsApp restored the account.")
        case _:
            return gettext("WhatsApp will disable the account on %(date)s.") % {"date": data.get("date") or "—"}


def _until(value: Any) -> str:
    if not value:
        return ""
    end = timezone.localtime(datetime.fromisoformat(str(value)))
    return " " + gettext("(until %(end)s)") % {"end": date_format(end, "SHORT_DATETIME_FORMAT")}


def _quality(data: Mapping[str, Any]) -> str:
    match data.get("event"):
        case "THROUGHPUT_UPGRADE":
            return gettext("WhatsApp raised the throughput to 1,000 messages a second.")
        case "FLAGGED":
            return gettext("WhatsApp flagged the number: its quality is low.")
        case "UNFLAGGED":
            return gettext("WhatsApp took the flag off the number.")
        case _:
            return gettext("Messaging limit: %(tier)s.") % {"tier": tier(str(data.get("tier") or ""))}


def _name(data: Mapping[str, Any]) -> str:
    if data.get("decision") == "APPROVED":
        return gettext("WhatsApp approved the name %(name)s.") % {"name": data.get("name")}
    if data.get("decision") == "REJECTED":
        values = {"name": data.get("name"), "reason": data.get("reason") or "—"}
        return gettext("WhatsApp refused the name %(name)s: %(reason)s") % values
    return gettext("The name %(name)s is being reviewed.") % {"name": data.get("name")}


_TELLERS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "registered": lambda _data: gettext("Number registered."),
    "disconnected": lambda _data: gettext("Number disconnected."),
    "reconnected": lambda _data: gettext("Number connected again."),
    "moved": lambda _data: gettext(
        "The number was registered in another organization; it does not work here any more."
    ),
    "credentials": lambda _data: gettext("Credentials replaced."),
    "brake": lambda data: gettext("Automations and campaigns are held.") + " " + _reasons(data),
    "brake_released": lambda data: gettext("Automations and campaigns go on: %(reason)s") % data,
    "limits_reset": lambda _data: gettext("Counters of the limits cleared."),
    "token_ends": lambda data: gettext("The access token ends soon.") + _until(data.get("until")),
    "changed": _changed,
    "account_update": _account,
    "phone_number_quality_update": _quality,
    "phone_number_name_update": _name,
    "business_capability_update": lambda data: (
        gettext("Messaging limit: %(tier)s.") % {"tier": tier(str(data.get("tier") or ""))}
    ),
    "account_review_update": lambda data: (
        gettext("WhatsApp reviewed the account: %(decision)s.") % {"decision": data.get("decision")}
    ),
    "account_alerts": lambda data: (
        gettext("WhatsApp warns (%(type)s): %(text)s")
        % {"type": data.get("alert_type") or "—", "text": data.get("alert_description") or "—"}
    ),
    "security": lambda data: gettext("The number's PIN: %(name)s.") % {"name": data.get("event")},
}
