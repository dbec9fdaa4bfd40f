"""Why a message failed, in words; the provider's own titles are English and stay for codes not named here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from conversations.consent import rules
from conversations.models import Message

_CLOSED: Final = _("The 24-hour window was closed")
_NO_ACCESS: Final = _("WhatsApp did not accept the number's access token")

REASONS: Final[Mapping[str, Promise]] = {
    "WINDOW_CLOSED": _CLOSED,
    "131047": _CLOSED,
    rules.BLOCKED: _("The contact is blocked"),
    rules.OPTED_OUT: _("The person does not want such messages"),
    rules.STOPPED: _("The person stopped marketing messages"),
    "no_token": _NO_ACCESS,
    "0": _NO_ACCESS,
    "190": _NO_ACCESS,
    "connect": _("WhatsApp could not be reached"),
    "130403": _("The company blocked this person"),
    "130429": _("The number was sending too fast"),
    "130497": _("WhatsApp does not allow messages to this country"),
    "131000": _("WhatsApp had a problem"),
    "131016": _("WhatsApp had a problem"),
    "131021": _("Sender and recipient are the same number"),
    "131026": _("The message could not be delivered"),
    "131030": _("The person is not on the number's list of test recipients"),
    "131031": _("WhatsApp locked the account"),
    "131042": _("The payment of the WhatsApp account failed"),
    "131048": _("WhatsApp limited the number because of reports"),
    "131049": _("WhatsApp spares this person further marketing"),
    "131050": _("The person stopped marketing messages"),
    "131051": _("WhatsApp does not accept this kind of message"),
    "131053": _("The file could not be sent"),
    "131056": _("Too many messages to this person in a short time"),
}


def reason(message: Message) -> str:
    """Return why a message failed, the provider's code behind it."""
    code = message.error_code
    said = REASONS.get(code) or message.error_title or message.error_details or _("No reason was given")
    return f"{said} ({code})" if code else str(said)
