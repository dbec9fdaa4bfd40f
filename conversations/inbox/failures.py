"""Why a message failed, in words; the provider's own titles are English and stay for codes not named here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from conversations.consent import rules
from conversations.gateway import error_classes
from conversations.models import Message

_CLOSED: Final = _("The 24-hour window was closed")
_NO_ACCESS: Final = _("WhatsApp did not accept the number's access token")
_NO_ANSWER: Final = _("WhatsApp did not answer")
_NO_PERMISSION: Final = _("The access token lacks a permission")
_NOT_REGISTERED: Final = _("The number is not registered with WhatsApp")
_MISTAKE: Final = _("WhatsApp did not understand the message")
_TOO_MANY_CALLS: Final = _("Too many requests to WhatsApp")

REASONS: Final[Mapping[str, Promise]] = {
    "WINDOW_CLOSED": _CLOSED,
    "131047": _CLOSED,
    rules.BLOCKED: _("The contact is blocked"),
    rules.DELETED: _("The contact was deleted"),
    rules.OPTED_OUT: _("The person does not want such messages"),
    rules.STOPPED: _("The person stopped marketing messages"),
    "no_token": _NO_ACCESS,
    "0": _NO_ACCESS,
    "190": _NO_ACCESS,
    "connect": _("WhatsApp could not be reached"),
    "no_answer": _NO_ANSWER,
    "worker_died": _("PyTake was interrupted while it was sending"),
    "unreadable_answer": _("WhatsApp took the message and answered something unreadable"),
    "4": _TOO_MANY_CALLS,
    "80007": _TOO_MANY_CALLS,
    "33": _NOT_REGISTERED,
    "100": _MISTAKE,
    "131008": _MISTAKE,
    "131009": _MISTAKE,
    "132018": _MISTAKE,
    "135000": _MISTAKE,
    "10": _NO_PERMISSION,
    "200": _NO_PERMISSION,
    "131005": _NO_PERMISSION,
    "368": _("WhatsApp blocked the account for a while because of its rules"),
    "130403": _("The company blocked this person"),
    "130429": _("The number was sending too fast"),
    "130472": _("The person takes part in a test of WhatsApp that leaves out marketing"),
    "130497": _("WhatsApp does not allow messages to this country"),
    "131000": _("WhatsApp had a problem"),
    "131016": _("WhatsApp had a problem"),
    "131021": _("Sender and recipient are the same number"),
    "131026": _("The message could not be delivered"),
    "131030": _("The person is not on the number's list of test recipients"),
    "131031": _("WhatsApp locked the account"),
    "131042": _("The payment of the WhatsApp account failed"),
    "131037": _("The number's display name has not been approved"),
    "131045": _NOT_REGISTERED,
    "133010": _NOT_REGISTERED,
    "131048": _("WhatsApp limited the number because of reports"),
    "131049": _("WhatsApp spares this person further marketing"),
    "131050": _("The person stopped marketing messages"),
    "131051": _("WhatsApp does not accept this kind of message"),
    "131053": _("The file could not be sent"),
    "content": _("The message cannot be sent as it is stored"),
    "no_file": _("The file is not there any more"),
    "storage": _("The file could not be read"),
    "upload_unanswered": _("WhatsApp did not take the file"),
    "too_often": _("WhatsApp did not take the file"),
    "131056": _("Too many messages to this person in a short time"),
    "131057": _("WhatsApp is maintaining the number"),
    "131062": _("This kind of message needs the person's phone number"),
    "132000": _("The template expects other values"),
    "132012": _("The template expects other values"),
    "132001": _("The template does not exist in this language or is not approved"),
    "132005": _("The text became too long with its values"),
    "132007": _("The template breaks WhatsApp's rules"),
    "132015": _("WhatsApp paused the template because of its quality"),
    "132016": _("WhatsApp switched the template off for good"),
    "137000": _("The person has a new phone or security code"),
}


def reason(message: Message) -> str:
    """Return why a message failed, the provider's code behind it."""
    code = message.error_code
    said = REASONS.get(code) or message.error_title or message.error_details or _("No reason was given")
    return f"{said} ({code})" if code else str(said)


# What a failure concerns, by the class of its code.
KINDS: Final[Mapping[str, Promise]] = {
    "T": _("Too fast"),
    "U": _("No certain answer"),
    "R": _("The recipient"),
    "M": _("The message"),
    "P": _("The template"),
    "A": _("The number or its account"),
}
_OURS: Final[Mapping[str, str]] = {
    "WINDOW_CLOSED": "R",
    rules.BLOCKED: "R",
    rules.OPTED_OUT: "R",
    rules.STOPPED: "R",
    "no_token": "A",
    "connect": "U",
    "no_answer": "U",
    "worker_died": "U",
    "unreadable_answer": "U",
}


def kind_of(code: str) -> str:
    """Return the class of a code (T, U, R, M, P, A); empty when it is not known."""
    if code in _OURS:
        return _OURS[code]
    if code.startswith("http_"):
        return error_classes.classify(None, int(code.removeprefix("http_")))
    return error_classes.CLASSES.get(int(code), "") if code.isdigit() else ""


def codes_of(kind: str) -> list[str]:
    """Return the codes of a class."""
    known = [str(code) for code, name in error_classes.CLASSES.items() if name == kind]
    return known + [code for code, name in _OURS.items() if name == kind]
